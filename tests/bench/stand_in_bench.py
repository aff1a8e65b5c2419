#!/usr/bin/env python3
"""What stand-in addresses are worth: the time until curl has the first byte of a small page, of a
name that nobody asked for yet and of the same name again, by dns.mode, through an upstream that is
100 ms away. Needs root. Prints medians.

    stand_in_bench.py BUILD_FOLDER [--names 20] [--round-trip 100]
"""
import argparse
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 1090


def fetch(lab_, name):
    """(time for the name, time to the first byte), in ms."""
    done = lab_.app(["curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-w",
                     "%{time_namelookup} %{time_starttransfer} %{http_code}",
                     "http://%s/hello" % name])
    words = done.stdout.split()
    if len(words) != 3 or words[2] != "200":
        raise SystemExit("%s: %s%s" % (name, done.stdout, done.stderr))
    return float(words[0]) * 1000, float(words[1]) * 1000


def measure(lab, configs, mode, options):
    with lab.Lab("stand-in-bench") as lab_:
        hosts = ["host-%d.example" % i for i in range(options.names)]
        lab_.web()
        lab_.dns(["%s. 300 IN A %s" % (host, lab.WEB4) for host in hosts + ["first.example"]])
        lab_.serve([sys.executable, os.path.join(HERE, "slow_socks.py"), lab.PROXY4, str(PORT),
                    str(options.round_trip)], lab.PROXY4, PORT)
        dns = "  servers: ['tls://%s#dns.example']\n  ca_file: %s/ca.pem\n  mode: %s\n" % (
            lab.DNS4, lab_.dir, mode)
        lab_.atlantic(configs.config(lab_, [configs.socks5(PORT)], dns=dns)).on()
        fetch(lab_, "first.example")  # the connection to the resolver is there from now on
        first = [fetch(lab_, host) for host in hosts]
        return first, [fetch(lab_, host) for host in hosts]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--names", type=int, default=20)
    parser.add_argument("--round-trip", type=float, default=100)
    options = parser.parse_args()
    os.environ["ATLANTIC_BUILD"] = os.path.abspath(options.build)
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "net"))
    import configs  # pylint: disable=import-outside-toplevel,import-error
    import lab  # pylint: disable=import-outside-toplevel,import-error
    print("%-10s %22s %22s" % ("ms", "first: name, byte", "again: name, byte"))
    for mode in ("real", "stand-in"):
        cells = []
        for values in measure(lab, configs, mode, options):
            cells.append("%.0f, %.0f" % (statistics.median(v[0] for v in values),
                                         statistics.median(v[1] for v in values)))
        print("%-10s %22s %22s" % (mode, *cells))


if __name__ == "__main__":
    main()
