#!/usr/bin/env python3
"""Memory while lists are replaced: the real program with its fence and TUN, a large list in force and
changed, then `atlantic reload`. From before until after, the memory of all of the program's
processes (root half, worker, the worker's child that compiles) is read from /proc/PID/smaps_rollup
as often as that goes and added up: PSS, where a page that several have counts once in all. Pages
of files that are mapped count, those that are only read and written do not. Needs root.

    compile_bench.py BUILD_FOLDER [--names 1000000] [--list FILE]... [--rounds 3] [--asking]

    --list FILE   (several) these lists instead of made-up names
    --asking      a crowd asks for random names of the list all the time, so that old and new form
                  are in use
"""
import argparse
import glob
import os
import re
import shutil
import statistics
import sys
import time

from dns_bench import HERE, names

FIELDS = ("Pss", "Rss", "Anonymous")
STEADY_SAMPLES, AFTER_SECONDS = 30, 0.5


def children(pid):
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it ended meanwhile
    return found


def family(pid):
    return [pid] + [one for child in children(pid) for one in family(child)]


def memory(pid):
    """In KiB; nothing of one that ended meanwhile."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
            text = file.read()
    except OSError:
        return dict.fromkeys(FIELDS, 0)
    return {name: int(re.search(name + r":\s+(\d+) kB", text).group(1)) if text else 0
            for name in FIELDS}


def sample(pid):
    each = [memory(one) for one in family(pid)]
    return {name: sum(one[name] for one in each) for name in FIELDS}


def compiled(atlantic):
    """What the compiled form is at the moment, by its name."""
    return [path for path in glob.glob(atlantic.state_dir + "/worker/filter-*")
            if re.fullmatch(r"filter-[0-9a-f]{32}", os.path.basename(path))]


def measure(lab_, atlantic):
    """(steady, peak, samples, seconds) around one replacement, until shortly after it."""
    root, former = atlantic.process.pid, compiled(atlantic)
    before = [sample(root) for _ in range(STEADY_SAMPLES)]
    steady = {name: statistics.median(one[name] for one in before) for name in FIELDS}
    peak, count, begin, end = dict(steady), 0, time.monotonic(), None
    reloading = lab_.start(lab_.host, [atlantic.build + "/bin/atlantic", "--run-dir", atlantic.run_dir, "reload"])
    while not end or time.monotonic() < end + AFTER_SECONDS:
        now = sample(root)
        peak = {name: max(peak[name], now[name]) for name in FIELDS}
        count += 1
        if not end and compiled(atlantic) not in ([], former):
            end = time.monotonic()
        if time.monotonic() > begin + 60:
            raise SystemExit("no new lists after a minute")
    reloading.wait()
    return steady, peak, count, end - begin


def write_lists(lab_, options, hosts, first):
    if not options.list:
        return [lab_.write("names.txt", "\n".join([first, *hosts]) + "\n")]
    paths = []
    for number, source in enumerate(options.list):
        path = os.path.join(lab_.dir, "list%d.txt" % number)
        shutil.copyfile(source, path)
        paths.append(path)
    with open(paths[0], "a", encoding="utf-8") as file:
        file.write("\n||%s^\n" % first)
    return paths


def start(lab_, paths):
    shown = "".join("    - {name: list%d, file: %s}\n" % pair for pair in enumerate(paths))
    atlantic = lab_.atlantic("upstreams:\n  - {name: direct, kind: direct}\nfilter:\n  builtin: false\n  lists:\n"
                             + shown + "query_log: {mode: 'off'}\n")
    done = atlantic.cli("on")
    if done.returncode != 0:
        raise SystemExit(done.stderr + atlantic.log())
    return atlantic


def is_blocked(lab_, host):
    return lab_.app(["dig", "+short", "+time=1", "+tries=1", "@192.0.2.1", host]).stdout.strip() == "0.0.0.0"


def crowd(lab_, build, hosts):
    path = lab_.write("asked.txt", "\n".join(hosts) + "\n")
    return lab_.start(lab_.host, [os.path.join(build, "bin/dns_load"), "192.0.2.1", "53", path, "20", "200"])


def show(rows):
    print("%-10s %14s %14s %8s" % ("KiB", "steady", "peak", "ratio"))
    for name in FIELDS:
        steady, peak = (statistics.median(row[at][name] for row in rows) for at in (0, 1))
        print("%-10s %14d %14d %8.2f" % (name, steady, peak, peak / steady))
    print("samples and seconds in each round: %s" % ", ".join("%d in %.2f" % row[2:] for row in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--names", type=int, default=1000000)
    parser.add_argument("--list", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--asking", action="store_true")
    options = parser.parse_args()
    os.environ["ATLANTIC_BUILD"] = build = os.path.abspath(options.build)
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "net"))
    import lab  # pylint: disable=import-outside-toplevel,import-error
    with lab.Lab("compile-bench") as lab_:
        hosts = [] if options.list else names(options.names)
        atlantic = start(lab_, write_lists(lab_, options, hosts, "turn.test"))
        lab.wait_for("the lists", lambda: is_blocked(lab_, "turn.test"))
        asking = crowd(lab_, build, hosts) if options.asking else None
        rows = []
        for turn in range(options.rounds):
            time.sleep(2)
            first = "turn%d.test" % turn
            write_lists(lab_, options, hosts, first)
            rows.append(measure(lab_, atlantic))
            lab.wait_for("the new lists", lambda name=first: is_blocked(lab_, name))
        if asking:
            lab.stop(asking)
        show(rows)


if __name__ == "__main__":
    main()
