#!/usr/bin/env python3
"""What a flood of SYNs from inside costs the others: a download as fast as it goes, without and beside
a million SYNs. Whoever sends them takes a part of the CPUs, too: how much is told by the same flood in
a namespace of its own, into a device behind which nobody is. Needs root.

    flood_bench.py [BUILD_FOLDER] [--rate 50000] [--count 1000000] [--rounds 3] [--realtime]
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORT, SECONDS = 7010, 3
SILENT = "203.0.113.66"


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--realtime", action="store_true",
                        help="real-time priority for all of it, where the machine is not idle")
    return parser.parse_args()


class Sink:
    """A namespace whose way out swallows everything."""

    def __init__(self, lab):
        self.name = f"{lab.tag}-sink"

    def __enter__(self):
        for words in (f"netns add {self.name}", f"-n {self.name} tuntap add sink0 mode tun",
                      f"-n {self.name} link set sink0 up",
                      f"-n {self.name} route add default dev sink0"):
            subprocess.run(["ip", *words.split()], check=True)
        return self.name

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def bench(lab, options):
    """A download, without and beside a flood of SYNs"""
    from configs import DIRECT, config
    from lab import BUILD, WEB4, wait_for
    from test_limits import NOBODY, counters, rss_mib

    def download(during=lambda: None):
        """It exists before the flood begins."""
        process = lab.start(lab.host, [f"{BUILD}/bin/bench_load", "down", WEB4, str(PORT), "1",
                                       str(SECONDS)], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        during()
        return float(re.search(r"gbps=([\d.]+)", process.communicate()[0]).group(1))

    def beside(where, target, port):
        floods = []
        value = download(lambda: floods.append(lab.start(where, [
            f"{BUILD}/bin/syn_flood", NOBODY, target, str(port), str(options.count),
            str(options.rate)])))
        floods[0].wait()
        wait_for("room", lambda: counters(service, "tun")["half_open"] == 0)
        return value

    lab.dns()
    lab.serve([f"{BUILD}/bin/bench_load", "serve", WEB4, str(PORT), "1"], WEB4, PORT)
    lab.ip(lab.net, f"route add blackhole {SILENT}/32")
    service = lab.atlantic(config(lab, [DIRECT]))
    service.on()
    before = rss_mib(service.worker_pid())
    with Sink(lab) as sink:
        measures = {
            "alone": download,
            "beside SYNs into the void": lambda: beside(sink, WEB4, 80),
            "beside SYNs to a web port": lambda: beside(lab.host, WEB4, 80),
            "beside SYNs to somebody silent": lambda: beside(lab.host, SILENT, 9999),
        }
        values = {name: [] for name in measures}
        for number in range(options.rounds):
            turn = number % len(measures)
            for name in (list(measures) * 2)[turn:turn + len(measures)]:
                values[name].append(measures[name]())
    alone = statistics.median(values["alone"])
    for name, each in values.items():
        median = statistics.median(each)
        print(f"        {name}: {median:.2f} Gbit/s, {median / alone:.2f} x")
    tun = counters(service, "tun")
    print(f"        refused: {tun['refused_tcp'] + tun.get('refused_tcp_per_destination', 0):,}, "
          f"of them without an answer {tun.get('refused_tcp_silently', 0):,}; "
          f"the worker grew by {rss_mib(service.worker_pid()) - before:.0f} MiB")


def run():
    options = parse()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited by all
    os.environ["ATLANTIC_BUILD"] = options.build
    sys.path.insert(0, os.path.join(ROOT, "tests", "net"))
    from lab import main

    def flood(lab):
        bench(lab, options)
    flood.__doc__ = bench.__doc__
    sys.exit(main("flood", [flood], []))


if __name__ == "__main__":
    run()
