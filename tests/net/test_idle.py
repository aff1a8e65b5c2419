"""Nothing to do: nobody wakes up."""

import os
import re
import sys
import time

from configs import DIRECT, config, socks5
from lab import WEB4, check, main
from test_tcp import app

SECONDS = 6
PATIENCE_SECONDS = 120


def threads(pid):
    return [f"/proc/{pid}/task/{task}/status" for task in os.listdir(f"/proc/{pid}/task")]


def wake_ups(pid):
    """How often the threads of a process gave up a CPU by waiting for something."""
    total = 0
    for path in threads(pid):
        with open(path, encoding="ascii") as status:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.M).group(1))
    return total


def stays_asleep(pids):
    """Some span of a few seconds in which none of them woke up: what was begun before may end first."""
    end = time.monotonic() + PATIENCE_SECONDS
    seen = []
    while time.monotonic() < end:
        before = [wake_ups(pid) for pid in pids]
        time.sleep(SECONDS)
        seen.append([wake_ups(pid) - count for pid, count in zip(pids, before)])
        if not any(seen[-1]):
            return
    check(False, f"wake-ups in {SECONDS} s each, supervisor and worker: {seen}")


def sleeps(lab, upstream, more=""):
    lab.dns()
    lab.web()
    service = lab.atlantic(config(lab, [upstream], more))
    pids = [service.process.pid, service.worker_pid()]
    stays_asleep(pids)
    service.on()
    stays_asleep([service.process.pid, service.worker_pid()])
    app(lab, "speaks_first", WEB4, 25, 60000)
    stays_asleep([service.process.pid, service.worker_pid()])


def direct(lab):
    """Switched off, on, and after traffic: not one wake-up in seconds, of neither half"""
    lab.server("banner", WEB4, 25)
    sleeps(lab, DIRECT)


def through_socks5(lab):
    """The same with a proxy"""
    lab.server("banner", WEB4, 25)
    lab.microsocks()
    sleeps(lab, socks5(udp=False))


if __name__ == "__main__":
    sys.exit(main("idle", [direct, through_socks5]))
