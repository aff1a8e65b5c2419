"""Several workers: one TUN, a queue for each, and nothing that a user could tell them apart by."""

import json
import os
import signal
import subprocess
import sys

from configs import DIRECT, config, socks5
from lab import DNS4, PROXY4, WEB4, check, main, wait_for
from test_state import differences, host_state
from test_tcp import CLIENTS, app
from test_usage import SIZE, expected, minus, rows_of, servers

TWO = "workers: 2\n"
HELD = 40


def flows(atlantic):
    done = atlantic.cli("flows", "--json", "--limit", "1000")
    check(done.returncode == 0, f"flows: {done.stderr}")
    return json.loads(done.stdout)["flows"]


def carried_by(atlantic, door="tun"):
    """How many conversations each worker carries."""
    counts = {1: 0, 2: 0}
    for flow in flows(atlantic):
        counts[flow["worker"]] += flow["door"] == door
    return counts


def worker_pids(atlantic):
    return [worker["pid"] for worker in atlantic.status()["workers"]]


def all_ready(atlantic):
    workers = atlantic.status().get("workers", [])
    return len(workers) == 2 and all(worker["state"] == "on" for worker in workers)


class Talk:
    """clients.talk, asked now and again."""

    def __init__(self, lab, address, port, count):
        self.process = lab.start(lab.host, [sys.executable, CLIENTS, "talk", address, str(port), str(count)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count = int(self.process.stdout.readline() or 0)

    def alive(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def start(lab, upstreams, more=""):
    atlantic = lab.atlantic(config(lab, upstreams, TWO + more))
    atlantic.on()
    wait_for("both workers", lambda: all_ready(atlantic))
    return atlantic


def spread(lab):
    """Connections spread over both; status, flows and usage are those of both together, exactly"""
    servers(lab)
    lab.microsocks()
    lab.server("banner", WEB4, 7004)
    atlantic = start(lab, [socks5()])
    before = rows_of(atlantic, "socks")
    app(lab, "transfers", WEB4, 7001, 7002, SIZE, 1000, 20)
    wait_for("the last flow to end", lambda: atlantic.status()["counters"]["flows"]["tcp"] == 0)
    got = minus(rows_of(atlantic, "socks"), before)
    check(got == expected(1000), f"counted {got}, carried {expected(1000)}")
    check(atlantic.status()["counters"]["flows"]["tcp_opened"] == 1000, f"{atlantic.status()}")

    talk = Talk(lab, WEB4, 7004, HELD)
    check(talk.count == HELD, f"{talk.count} connections")
    counts = carried_by(atlantic)
    check(sum(counts.values()) == HELD and min(counts.values()) >= HELD // 5, f"carried: {counts}")
    status = atlantic.status()
    check([worker["tcp"] for worker in status["workers"]] == [counts[1], counts[2]], f"{status['workers']}")
    human = atlantic.cli("status").stdout
    check("2 workers" in human and "worker 2 on, process" in " ".join(human.split()), f"for people: {human}")


def one_is_killed(lab):
    """A killed worker takes its own connections with it, at once, and nothing else; the fence holds"""
    servers(lab)
    lab.microsocks()
    lab.server("banner", WEB4, 7004)
    atlantic = start(lab, [socks5()])
    with lab.capture() as capture:
        for victim in (2, 1, 2):
            wait_for("those before to end", lambda: not flows(atlantic))
            talk = Talk(lab, WEB4, 7004, HELD)
            counts = carried_by(atlantic)
            check(min(counts.values()) > 0, f"carried: {counts}")
            was = rows_of(atlantic, "socks")
            pids = worker_pids(atlantic)
            os.kill(pids[victim - 1], signal.SIGKILL)
            alive = talk.alive()
            check(alive == counts[3 - victim], f"{alive} live on after worker {victim} of {counts}")
            wait_for("it to come back", lambda: all_ready(atlantic) and worker_pids(atlantic) != pids)
            check(worker_pids(atlantic)[2 - victim] == pids[2 - victim], "the other one was started again too")
            check(talk.alive() == alive, "later some of the others broke")
            now = rows_of(atlantic, "socks")
            for key in ("bytes_up", "bytes_down", "requests"):
                check(now[key] >= was[key], f"{key} after a kill: {was[key]} -> {now[key]}")
            talk.process.stdin.close()
            talk.process.wait(60)
            app(lab, "transfers", WEB4, 7001, 7002, SIZE, 40, 10)
    leaks = capture.leaks(lambda packet: packet[4:6] == (PROXY4, 1080) or 1080 in (packet[3], packet[5]))
    check(not leaks, f"leaked: {leaks}")


def usage_over_kills(lab):
    """What was counted before a kill, of whichever worker, is neither lost nor counted twice"""
    servers(lab)
    lab.microsocks()
    atlantic = start(lab, [socks5()])
    before = rows_of(atlantic, "socks")
    for round_, victim in enumerate((2, 1, 2, 1), 1):
        app(lab, "transfers", WEB4, 7001, 7002, SIZE, 100, 10)
        wait_for("the last flow to end", lambda: atlantic.status()["counters"]["flows"]["tcp"] == 0)
        pids = worker_pids(atlantic)
        os.kill(pids[victim - 1], signal.SIGKILL)
        wait_for("it to come back", lambda: worker_pids(atlantic) != pids and all_ready(atlantic))
        got = minus(rows_of(atlantic, "socks"), before)
        check(got == expected(100 * round_), f"after round {round_}: {got}, {expected(100 * round_)}")
    os.kill(atlantic.process.pid, signal.SIGTERM)
    atlantic.process.wait(60)
    atlantic.start()
    wait_for("the ledger", lambda: atlantic.cli("usage", "--json").returncode == 0)
    got = minus(rows_of(atlantic, "socks"), before)
    check(got == expected(400), f"after a restart: {got}, {expected(400)}")


def names(lab):
    """The name that a DNS answer gave an address is known to whichever worker gets the connection"""
    lab.dns()
    lab.microsocks()
    lab.server("banner", WEB4, 7004)
    atlantic = start(lab, [socks5()])
    for _ in range(20):
        check(lab.look_up("ads.example") == "0.0.0.0", "a blocked name")
    check(atlantic.status()["counters"]["dns"]["questions"] >= 20, f"{atlantic.status()['counters']}")
    check(lab.look_up("web.example") == WEB4, "another one")
    talk = Talk(lab, WEB4, 7004, HELD)
    counts = carried_by(atlantic)
    check(min(counts.values()) > 0, f"carried: {counts}")
    hosts = {flow["host"] for flow in flows(atlantic)}
    check(hosts == {"web.example"}, f"names: {hosts}")
    check(talk.alive() == HELD, "it does not carry")


def pages(lab, url, count, *words):
    """How many of so many requests, each on a connection of its own, were answered by the web server."""
    done = lab.app(["sh", "-c", f"for i in $(seq {count}); do curl -s --max-time 30 {' '.join(words)} {url}; done"],
                   seconds=400)
    return done.stdout.count("hello from")


def decisions(lab):
    """A pause and a name that was denied in passing hold for both, and so do stand-in addresses"""
    lab.web()
    dns = f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n  mode: stand-in\n"
    lab.dns()
    lab.microsocks()
    atlantic = lab.atlantic(config(lab, [socks5()], TWO, dns=dns))
    atlantic.on()
    wait_for("both workers", lambda: all_ready(atlantic))
    to = f"::{WEB4}:"
    check(pages(lab, "http://web.example/hello", 12) == 12, "by stand-in addresses")
    check(pages(lab, "http://ads.example/hello", 12, "--connect-to", to) == 0, "blocked before the pause")
    check(atlantic.cli("pause", "1h").returncode == 0, "pause")
    check(pages(lab, "http://ads.example/hello", 12, "--connect-to", to) == 12, "paused")
    check(atlantic.cli("resume").returncode == 0, "resume")
    check(pages(lab, "http://ads.example/hello", 12, "--connect-to", to) == 0, "blocked after the pause")
    pids = worker_pids(atlantic)
    os.kill(pids[0], signal.SIGKILL)
    wait_for("it to come back", lambda: worker_pids(atlantic) != pids and all_ready(atlantic))
    check(pages(lab, "http://web.example/hello", 12) == 12, "by stand-in addresses of the worker before")


def udp(lab):
    """One socket's datagrams stay with one worker, whomever they go to; fragments arrive too"""
    lab.dns()
    for i in range(4):
        lab.ip(lab.net, f"addr add 203.0.113.{100 + i}/32 dev lo")
        lab.server("udp_echo", f"203.0.113.{100 + i}", 7003)
    atlantic = start(lab, [DIRECT])
    before = atlantic.status()["counters"]["flows"]["udp_opened"]
    sockets = 25  # enough of them for both workers, whatever their ports are
    for _ in range(sockets):
        app(lab, "udp_peers", "203.0.113.100", 7003, 4)
    opened = atlantic.status()["counters"]["flows"]["udp_opened"] - before
    check(opened == sockets, f"{opened} associations for {sockets} sockets")
    counts = carried_by(atlantic)
    check(min(counts.values()) > 0, f"carried: {counts}")
    for size in (9000, 20000):
        app(lab, "udp", "203.0.113.100", 7003, size, 3)


def local_endpoint(lab):
    """The local endpoint is served by whichever is free, and goes on while one is away"""
    servers(lab)
    lab.web()
    atlantic = lab.atlantic(config(lab, [DIRECT], TWO))
    wait_for("both workers", lambda: len(worker_pids(atlantic)) == 2 and all(worker_pids(atlantic)))

    def fetch():
        done = lab.app(["curl", "-sS", "--max-time", "30", "-x", "socks5h://127.0.0.1:1080", f"http://{WEB4}/hello"])
        check(done.stdout.startswith("hello"), f"curl: {done.stderr}")
    fetch()
    for victim in (1, 0):
        pids = worker_pids(atlantic)
        os.kill(pids[victim], signal.SIGSTOP)
        fetch()
        os.kill(pids[victim], signal.SIGKILL)
        fetch()
        wait_for("it to come back", lambda: all(worker_pids(atlantic)) and worker_pids(atlantic) != pids)
    fetch()


def on_off_reload(lab):
    """On, off and reload reach both; a configuration that is refused changes neither"""
    lab.dns()
    lab.microsocks()
    lab.server("banner", WEB4, 7004)
    text = config(lab, [socks5()], TWO)
    atlantic = lab.atlantic(text)
    before = host_state(lab)
    for _ in range(2):
        atlantic.on()
        wait_for("both workers", lambda: all_ready(atlantic))
        check(Talk(lab, WEB4, 7004, HELD).alive() == HELD, "it does not carry")
        atlantic.off()
        left = differences(before, host_state(lab))
        check(not left, f"left behind: {left}")
    atlantic.on()
    wait_for("both workers", lambda: all_ready(atlantic))
    talk = Talk(lab, WEB4, 7004, HELD)
    lab.write("atlantic.yaml", text.replace("blocked.txt", "no-such-list.txt"))
    done = atlantic.cli("reload")
    check(done.returncode != 0 and "no-such-list" in done.stderr, f"reload: {done.stdout}{done.stderr}")
    check(talk.alive() == HELD, "a refused configuration broke connections")
    lab.write("atlantic.yaml", text.replace("name: socks", "name: other"))
    done = atlantic.cli("reload")
    check(done.returncode == 0, f"reload: {done.stdout}{done.stderr}")
    check(talk.alive() == HELD, "a reload broke connections")
    wait_for("both workers", lambda: all_ready(atlantic))
    fresh = Talk(lab, WEB4, 7004, HELD)
    counts = carried_by(atlantic)
    check(min(counts.values()) > HELD // 4, f"carried: {counts}")
    upstreams = [flow["upstream"] for flow in flows(atlantic)]
    check(upstreams.count("other") == HELD and upstreams.count("socks") == HELD, f"{upstreams}")
    check(fresh.alive() == HELD, "it does not carry")


if __name__ == "__main__":
    sys.exit(main("workers", [spread, one_is_killed, usage_over_kills, names, decisions, udp, local_endpoint,
                              on_off_reload]))
