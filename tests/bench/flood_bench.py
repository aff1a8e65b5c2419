#!/usr/bin/env python3
"""What a flood of SYNs from inside costs the others: a download as fast as it goes, without and beside
a million SYNs. Whoever sends them takes a part of the CPUs, too. Needs root.

    flood_bench.py [BUILD_FOLDER] [--rate 50000] [--rounds 3]
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOOD = 1_000_000
PORT, SECONDS = 7010, 3
SILENT = "203.0.113.66"


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def bench(lab, options):
    """A download, without and beside a flood of a million SYNs"""
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

    def beside(target, port):
        floods = []
        value = download(lambda: floods.append(lab.start(lab.host, [
            f"{BUILD}/bin/syn_flood", NOBODY, target, str(port), str(FLOOD), str(options.rate)])))
        floods[0].wait()
        wait_for("room", lambda: counters(service, "tun")["half_open"] == 0)
        return value

    lab.dns()
    lab.serve([f"{BUILD}/bin/bench_load", "serve", WEB4, str(PORT), "1"], WEB4, PORT)
    lab.ip(lab.net, f"route add blackhole {SILENT}/32")
    service = lab.atlantic(config(lab, [DIRECT]))
    service.on()
    before = rss_mib(service.worker_pid())
    values = {"alone": [], "beside SYNs to a web port": [], "beside SYNs to somebody silent": []}
    for _ in range(options.rounds):
        for name, measure in zip(values, (download, lambda: beside(WEB4, 80),
                                          lambda: beside(SILENT, 9999))):
            values[name].append(measure())
    alone = statistics.median(values["alone"])
    for name, each in values.items():
        median = statistics.median(each)
        print(f"        {name}: {median:.2f} Gbit/s, {median / alone:.2f} x")
    print(f"        refused: {counters(service, 'tun')['refused_tcp']:,}; "
          f"the worker grew by {rss_mib(service.worker_pid()) - before:.0f} MiB")


def run():
    options = parse()
    os.environ["ATLANTIC_BUILD"] = options.build
    sys.path.insert(0, os.path.join(ROOT, "tests", "net"))
    from lab import main

    def flood(lab):
        bench(lab, options)
    flood.__doc__ = bench.__doc__
    sys.exit(main("flood", [flood], []))


if __name__ == "__main__":
    run()
