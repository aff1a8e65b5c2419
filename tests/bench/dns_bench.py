#!/usr/bin/env python3
"""Answers to blocked names: the whole of Atlantic, asked through its TUN as applications ask,
against dnsmasq and unbound from Debian, asked over loopback. Every candidate has one core, the
crowd that asks has another; they take turns in one run. Needs root. Prints medians and ratios.

    dns_bench.py BUILD_FOLDER [--names 1000000] [--rounds 5] [--seconds 3] [--outstanding 100]
                 [--realtime]    real-time priority for all of them, where the machine is not idle
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER_CORE, CROWD_CORE = "0", "1"


def names(count):
    """Like those of a real list in length and depth, and each only once."""
    ends = ("com", "net", "org", "co.uk", "example", "info", "de")
    return ["%s%x.%s%d.%s" % ("ad" if i % 3 else "track", i * 2654435761 % (1 << 32),
                              "srv" if i % 2 else "cdn-node", i % 5003, ends[i % len(ends)])
            for i in range(count)]


class Candidate:
    def __init__(self, name, address, port, pid, realtime):
        self.name, self.address, self.port, self.pid = name, address, port, pid
        self.rates, self.medians, self.tails, self.cpu = [], [], [], []
        subprocess.run(["taskset", "-a", "-cp", SERVER_CORE, str(pid)], check=True,
                       stdout=subprocess.DEVNULL)
        if realtime:
            subprocess.run(["chrt", "-a", "-f", "-p", "10", str(pid)], check=True)

    def rss_mb(self):
        with open("/proc/%d/status" % self.pid, encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid, encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, lab_, load, path, options):
        before = self.cpu_seconds()
        priority = ["chrt", "-f", "10"] if options.realtime else []
        out = lab_.run(lab_.host, [*priority, "taskset", "-c", CROWD_CORE, load, self.address, str(self.port), path,
                                   str(options.outstanding), str(options.seconds)]).stdout
        values = re.match(r"(\d+) answers/s, (\d+) us p50, (\d+) us p99, (\d+) lost, (\d+) wrong", out)
        if not values or values.group(5) != "0":
            raise SystemExit("%s: %s" % (self.name, out))
        rate, median, tail, lost, _ = map(int, values.groups())
        if lost:
            print("%s lost %d questions" % (self.name, lost))
        self.rates.append(rate)
        self.medians.append(median)
        self.tails.append(tail)
        self.cpu.append((self.cpu_seconds() - before) / (rate * options.seconds) * 1e6)


def start_dnsmasq(lab_, hosts):
    conf = lab_.write("dnsmasq.conf", "".join("address=/%s/0.0.0.0\n" % host for host in hosts))
    process = lab_.start(lab_.host, ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                                     "--port=5301", "--listen-address=127.0.0.1", "--bind-interfaces",
                                     "--pid-file=", "--user=root", "--conf-file=" + conf])
    return "127.0.0.1", 5301, process.pid


def start_unbound(lab_, hosts):
    zones = "".join('  local-zone: "%s" redirect\n  local-data: "%s A 0.0.0.0"\n' % (host, host)
                    for host in hosts)
    conf = lab_.write("unbound-bench.conf", f"""server:
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{lab_.dir}"
  pidfile: "{lab_.dir}/unbound-bench.pid"
  use-syslog: no
  verbosity: 0
  num-threads: 1
  interface: 127.0.0.1@5302
  module-config: "iterator"
{zones}remote-control:
  control-enable: no
""")
    process = lab_.start(lab_.host, ["unbound", "-d", "-c", conf])
    return "127.0.0.1", 5302, process.pid


def start_atlantic(lab_, hosts, build, log):
    path = lab_.write("names.txt", "\n".join(hosts) + "\n")
    config = f"""upstreams:
  - {{name: direct, kind: direct}}
filter:
  builtin: false
  lists:
    - {{name: bench, file: {path}, format: domains}}
query_log: {{mode: {log}}}
region: US
"""
    service = lab_.atlantic(config)
    done = service.cli("on")
    if done.returncode != 0:
        raise SystemExit(done.stderr + service.log())
    time.sleep(1)
    return "192.0.2.1", 53, service.worker_pid()


def answers(lab_, candidate, host):
    done = lab_.run(lab_.host, ["dig", "+short", "+time=1", "+tries=1", "@" + candidate.address, "-p",
                                str(candidate.port), host])
    return done.stdout.strip() == "0.0.0.0"


def report(candidates):
    print("%-10s %12s %8s %8s %8s %14s %8s" % ("", "answers/s", "ratio", "p50 us", "p99 us",
                                               "CPU us each", "RSS MB"))
    first = statistics.median(candidates[0].rates)
    for one in candidates:
        rate = statistics.median(one.rates)
        print("%-10s %12d %8.2f %8d %8d %14.2f %8.0f" % (
            one.name, rate, rate / first, statistics.median(one.medians),
            statistics.median(one.tails), statistics.median(one.cpu), one.rss_mb()))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--names", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--outstanding", type=int, default=100)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--only", default="atlantic,dnsmasq,unbound")
    parser.add_argument("--log", default="blocked", help="Atlantic's query_log.mode")
    options = parser.parse_args()
    os.environ["ATLANTIC_BUILD"] = build = os.path.abspath(options.build)
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "net"))
    import lab  # pylint: disable=import-outside-toplevel,import-error
    hosts = names(options.names)
    with lab.Lab("dns-bench") as lab_:
        path = lab_.write("asked.txt", "\n".join(hosts) + "\n")
        starts = {"atlantic": lambda: start_atlantic(lab_, hosts, build, options.log),
                  "dnsmasq": lambda: start_dnsmasq(lab_, hosts),
                  "unbound": lambda: start_unbound(lab_, hosts)}
        candidates = [Candidate(name, *starts[name](), options.realtime)
                      for name in options.only.split(",")]
        for candidate in candidates:
            lab.wait_for(candidate.name, lambda one=candidate: answers(lab_, one, hosts[-1]))
        for _ in range(options.rounds):
            for candidate in candidates:
                candidate.measure(lab_, os.path.join(build, "bin/dns_load"), path, options)
        report(candidates)


if __name__ == "__main__":
    main()
