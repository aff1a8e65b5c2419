"""On and off: what the host looks like, what the words mean, what errors say."""

import os
import shutil
import signal
import sys
import time

from configs import DIRECT, config, socks5
from lab import BUILD, WEB4, check, main, wait_for


def host_state(lab):
    """Everything that Atlantic could have touched."""
    sysctl = lab.app("sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4|ipv6)\\.(conf|fwmark|tcp_fwmark)'"
                     " | grep -v stable_secret | sort")
    return {
        "rules": lab.app("ip rule; ip -6 rule").stdout,
        "routes": lab.app("ip route show table all; ip -6 route show table all "
                          "| sed 's/ expires [^ ]*//'").stdout,
        "links": lab.app("ip -br link; ip -br addr").stdout,
        "nft": lab.app(["nft", "-s", "list", "ruleset"]).stdout,
        "sysctl": sysctl.stdout,
    }


def differences(before, after):
    out = []
    for what, text in before.items():
        old, new = set(text.splitlines()), set(after[what].splitlines())
        out += [f"{what}: -{line}" for line in old - new] + [f"{what}: +{line}" for line in new - old]
    return out


def on_and_off(lab):
    """`on` arms, `off` leaves the host exactly as it was, foreign firewall rules untouched"""
    lab.web()
    lab.dns()
    lab.app("nft add table inet mine; nft add chain inet mine c '{ type filter hook input priority 0; }';"
            "nft add rule inet mine c counter")
    before = host_state(lab)
    atlantic = lab.atlantic(config(lab, [DIRECT]))
    check(not differences(before, host_state(lab)), "the service alone changes nothing")
    for _ in range(2):
        status = atlantic.on()
        check(status["fence"] == "armed" and status["worker_pid"] > 0, f"status: {status}")
        during = host_state(lab)
        for what in ("rules", "routes", "links", "nft"):
            check(during[what] != before[what], f"{what} are the same while on")
        check("table inet mine" in during["nft"], "a foreign table is gone")
        done = lab.app(["curl", "-sS", "--max-time", "30", f"http://{WEB4}/hello"])
        check(done.stdout.startswith("hello"), f"curl: {done.stderr}")
        atlantic.off()
        left = differences(before, host_state(lab))
        check(not left, f"left behind: {left}")
    atlantic.on()
    atlantic.process.send_signal(2)
    wait_for("the service to end", lambda: atlantic.process.poll() is not None)
    left = differences(before, host_state(lab))
    check(not left, f"left behind after Ctrl-C: {left}")


def words(lab):
    """off, connecting, on, blocked, failing: status says which, why, and what to do"""
    lab.dns()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    status = atlantic.status()
    check(status["state"] == "off", f"{status}")
    status = atlantic.on(state="failing")
    check("refused" in status["reason"] and "socks" in status["reason"], f"reason: {status}")
    human = atlantic.cli("status").stdout
    check("failing" in human.lower() and "socks" in human, f"for people: {human}")
    check(atlantic.cli("on", "--wait=1").returncode == 5, "--wait without an upstream")
    microsocks = lab.microsocks()
    status = atlantic.wait_state("on")
    check(atlantic.cli("on", "--wait").returncode == 0, "--wait with an upstream")
    check(status["upstream"] == "socks", f"{status}")
    for key in ("reason", "worker_pid", "uptime_s", "counters", "upstreams"):
        check(key in status, f"no {key} in {sorted(status)}")
    atlantic.off()
    microsocks.send_signal(signal.SIGSTOP)  # takes connections, never answers
    status = atlantic.on(state="connecting")
    check(status["fence"] == "armed", f"{status}")
    microsocks.send_signal(signal.SIGCONT)
    atlantic.wait_state("on")


def wrong_password(lab):
    """An upstream that refuses the password is blocked: a person must act"""
    lab.dns()
    lab.microsocks(user="user", password="secret")
    atlantic = lab.atlantic(config(lab, [socks5(user="user", password="wrong")]))
    status = atlantic.on(state="blocked")
    check("password" in status["reason"], f"reason: {status}")


WITHOUT_TUN = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh")
NOBODY = ("setpriv", "--reuid", "nobody", "--clear-groups")


def public(lab, program):
    """A copy that everybody may walk to; a build folder may lie below /root."""
    return shutil.copy(f"{BUILD}/bin/{program}", lab.dir)


def daemon(lab, config_path, *command):
    for path in ("r2", "s2"):
        os.makedirs(f"{lab.dir}/{path}", exist_ok=True)
    return lab.app([*command, public(lab, "atlanticd"), "--config", config_path, "--run-dir",
                    f"{lab.dir}/r2", "--state-dir", f"{lab.dir}/s2", "--worker",
                    f"{BUILD}/bin/atlantic-worker"])


def one_clear_line(lab):
    """What is missing at the start is said in one clear line, with its own documented exit status"""
    good = config(lab, [DIRECT])
    lab.server("banner", "127.0.0.1", 7999, ns=lab.host)
    lab.write("secret.txt", "ads.example\n")
    os.chmod(f"{lab.dir}/secret.txt", 0)
    for name, status, word, text, command in (
            ("no privileges", 3, "root", good, NOBODY),
            ("no /dev/net/tun", 4, "/dev/net/tun", good, WITHOUT_TUN),
            ("a wrong configuration", 5, "case.yaml:", good + "nonsense: 1\n", ()),
            ("unknown user", 6, "nobody-here", good + "worker: {user: nobody-here}\n", ()),
            ("port in use", 7, "127.0.0.1:7999", good + "local: {listen: ['127.0.0.1:7999']}\n", ()),
            ("no such list", 8, "no-such-list.txt",
             good.replace("blocked.txt", "no-such-list.txt"), ()),
            ("unreadable list", 8, "secret.txt", good.replace("blocked.txt", "secret.txt"), ())):
        path = lab.write("case.yaml", text)
        os.chmod(path, 0o644)
        before = host_state(lab)
        done = daemon(lab, path, *command)
        check(done.returncode == status, f"{name}: status {done.returncode}: {done.stderr!r}")
        check(word in done.stderr and len(done.stderr.splitlines()) == 1,
              f"{name}: {done.stderr!r}")
        left = differences(before, host_state(lab))
        check(not left, f"{name}: left behind: {left}")


def strangers(lab):
    """Who is neither root nor of the group is told so, with status 4"""
    lab.dns()
    atlantic = lab.atlantic(config(lab, [DIRECT]))
    for words in (("status",), ("on",), ("usage",)):
        done = lab.app([*NOBODY, "--regid", "nogroup", public(lab, "atlantic"), "--run-dir",
                        atlantic.run_dir, *words])
        check(done.returncode == 4 and done.stderr, f"{words}: {done.returncode} {done.stderr}")
    check(atlantic.status()["state"] == "off", "a stranger switched it on")


def wakes(pid):
    """How often any thread of a process went to sleep so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            total += sum(int(line.split()[1]) for line in file
                         if line.startswith("voluntary_ctxt_switches"))
    return total


def asleep(lab):
    """With nothing to do neither half wakes up"""
    lab.dns()
    atlantic = lab.atlantic(config(lab, [DIRECT]))
    atlantic.on()
    pids = (atlantic.process.pid, atlantic.worker_pid())

    def sleeps():
        before = [wakes(pid) for pid in pids]
        time.sleep(8)
        return before == [wakes(pid) for pid in pids]
    wait_for("8 seconds without a wake-up", sleeps, 120)


if __name__ == "__main__":
    sys.exit(main("state", [on_and_off, words, wrong_password, one_clear_line, strangers, asleep]))
