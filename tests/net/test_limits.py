"""Limits: what exists goes on, what is new is refused at once and counted."""

import re
import subprocess
import sys
import time

from configs import DIRECT, config
from lab import AT_ONCE_MS, BUILD, DNS4, WEB4, check, main, wait_for
from sanitizers import is_sanitized
from test_tcp import CLIENTS, app

# Behind the wire and silent: whoever knocks there waits.
SILENT4 = "203.0.113.66"
# Clients that do not exist; what is sent to them is lost.
NOBODY = "10.66.0.0"
FLOOD = 1_000_000


def servers(lab):
    lab.dns()
    for address in (WEB4, DNS4):
        lab.server("banner", address, 25)
    lab.ip(lab.net, f"route add blackhole {SILENT4}/32")


def limited(lab, limit, more=""):
    servers(lab)
    service = lab.atlantic(config(lab, [DIRECT], f"limits: {{{limit}}}\n{more}"))
    service.on()
    return service


def counters(service, group):
    return service.status()["counters"][group]


def holder(lab, *words):
    """An application that keeps what it has until its input ends; its first line is the result."""
    process = lab.start(lab.host, [sys.executable, CLIENTS, *map(str, words)],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def let_go(process):
    process.stdin.close()
    process.wait(60)


def per_destination(lab):
    """At limits.tcp_per_destination further connections to that address are refused at once"""
    service = limited(lab, "tcp_per_destination: 10")
    process, result = holder(lab, "hold", WEB4, 25, 15, AT_ONCE_MS)
    check(result == "10 open, 5 refused", result)
    flows = counters(service, "flows")
    check(flows["tcp_refused_per_destination"] == 5 and flows["tcp_refused_at_limit"] == 0,
          f"{flows}")
    app(lab, "speaks_first", DNS4, 25, AT_ONCE_MS)
    let_go(process)
    wait_for("room", lambda: counters(service, "flows")["tcp"] == 0)
    app(lab, "speaks_first", WEB4, 25, AT_ONCE_MS)


def tcp_flows(lab):
    """At limits.tcp_flows further connections are refused at once"""
    service = limited(lab, "tcp_flows: 20")
    process, result = holder(lab, "hold", WEB4, 25, 30, AT_ONCE_MS)
    check(result == "20 open, 10 refused", result)
    status = service.status()["counters"]
    refused = status["flows"]["tcp_refused_at_limit"] + status["tun"]["refused_tcp"]
    check(refused == 10, f"{refused} were counted")
    let_go(process)
    wait_for("room", lambda: counters(service, "flows")["tcp"] == 0)
    app(lab, "speaks_first", DNS4, 25, AT_ONCE_MS)


def half_open(lab):
    """At limits.tcp_knocks connections that wait make new ones refused, until they are answered"""
    service = limited(lab, "tcp_knocks: 20", "timeouts: {connect: 20s, dial: 20s}\n")
    process, result = holder(lab, "knock", SILENT4, 9999, 30, 10)
    check(result == "20 waiting, 10 refused", result)
    tun = counters(service, "tun")
    check(tun["half_open"] == 20 and tun["refused_tcp"] == 10, f"{tun}")
    let_go(process)
    wait_for("room", lambda: counters(service, "tun")["half_open"] == 0)
    app(lab, "speaks_first", WEB4, 25, AT_ONCE_MS)


def half_open_per_destination(lab):
    """At limits.tcp_knocks_per_destination one that never answers leaves room for the others"""
    service = limited(lab, "tcp_knocks_per_destination: 10", "timeouts: {connect: 20s, dial: 20s}\n")
    process, result = holder(lab, "knock", SILENT4, 9999, 15, 5)
    check(result == "10 waiting, 5 refused", result)
    tun = counters(service, "tun")
    check(tun["half_open"] == 10 and tun["refused_tcp_per_destination"] == 5 and
          tun["refused_tcp"] == 0, f"{tun}")
    app(lab, "speaks_first", WEB4, 25, AT_ONCE_MS)
    let_go(process)
    wait_for("room", lambda: counters(service, "tun")["half_open"] == 0)


def udp_flows(lab):
    """At limits.udp_flows further sockets get port unreachable at once"""
    service = limited(lab, "udp_flows: 20")
    process, result = holder(lab, "udp_sockets", WEB4, 9999, 30, 10)
    check(result == "20 open, 10 refused", result)
    status = service.status()["counters"]
    refused = status["flows"]["udp_refused_at_limit"] + status["tun"]["refused_udp"]
    check(refused == 10, f"{refused} were counted")
    let_go(process)


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def flood(lab, service, target, port):
    """A flood of a million SYNs beside a download of a steady speed; its share of that speed."""
    steady = lab.start(lab.host, [sys.executable, CLIENTS, "steady", WEB4, "7006"],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    steady.stdin.write("\n")  # count from here
    steady.stdin.flush()
    done = lab.app([f"{BUILD}/bin/syn_flood", NOBODY, target, str(port), str(FLOOD), "50000"],
                   seconds=300)
    check(done.returncode == 0, done.stderr)
    share = float(steady.communicate("\n")[0])
    print(f"        port {port}: {done.stdout.strip()}, the download had {share:.2f} of its speed")
    check(share >= 0.8, f"port {port}: the download had {share:.2f} of its speed")
    wait_for("room", lambda: counters(service, "tun")["half_open"] == 0)


def syn_flood(lab):
    """A million SYNs from inside: a download goes on at its speed, memory is bounded, then all is well"""
    servers(lab)
    lab.server("paced", WEB4, 7006, 12_500_000)
    service = lab.atlantic(config(lab, [DIRECT]))
    service.on()
    length = lab.app(["cat", "/sys/class/net/atlantic-tun0/tx_queue_len"]).stdout
    check(int(length) >= 5000, f"the device's queue has room for {length} packets")
    before = rss_mib(service.worker_pid())
    flood(lab, service, WEB4, 80)       # answered before the target is asked
    flood(lab, service, SILENT4, 9999)  # kept waiting
    grown = rss_mib(service.worker_pid()) - before
    check(grown < 64 or is_sanitized(service.worker_pid()),
          f"the worker has grown by {grown:.0f} MiB")
    tun = counters(service, "tun")
    seen = int(lab.app(["cat", "/sys/class/net/atlantic-tun0/statistics/tx_packets"]).stdout)
    check(tun["refused_tcp"] + tun["refused_tcp_per_destination"] > seen / 4, f"{tun} of {seen} packets")
    app(lab, "speaks_first", WEB4, 25, AT_ONCE_MS)


if __name__ == "__main__":
    sys.exit(main("limits", [per_destination, tcp_flows, half_open, half_open_per_destination,
                             udp_flows, syn_flood]))
