#!/usr/bin/env python3
"""The real program (both halves, default list, pool, counters, fence) against a plain relay between
kernel sockets, redsocks, and hev-socks5-tunnel where a binary is given, each in network namespaces of
its own behind the same servers and the same SOCKS5 upstream. Candidates alternate; the table shows
medians, ratios, and which targets are met; a whole run writes it into docs/bench.md.

Needs root and a release build; makes namespaces named bench<pid>-*, and takes them away again.

    tunnel_bench.py [BUILD_FOLDER] [--quick] [--rounds 5] [--seconds 1] [--only tcp,latency,up1,...]
                    [--hev PATH] [--redsocks PATH] [--before BUILD_FOLDER] [--realtime] [--json FILE]
                    [--write]

groups: tcp latency conn small udp memory many rest
"""
import argparse
import json
import os
import sys
import time

import report
import rows
from bed import FLOWS_SOCKS_PORT, ROOT, Bed
from candidates import (AtlanticItself, Candidate, Hev, Plain, PlainUdp, Redsocks, find_program,
                        find_redsocks)
from lab import Failed

IDLE = 20000
MANY_WORKERS = 3  # so that none needs more files than a process may have
# An application's socket has a port and so has ours, of the 64k that one host has: more than half
# as many flows cannot be there, however many the limits allow.
HOLD_FLOWS = 25200
SPARE_FILES = 300
MEMORY_CROWD = 1000  # fewer do not show


def note(text):
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


BEGAN = time.monotonic()


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it runs")
    parser.add_argument("--only", default="", help="groups or single measurements")
    parser.add_argument("--hev", metavar="PATH", default=os.environ.get("HEV_SOCKS5_TUNNEL", ""))
    parser.add_argument("--redsocks", metavar="PATH", default=find_redsocks() or "")
    parser.add_argument("--before", metavar="BUILD", help="another build of Atlantic, beside it")
    parser.add_argument("--settings", default="", help="more YAML for Atlantic's configuration")
    parser.add_argument("--idle", type=int, default=IDLE)
    parser.add_argument("--realtime", action="store_true",
                        help="real-time priority for all of it, where the machine is not idle")
    parser.add_argument("--json", metavar="FILE", help="all values")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md in any case")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds, options.seconds = 1, 0.3
        options.idle = min(options.idle, 2000)
    options.idle_many = options.idle // MANY_WORKERS * MANY_WORKERS
    options.flows_many = 0  # told when they were there
    return options


def wanted(only):
    every = [name for group in rows.GROUPS.values() for name in group]
    if not only:
        return every
    names = [name for word in only.split(",") for name in rows.GROUPS.get(word, (word,))]
    unknown = set(names) - set(every)
    if unknown:
        sys.exit(f"no such measurement: {', '.join(sorted(unknown))}")
    return [name for name in every if name in names]


def participants(names):
    found = {"atlantic"} if set(names) & {"rest", "memory"} else set()
    for name in names:
        found |= set(rows.MEASUREMENTS[name][1]) if name in rows.MEASUREMENTS else set()
    if "memory" in names:
        found.add("idle")
    if "udp-hold-many" in names:
        found.add("many-direct")
    if set(names) & {"rest", "udp-hold"}:
        found.add("direct")
    return found


def others_busy(seconds=1.0):
    """What the rest of the machine does before we begin, in percent of all of it."""
    def ticks():
        with open("/proc/stat", encoding="ascii") as file:
            values = [int(word) for word in file.readline().split()[1:9]]
        return sum(values), values[3] + values[4]
    total, idle = ticks()
    time.sleep(seconds)
    total_after, idle_after = ticks()
    return 100 * (1 - (idle_after - idle) / max(total_after - total, 1))


def invite(bed, options, names):
    """name -> candidate, in the order of the table."""
    who = participants(names)

    def atlantic(name, build=None, settings="", **how):
        return AtlanticItself(bed, name, build, options.settings + settings, **how)
    makers = {
        "path": lambda: Candidate(bed, "path"),
        "plain": lambda: Plain(bed, "plain"),
        "plain-udp": lambda: PlainUdp(bed, "plain-udp"),
        "redsocks": lambda: Redsocks(bed, "redsocks", options.redsocks)
        if find_program(options.redsocks) else None,
        "hev": lambda: Hev(bed, "hev", options.hev) if find_program(options.hev) else None,
        "before": lambda: atlantic("before", options.before) if options.before else None,
        "atlantic": lambda: atlantic("atlantic"),
        "idle": lambda: atlantic("idle"),
        "many": lambda: atlantic("many", workers=MANY_WORKERS),
        "many-idle": lambda: atlantic("many-idle", workers=MANY_WORKERS),
        "many-direct": lambda: atlantic("many-direct", is_direct=True, workers=MANY_WORKERS),
        "direct": lambda: atlantic("direct", is_direct=True),
        "flows": lambda: atlantic("flows", settings=rows.FLOWS_SETTINGS,
                                  socks_port=FLOWS_SOCKS_PORT),
        "flows-pipelined": lambda: atlantic("flows-pipelined", settings=rows.FLOWS_SETTINGS,
                                            socks_port=FLOWS_SOCKS_PORT, is_pipelined=True),
        "flows-direct": lambda: atlantic("flows-direct", settings=rows.FLOWS_SETTINGS,
                                         is_direct=True),
    }
    present = {}
    for name, make in makers.items():
        candidate = make() if name in who else None
        if candidate:
            candidate.start()
            present[name] = candidate
            note(f"{name} is up")
        elif name in ("redsocks", "hev") and name in who:
            note(f"{name}: no program, left out")
    return present


def attempt(results, name, candidate, function, seconds):
    try:
        values = function(candidate, seconds)
    except Failed as failed:
        note(f"{name} {candidate.name}: {failed}")
        return None
    results.add(name, candidate.name, values)
    return next(iter(values.values()))


def measure_rest(present, results):
    """Before anything else, when the start is over: later the worker has been used."""
    time.sleep(rows.SETTLE_SECONDS)
    for candidate, values in rows.rest([present["atlantic"], present["direct"]]):
        results.add("rest", candidate.name, values)
        note(f"rest {candidate.name}: " + " ".join(f"{k}={v:.3g}" for k, v in values.items()))


def settled(measure_kib, quiet_seconds=12, seconds=40):
    """The value when it has not changed for a while: ends of connections may have to be repeated."""
    end = time.monotonic() + seconds
    value, since = measure_kib(), time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < quiet_seconds:
        time.sleep(0.5)
        now = measure_kib()
        if now != value:
            value, since = now, time.monotonic()
    return value


class Crowd:
    """Idle connections through a candidate, from several processes, and the memory that they take."""

    def __init__(self, candidate, count, processes=1):
        self.candidate, self.each, self.count = candidate, count // processes, count
        self.before_kib = self.held_kib = 0
        self.processes = [None] * processes

    def gather(self):
        candidate = self.candidate
        candidate.load("wide", 200, 0.2)  # what the first connections take is not theirs alone
        time.sleep(1)
        self.before_kib = candidate.worker_rss_kib()
        began = time.monotonic()
        self.processes = [candidate.background_load("hold", self.each) for _ in self.processes]
        for process in self.processes:
            process.stdout.readline()
        time.sleep(1)
        self.held_kib = candidate.worker_rss_kib()
        note(f"{self.count:,} idle connections opened in {time.monotonic() - began - 1:.1f} s, "
             f"{self.held_kib - self.before_kib:,} KiB")

    def are_alive(self):
        for process in self.processes:
            process.stdin.write("?")
            process.stdin.flush()
        return all(process.stdout.readline() == f"count={self.each}\n"
                   for process in self.processes)

    def leave(self, results):
        candidate = self.candidate
        alive = self.are_alive()
        for process in self.processes:
            process.communicate("")
        after_kib = settled(candidate.worker_rss_kib)
        taken = self.held_kib - self.before_kib
        returned = 100 * (self.held_kib - after_kib) / max(taken, 1)
        note(f"after they closed: {after_kib - self.before_kib:+,} KiB; all alive: {alive}")
        results.add("memory", candidate.name, {"alive": 100 * alive})
        if alive and self.count >= MEMORY_CROWD:
            results.add("memory", candidate.name, {"each": taken * 1024 / self.count / 1000,
                                                   "returned": min(returned, 100)})


def run_rounds(present, results, names, options):
    order = [name for name in names if name in rows.MEASUREMENTS]
    for number in range(options.rounds):
        for name in order:
            function, who = rows.MEASUREMENTS[name]
            candidates = [present[one] for one in who if one in present]
            turn = number % max(len(candidates), 1)  # nobody is always the first
            said = {}
            for candidate in candidates[turn:] + candidates[:turn]:
                said[candidate.name] = attempt(results, name, candidate, function, options.seconds)
            note(f"round {number + 1}/{options.rounds} {name}: " +
                 " ".join(f"{who}={report.number(value)}" for who, value in said.items()))


def hold_flows(present, results, names, options, files_limit):
    """As many as one worker may have files for, and the full number over several."""
    scale = 10 if options.quick else 1
    for name, candidate, most, processes in (
            ("udp-hold", "direct", files_limit - SPARE_FILES, 1),
            ("udp-hold-many", "many-direct", HOLD_FLOWS, MANY_WORKERS)):
        if name in names:
            flows = min(HOLD_FLOWS, most) // scale // processes * processes
            options.flows_many = flows if processes > 1 else options.flows_many
            share = attempt(results, name, present[candidate],
                            rows.hold_datagrams(flows, processes), 0)
            note(f"{flows:,} UDP flows open at a time, {processes} workers: {share} % alive")


def beside_crowd(present, who, count, processes, results, names, options):
    """One crowd after the other: upstream and servers have files for one."""
    crowd = Crowd(present[who], count, processes) if who in present else None
    if crowd:
        crowd.gather()
    run_rounds(present, results, names, options)
    if crowd:
        crowd.leave(results)


def measure(bed, options, names, results):
    present = invite(bed, options, names)
    if "rest" in names:
        measure_rest(present, results)
    options.idle = min(options.idle, bed.files_limit - rows.WIDE - SPARE_FILES)
    many = rows.GROUPS["many"]
    beside_crowd(present, "idle", options.idle, 1, results,
                 [name for name in names if name not in many], options)
    beside_crowd(present, "many-idle", options.idle_many, MANY_WORKERS, results,
                 [name for name in names if name in many], options)
    hold_flows(present, results, names, options, bed.files_limit)
    return [name for name in ("redsocks", "hev", "before") if name in present]


def main(argv=None):
    options = parse(argv)
    names = wanted(options.only)
    if os.geteuid() != 0:
        sys.exit("needs root, for network namespaces")
    busy = others_busy()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited by all
    note(f"others take {busy:.0f} % of the machine")
    results = report.Results()
    try:
        with Bed(options.build) as bed:
            extra = measure(bed, options, names, results)
    except Failed as failed:
        sys.exit(str(failed))
    table = rows.table() + (rows.hev_table() if "hev" in extra else [])
    about = report.about(options, busy, extra)
    print(about)
    report.print_table(results, table, extra)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"about": about, "figures": results.figures}, file, indent=1)
    if options.write or not (options.only or options.quick):
        report.write_docs(os.path.join(ROOT, "docs", "bench.md"),
                          report.markdown(results, table, extra, about))
        note("docs/bench.md is written")


if __name__ == "__main__":
    main()
