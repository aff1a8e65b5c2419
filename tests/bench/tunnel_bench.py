#!/usr/bin/env python3
"""The tunnel against a plain relay between kernel sockets, in the same run: applications | relay |
servers, each in a network namespace of its own. Needs root. Prints medians and ratios.

    tunnel_bench.py BUILD_FOLDER [--rounds 5] [--seconds 3] [--only up1,down1,...] [--modes plain,vnet]
                    [--against TUNNEL_RELAY]    a program of another version
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import time

NAME = "tun-bench-%d" % os.getpid()
APPS, RELAY, SERVERS = NAME + "a", NAME + "r", NAME + "s"
SERVER_PORT, RELAY_PORT = 5001, 5002
RELAY_IP, SERVER_IP, TUNNEL_IP = "10.1.0.2", "10.2.0.2", "192.0.2.1"

# name: (arguments of bench_load after host and port, unit, is more better)
METRICS = {
    "up1": (["up", "1"], "Gbit/s", True),
    "down1": (["down", "1"], "Gbit/s", True),
    "up10": (["up", "10"], "Gbit/s", True),
    "down10": (["down", "10"], "Gbit/s", True),
    "up100": (["up", "100"], "Gbit/s", True),
    "down100": (["down", "100"], "Gbit/s", True),
    "rtt100": (["rtt", "100"], "us", False),
    "busy-up": (["rtt", "100", "up", "10"], "us", False),  # while ten streams are greedy
    "busy-down": (["rtt", "100", "down", "10"], "us", False),
    "rate": (["rate", "64"], "connections/s", True),
    "wide4000": (["wide", "4000"], "requests/s", True),
}


def sh(*command):
    subprocess.run(command, check=True)


def inside(namespace, *command):
    return ["ip", "netns", "exec", namespace, *command]


def set_up():
    for namespace in (APPS, RELAY, SERVERS):
        sh("ip", "netns", "add", namespace)
        sh("ip", "-n", namespace, "link", "set", "lo", "up")
        sh(*inside(namespace, "sysctl", "-qw", "net.ipv4.tcp_max_tw_buckets=2000",
                   "net.ipv4.ip_local_port_range=1024 65535"))
    for left, left_ip, right, right_ip, name in ((APPS, "10.1.0.1", RELAY, RELAY_IP, "v1"),
                                                 (RELAY, "10.2.0.1", SERVERS, SERVER_IP, "v2")):
        sh("ip", "link", "add", name, "netns", left, "type", "veth", "peer", "name", name, "netns", right)
        for namespace, address in ((left, left_ip), (right, right_ip)):
            sh("ip", "-n", namespace, "addr", "add", address + "/24", "dev", name)
            sh("ip", "-n", namespace, "link", "set", name, "up")


def tear_down():
    for namespace in (APPS, RELAY, SERVERS):
        subprocess.run(["ip", "netns", "del", namespace], check=False)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


class Candidate:
    def __init__(self, name, command, host, port):
        self.name, self.command, self.host, self.port = name, command, host, str(port)

    def start(self):
        self.process = subprocess.Popen(self.command)
        time.sleep(0.4)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def candidates(build, modes, against):
    program = lambda name: os.path.join(build, "bin", name)
    yield Candidate("kernel", inside(RELAY, program("plain_relay"), str(RELAY_PORT), SERVER_IP,
                                     str(SERVER_PORT)), RELAY_IP, RELAY_PORT)
    tunnels = [(mode, mode, program("tunnel_relay")) for mode in modes]
    tunnels += [("against", "vnet", path) for path in against]
    for index, (name, mode, path) in enumerate(tunnels):
        device = "tun%d" % index
        sh(*(["ip", "-n", APPS, "tuntap", "add", "dev", device, "mode", "tun"] +
             (["vnet_hdr"] if mode == "vnet" else [])))
        sh("ip", "-n", APPS, "addr", "add", "10.9.%d.1/24" % index, "dev", device)
        sh("ip", "-n", APPS, "link", "set", device, "up")
        host = "192.0.2.%d" % (index + 1)
        sh("ip", "-n", APPS, "route", "add", host, "dev", device)
        yield Candidate(name, inside(APPS, path, device, mode, SERVER_IP,
                                     str(SERVER_PORT), "/run/netns/" + RELAY), host, 80)


def measure(build, candidate, metric, seconds):
    words = METRICS[metric][0]
    load = os.path.join(build, "bin/bench_load")
    before = cpu_seconds(candidate.process.pid)
    greedy = None
    if len(words) > 2:
        greedy = subprocess.Popen(inside(APPS, load, words[2], candidate.host, candidate.port, words[3],
                                         str(seconds + 1)), stdout=subprocess.DEVNULL)
        time.sleep(0.7)
    out = subprocess.run(inside(APPS, load, words[0], candidate.host, candidate.port, words[1],
                                str(seconds)), check=True, capture_output=True, text=True).stdout
    if greedy:
        greedy.wait()
    used = cpu_seconds(candidate.process.pid) - before
    values = [float(value) for value in re.findall(r"[\d.]+(?= (?:Gbit|us|conn|req))", out)]
    gigabytes = values[0] / 8 * (seconds + 0.5) if "Gbit" in out else None
    return values, used / gigabytes if gigabytes else used


def hold(build, candidate, count):
    load = os.path.join(build, "bin/bench_load")
    before = rss_kib(candidate.process.pid)
    holder = subprocess.Popen(inside(APPS, load, "hold", candidate.host, candidate.port, str(count)),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    print("%-8s %d idle connections: %.0f bytes each" %
          (candidate.name, count, (rss_kib(candidate.process.pid) - before) * 1024 / count))
    return holder


def report(results, names):
    print("%-10s" % "" + "".join("%26s" % name for name in names))
    for metric, by_name in results.items():
        more = METRICS[metric][2]
        line = "%-10s" % metric
        reference = statistics.median(values[0] for values, _ in by_name[names[0]])
        for name in names:
            value = statistics.median(values[0] for values, _ in by_name[name])
            cpu = statistics.median(cpu for _, cpu in by_name[name])
            tail = "" if more else "/%.0f" % statistics.median(v[1] for v, _ in by_name[name])
            line += "%26s" % ("%.5g%s (%.2f) %.2fs" % (value, tail, value / reference, cpu))
        print(line + "  " + METRICS[metric][1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="up1,down1,up10,down10,rtt100,rate")
    parser.add_argument("--modes", default="vnet")
    parser.add_argument("--against", action="append", default=[], metavar="TUNNEL_RELAY")
    parser.add_argument("--idle", type=int, default=0)
    options = parser.parse_args()
    set_up()
    server = subprocess.Popen(inside(SERVERS, os.path.join(options.build, "bin/bench_load"),
                                     "serve", str(SERVER_PORT)))
    started = []
    holders = []
    try:
        for candidate in candidates(options.build, options.modes.split(","), options.against):
            candidate.start()
            started.append(candidate)
        if options.idle:
            holders = [hold(options.build, candidate, options.idle) for candidate in started]
        results = {}
        for _ in range(options.rounds):
            for metric in options.only.split(","):
                for candidate in started:
                    value = measure(options.build, candidate, metric, options.seconds)
                    results.setdefault(metric, {}).setdefault(candidate.name, []).append(value)
        report(results, [candidate.name for candidate in started])
        for holder in holders:
            holder.communicate("")
        if holders:
            time.sleep(2)
            for candidate in started:
                print("%-8s afterwards %d KiB" % (candidate.name, rss_kib(candidate.process.pid)))
    finally:
        for candidate in started:
            candidate.stop()
        server.terminate()
        server.wait()
        tear_down()


if __name__ == "__main__":
    main()
