"""A soak: mixed traffic with kills, reloads and restarts of upstreams, for as long as wanted; in the end
memory and descriptors are where they were at the start, and nothing has stopped at an assertion.

    soak.py [--minutes 30]
"""

import argparse
import ast
import os
import random
import subprocess
import sys
import time

from configs import config, socks5
from lab import DNS4, WEB4, check, main, stop, wait_for
from sanitizers import is_sanitized
from test_limits import rss_mib

LOADS = 3
TURN_SECONDS = 4  # between two disturbances
CALM_SECONDS = 3
# Pages that the allocator keeps between small blocks, and what the first traffic of a kind needs.
GROWTH_MIB = 12

DESCRIPTORS = ("worker's descriptors", "supervisor's descriptors")
TCP_ONLY, UDP_TOO = 1080, 1082
MORE = """
timeouts: {udp_idle: 2s, connect: 2s, dial: 4s, stall: 10s}
limits: {memory_size: 64MiB}
"""


class Upstreams:
    """Two proxies, one of which may be away at a time."""

    def __init__(self, lab):
        self.lab = lab
        self.running = {port: self.start(port) for port in (TCP_ONLY, UDP_TOO)}

    def start(self, port):
        return self.lab.microsocks(port) if port == TCP_ONLY else self.lab.faithful_proxy(port)

    def restart(self):
        port = random.choice(list(self.running))
        stop(self.running[port])
        time.sleep(random.uniform(0, 2))
        self.running[port] = self.start(port)


class Loads:
    def __init__(self, lab):
        self.lab = lab
        self.counts = {}
        self.running = [self.start() for _ in range(LOADS)]

    def start(self):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak_load.py")
        return self.lab.start(self.lab.host, [sys.executable, program, WEB4, DNS4],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def kill_one(self):
        """With all its connections, in the middle of whatever they do."""
        victim = self.running.pop(0)
        victim.kill()
        self.count(victim.communicate()[0])
        self.running.append(self.start())

    def end(self):
        for load in self.running:
            said = load.communicate("")[0]
            self.count(said)
            check(load.returncode == 0, f"an application got wrong bytes: {said[-200:]}")
        self.running = []

    def count(self, said):
        """The last whole line of what it said is the sum of all."""
        lines = said.split("\n")[:-1]
        for name, count in ast.literal_eval(lines[-1] if lines else "{}").items():
            self.counts[name] = self.counts.get(name, 0) + count


def facts(service):
    """What has to be the same again."""
    pid = service.worker_pid()
    return {"pid": pid, "rss": rss_mib(pid),
            DESCRIPTORS[0]: len(os.listdir(f"/proc/{pid}/fd")),
            DESCRIPTORS[1]: len(os.listdir(f"/proc/{service.process.pid}/fd"))}


def is_quiet(service):
    counters = service.status()["counters"]
    return (counters["flows"]["tcp"] == 0 and counters["flows"]["udp"] == 0 and
            counters["tun"]["half_open"] == 0 and counters["buffers"]["used_bytes"] <= 1 << 18)


def settle(service):
    wait_for("everything to end", lambda: is_quiet(service), 90)
    time.sleep(CALM_SECONDS)
    return facts(service)


def comes_back_to(before, service):
    """A question to a resolver, a probe of an upstream may be under way at any moment."""
    after = settle(service)
    end = time.monotonic() + 60
    while time.monotonic() < end and any(after[name] > before[name] for name in DESCRIPTORS):
        time.sleep(0.5)
        after = facts(service)
    return after


def disturb(service, upstreams, loads):
    def reload():
        done = service.cli("reload")
        check(done.returncode == 0, f"reload: {done.stderr}")
    random.choice((upstreams.restart, upstreams.restart, loads.kill_one, loads.kill_one, reload))()


def traffic(lab, service, upstreams, seconds):
    loads = Loads(lab)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(TURN_SECONDS, max(0, end - time.monotonic())))
        disturb(service, upstreams, loads)
    loads.end()
    return loads.counts


def run_soak(lab, minutes):
    lab.dns()
    lab.web()
    for name, port in (("digest", 7001), ("source", 7002), ("banner", 25), ("resetter", 7004)):
        lab.server(name, WEB4, port)
    lab.server("udp_echo", DNS4, 7007)
    upstreams = Upstreams(lab)
    service = lab.atlantic(config(lab, [socks5(TCP_ONLY, name="one", udp=False),
                                        socks5(UDP_TOO, name="two")], MORE))
    service.on()
    traffic(lab, service, upstreams, max(8, min(60, minutes * 6)))  # every kind once
    before = settle(service)
    counts = traffic(lab, service, upstreams, minutes * 60)
    after = comes_back_to(before, service)
    print(f"        {counts}; before {before}, after {after}")
    check(counts.get("done", 0) > 50 * minutes, f"too little came through: {counts}")
    check(after["pid"] == before["pid"], "the worker was replaced")
    for name in DESCRIPTORS:
        check(after[name] <= before[name], f"{name}: {before[name]} before, {after[name]} after")
    check(is_sanitized(before["pid"]) or
          after["rss"] <= before["rss"] + GROWTH_MIB, f"memory: {before} before, {after} after")


def soak(lab):
    """After mixed traffic with kills, reloads and restarts memory and descriptors are as before"""
    run_soak(lab, OPTIONS.minutes)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    PARSER.add_argument("--minutes", type=float, default=30)
    OPTIONS = PARSER.parse_args()
    sys.exit(main("soak", [soak], []))
