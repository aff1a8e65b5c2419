"""The kill switch as far as the connection needs it: judged by a capture at the far end."""

import os
import signal
import subprocess
import sys
import time

from configs import DIRECT, config, http, socks5
from lab import DNS4, WEB4, WEB6, check, main, tail, to_upstream, wait_for
from test_tcp import CLIENTS

# Less than that of an application that is told nothing (clients.storm).
PATIENCE_SECONDS = 100


def servers(lab):
    lab.web()
    lab.dns()
    for address in (WEB4, WEB6):
        lab.server("digest", address, 7001)
        lab.server("source", address, 7002)


def noise(lab):
    """Applications that try every way out; most of it fails, none of it may leave."""
    return lab.start(lab.host, ["sh", "-c", f"""
        while :; do
            curl -s -m 1 http://{WEB4}/ -o /dev/null & curl -s -m 1 'http://[{WEB6}]/' -o /dev/null &
            dig +tries=1 +time=1 @{DNS4} web.example >/dev/null &
            dig +tcp +tries=1 +time=1 @{DNS4} web.example >/dev/null &
            ping -c 1 -W 1 {WEB4} >/dev/null & ping -c 1 -W 1 {WEB6} >/dev/null &
            curl -s -m 1 --interface eth0 http://{WEB4}/ -o /dev/null &
            echo x | timeout 1 nc -u -w 1 {WEB4} 7777 &
            wait
        done 2>/dev/null"""])


def transfers(lab, atlantic):
    """50 that go on, the first byte moved or not."""
    process = lab.start(lab.host, [sys.executable, CLIENTS, "storm", WEB4, "7001", "7002",
                                   str(100 << 20), "50"])

    def do_run():
        check(process.poll() is None, f"the transfers have ended: {tail(process.log_path)}")
        return atlantic.status()["counters"]["flows"]["tcp"] >= 50
    wait_for("transfers to run", do_run)
    return process


def kill_worker(lab):
    """The worker killed in the middle of 50 transfers: nothing leaks, new flows work at once"""
    servers(lab)
    lab.microsocks()
    began = time.monotonic()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    start = time.monotonic() - began
    atlantic.on()
    with lab.capture() as captured:
        noise(lab)
        running = transfers(lab, atlantic)
        usual = took_to_work(lab)  # on this machine, with all that goes on
        first = atlantic.worker_pid()
        os.kill(first, signal.SIGKILL)
        took = took_to_work(lab)
        check(atlantic.worker_pid() not in (0, first), "the same worker")
        running.wait(PATIENCE_SECONDS)
        time.sleep(1)
    check(took < 1 + 2 * (usual + start), f"new flows after {took:.1f} s, otherwise {usual:.1f} s, "
          f"and a start takes {start:.1f} s")
    check_no_leak(captured)


def took_to_work(lab):
    began = time.monotonic()
    wait_for("a request", lambda: works(lab, 5))
    return time.monotonic() - began


def fetch(lab, seconds):
    return lab.app(["curl", "-sS", "--max-time", str(seconds), f"http://{WEB4}/hello"])


def works(lab, seconds=30):
    return fetch(lab, seconds).stdout.startswith("hello")


def check_refused(lab):
    """Told so, neither served nor left waiting (28: curl's own patience is over)."""
    done = fetch(lab, 20)
    check(done.returncode not in (0, 28), f"traffic goes on, or hangs: {done.returncode} {done.stderr}")


def check_no_leak(captured, allowed=to_upstream()):
    leaks = captured.leaks(allowed)
    check(not leaks, f"{sum(leaks.values())} packets leaked: {dict(list(leaks.items())[:5])}")


def kill_supervisor(lab):
    """The supervisor killed in the middle of transfers: nothing leaks, applications fail fast"""
    servers(lab)
    lab.microsocks()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    atlantic.on()
    with lab.capture() as captured:
        noise(lab)
        running = transfers(lab, atlantic)
        worker = atlantic.worker_pid()
        os.kill(supervisor_pid(atlantic), signal.SIGKILL)
        wait_for("the worker's end", lambda: not os.path.exists(f"/proc/{worker}"))
        check_refused(lab)
        running.wait(PATIENCE_SECONDS)
        atlantic.process.wait(60)
        atlantic.start()
        atlantic.wait_state("on")
        check(works(lab), "it works again after a start")
        time.sleep(1)
    check_no_leak(captured)


def supervisor_pid(atlantic):
    """`ip netns exec` becomes the program, so it is the process itself."""
    return atlantic.process.pid


def nothing_else(lab):
    """While on, only the admitted upstream and link upkeep leave; also with the upstream away"""
    servers(lab)
    tinyproxy = lab.tinyproxy()
    atlantic = lab.atlantic(config(lab, [http()]))
    atlantic.on()
    with lab.capture() as captured:
        noise(lab)
        check(works(lab), "through the upstream")
        time.sleep(2)
        tinyproxy.terminate()
        tinyproxy.wait(60)
        time.sleep(2)
        check_refused(lab)
    check_no_leak(captured, to_upstream(ports=(3128,)))


def direct_is_fenced(lab):
    """With an upstream of kind direct only the worker gets out: no DNS in the clear, no ping"""
    servers(lab)
    lab.atlantic(config(lab, [DIRECT])).on()

    def by_worker(packet):
        _, protocol, _, _, _, dport = packet
        return protocol in (6, 17) and dport not in (53, 5353, 5355)
    with lab.capture() as captured:
        noise(lab)
        check(works(lab), "through the worker")
        time.sleep(2)
    check_no_leak(captured, by_worker)


def older_flows(lab):
    """A connection from before `on` is cut, not let through"""
    servers(lab)
    lab.server("banner", WEB4, 25)
    lab.microsocks()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    old = lab.start(lab.host, [
        sys.executable, "-c",
        f"import socket,time\ns=socket.create_connection(('{WEB4}',25), timeout=60)\n"
        "print(s.recv(100),flush=True)\n"
        "while True: s.sendall(b'old'); time.sleep(0.05)"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    check("220 " in old.stdout.readline(), "the old connection does not run")
    atlantic.on()
    with lab.capture() as captured:
        time.sleep(2)
    check_no_leak(captured)
    atlantic.off()


if __name__ == "__main__":
    sys.exit(main("killswitch", [kill_worker, kill_supervisor, nothing_else, direct_is_fenced,
                                 older_flows]))
