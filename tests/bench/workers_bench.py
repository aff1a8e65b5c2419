#!/usr/bin/env python3
"""One worker against two, ten streams: what a second one adds.

    sudo ATLANTIC_BUILD=build/release python3 tests/bench/workers_bench.py [SECONDS [ROUNDS [SHARE]]]

Applications, upstream and servers run on the same machine, and on few cores it is they who are the limit. So it
is measured twice: as it is, and with every worker held to a share of one core (SHARE percent, by the kernel's CPU
controller), which makes the workers the limit on any machine. The two candidates alternate; medians are told.
"""

import contextlib
import os
import statistics
import sys

from bed import Bed
from candidates import AtlanticItself
from lab import BUILD

STREAMS = 10
PERIOD_US = 20000
V1, V2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"


def write(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


@contextlib.contextmanager
def leash(pids, share):
    """Each process in a group of its own that has this share of a core."""
    groups = []
    try:
        for pid in pids:
            top = V1 if os.path.exists(f"{V1}/cpu.cfs_quota_us") else V2
            home = "/"
            with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
                for line in file:
                    number, names, path = line.strip().split(":", 2)
                    if "cpu" in names.split(",") or (top == V2 and number == "0"):
                        home = path
            group = f"{top}/atlantic-bench-{pid}"
            os.mkdir(group)
            groups.append((group, f"{top}{home}", pid))
            quota = PERIOD_US * share // 100
            if top == V1:
                write(f"{group}/cpu.cfs_period_us", PERIOD_US)
                write(f"{group}/cpu.cfs_quota_us", quota)
            else:
                write(f"{group}/cpu.max", f"{quota} {PERIOD_US}")
            write(f"{group}/cgroup.procs", pid)
        yield
    finally:
        for group, home, pid in groups:
            with contextlib.suppress(OSError):
                write(f"{home}/cgroup.procs", pid)
            with contextlib.suppress(OSError):
                os.rmdir(group)


def measure(candidates, seconds, rounds, share=None):
    """{(workers, direction): (Gbit/s, CPU seconds per GB)}, medians."""
    found = {}
    for _ in range(rounds):
        for workers, candidate in candidates.items():
            held = leash(candidate.worker_pids(), share) if share else contextlib.nullcontext()
            with held:
                for direction in ("up", "down"):
                    before = candidate.cpu()
                    said = candidate.load(direction, STREAMS, seconds)
                    cpu = (candidate.cpu() - before) / (said["bytes"] / 1e9)
                    found.setdefault((workers, direction), []).append((said["gbps"], cpu))
    return {key: tuple(statistics.median(column) for column in zip(*values))
            for key, values in found.items()}


def show(title, found):
    print(f"\n{title}\n\n| {STREAMS} streams | 1 worker | 2 workers | ratio | CPU s/GB, 1 | 2 |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for direction in ("up", "down"):
        (one, one_cpu), (two, two_cpu) = found[1, direction], found[2, direction]
        print(f"| {direction}, Gbit/s | {one:.2f} | {two:.2f} | {two / one:.2f} "
              f"| {one_cpu:.3f} | {two_cpu:.3f} |")


def main():
    words = [float(word) for word in sys.argv[1:]] + [1.5, 5, 15][len(sys.argv) - 1:]
    seconds, rounds, share = words[0], int(words[1]), int(words[2])
    with Bed(BUILD) as bed:
        candidates = {}
        for workers in (1, 2):
            candidates[workers] = AtlanticItself(bed, f"workers-{workers}", settings=f"workers: {workers}\n")
            candidates[workers].start()
        show("As it is", measure(candidates, seconds, rounds))
        show(f"Each worker held to {share} % of a core", measure(candidates, seconds, rounds, share))
        for candidate in candidates.values():
            candidate.stop()


if __name__ == "__main__":
    sys.exit(main())
