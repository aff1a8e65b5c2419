"""The rows of the tunnel's table: how each is measured, and what Atlantic has to reach."""

import time

from bed import numbers, status_number
from lab import Failed

UDP_BYTES, UDP_PER_SECOND = 1200, 104167  # 1 Gbit/s
SMALL_UDP_PER_SECOND = 30000
DRIPS_PER_SECOND = 10000
WIDE = 4000
SEGMENT_BYTES = 100
SETTLE_SECONDS, IDLE_SECONDS = 15, 10
FLOWS_SECONDS, FLOWS_SETTLE_SECONDS = 0.5, 1.5
FLOWS_SETTINGS = "timeouts: {udp_idle: 1s}\n"


def bulk(direction, streams):
    def measure(candidate, seconds):
        before = candidate.cpu()
        said = candidate.load(direction, streams, seconds)
        used = candidate.cpu() - before
        if not said["bytes"]:
            raise Failed("nothing moved")
        return {"": said["gbps"], "cpu": used / (said["bytes"] / 1e9)}
    return measure


def round_trip(candidate, seconds):
    said = candidate.load("rtt", 100, seconds)
    return {"p50": said["p50"], "p99": said["p99"]}


def busy_round_trip(direction):
    def measure(candidate, seconds):
        greedy = candidate.background_load(direction, 10, seconds + 0.4)
        try:
            time.sleep(0.5)
            return round_trip(candidate, seconds)
        finally:
            greedy.communicate()
    return measure


def connections(candidate, seconds):
    return {"": candidate.load("rate", 64, seconds)["rate"]}


def wide(candidate, seconds):
    return {"": candidate.load("wide", WIDE, seconds)["rate"]}


def drip(candidate, seconds):
    before = candidate.cpu()
    said = candidate.load("drip", DRIPS_PER_SECOND, seconds)
    return {"": (candidate.cpu() - before) / said["count"] * 1e6}


def datagrams_up(candidate, size, per_second, seconds):
    """(lost in percent, CPU microseconds for each that arrived)"""
    before, used = candidate.bed.datagrams(), candidate.cpu()
    sent = candidate.load("udp-up", size, per_second, seconds)["sent"]
    used, got = candidate.cpu() - used, candidate.bed.datagrams() - before
    return 100 * (1 - got / sent), used / max(got, 1) * 1e6


def small_datagrams(candidate, seconds):
    lost, cpu = datagrams_up(candidate, 64, SMALL_UDP_PER_SECOND, seconds)
    return {"": cpu, "lost": lost}


def flood_up(candidate, seconds):
    lost, cpu = datagrams_up(candidate, UDP_BYTES, UDP_PER_SECOND, seconds)
    return {"": lost, "cpu": cpu}


def flood_down(candidate, seconds):
    before = candidate.cpu()
    said = candidate.load("udp-down", UDP_BYTES, UDP_PER_SECOND, seconds)
    return {"": 100 * (1 - said["got"] / said["sent"]),
            "cpu": (candidate.cpu() - before) / max(said["got"], 1) * 1e6}


def datagram_flows(candidate, seconds):
    """Each takes two descriptors of the worker's while it lives, and here a process may have no more
    than twenty thousand: so a short while, when the last ones have gone."""
    time.sleep(FLOWS_SETTLE_SECONDS)
    seconds = min(seconds, FLOWS_SECONDS)
    said = candidate.load("udp-flows", 64, seconds)
    return {"": said["rate"], "lost": said["lost"]}


def segments(candidate, seconds):
    """What the worker read from the device: what was sent less what the full device turned away,
    told by the kernel in superpackets."""
    before, dropped = candidate.bed.datagrams(), candidate.tun_dropped()
    said = candidate.load("udp-segments", SEGMENT_BYTES, seconds)
    out, dropped = candidate.bed.datagrams() - before, candidate.tun_dropped() - dropped
    is_read = 1 - dropped / said["sends"]
    return {"": said["sent"] * is_read / said["seconds"], "out": out / said["seconds"]}


def rest(candidates):
    """Nothing to do: how often does any thread wake up, and what does it hold?"""
    def wakes(candidate):
        return sum(status_number(pid, "voluntary_ctxt_switches", True) for pid in candidate.pids())
    before = [wakes(candidate) for candidate in candidates]
    time.sleep(IDLE_SECONDS)
    for candidate, count in zip(candidates, before):
        root, *workers = (status_number(pid, "VmRSS") / 1024 for pid in candidate.pids())
        yield candidate, {"wakes": (wakes(candidate) - count) / IDLE_SECONDS, "root": root,
                          "worker": sum(workers)}


def hold_datagrams(flows, processes=1):
    """All at a time, from several processes where one may not have so many files."""
    def measure(candidate, _):
        loads = [candidate.background_load("udp-hold", flows // processes)
                 for _ in range(processes)]
        again = sum(numbers(load.communicate()[0]).get("again", 0) for load in loads)
        return {"": again / (flows // processes * processes) * 100}
    return measure


# Measurements: name -> (function, who takes part). One measurement gives one or more figures,
# named `measurement` or `measurement.part`.
PROXIES = ("plain", "redsocks", "hev", "before", "atlantic")
MEASUREMENTS = {
    "up1": (bulk("up", 1), PROXIES),
    "down1": (bulk("down", 1), PROXIES),
    "up10": (bulk("up", 10), PROXIES),
    "down10": (bulk("down", 10), PROXIES),
    "up100": (bulk("up", 100), PROXIES),
    "down100": (bulk("down", 100), PROXIES),
    "rtt": (round_trip, PROXIES),
    "rtt-up": (busy_round_trip("up"), PROXIES),
    "rtt-down": (busy_round_trip("down"), PROXIES),
    "conn": (connections, PROXIES + ("idle",)),
    "wide": (wide, ("plain", "before", "atlantic", "idle")),
    "drip": (drip, ("plain", "before", "atlantic")),
    "udp64": (small_datagrams, ("plain-udp", "direct")),
    "udp-up": (flood_up, ("path", "direct", "atlantic", "hev")),
    "udp-down": (flood_down, ("path", "direct", "atlantic", "hev")),
    "conn-many": (connections, ("many", "many-idle")),
    "wide-many": (wide, ("many", "many-idle")),
    "udp-flows": (datagram_flows, ("path", "flows-direct", "flows", "flows-pipelined")),
    "uso": (segments, ("direct",)),
}
GROUPS = {
    "tcp": ("up1", "down1", "up10", "down10", "up100", "down100"),
    "latency": ("rtt", "rtt-up", "rtt-down"),
    "conn": ("conn", "wide"),
    "small": ("drip", "udp64"),
    "udp": ("udp-up", "udp-down", "udp-flows", "uso", "udp-hold"),
    "memory": ("memory",),
    "many": ("conn-many", "wide-many", "udp-hold-many"),
    "rest": ("rest",),
}
ONCE = ("rest", "memory", "udp-hold", "udp-hold-many")


class AtLeast:
    """A ratio to the rival, or, without a rival, the figure itself."""
    sign = ">="

    def __init__(self, limit):
        self.limit = limit

    def text(self, is_ratio):
        return f"{self.sign} {self.limit:,g}" + (" x" if is_ratio else "")

    def is_met(self, value):
        return value >= self.limit


class AtMost(AtLeast):
    sign = "<="

    def is_met(self, value):
        return value <= self.limit


class Plus(AtMost):
    """At most so much more than the rival."""

    def text(self, _):
        return f"<= +{self.limit:,g}"


class Row:
    """A line of the table: a figure of `us`, the rival it is compared with, the target."""

    def __init__(self, figure, label, unit, target=None, us="atlantic", them="plain"):
        self.figure, self.label, self.unit = figure, label, unit
        self.target, self.us, self.them = target, us, them

    def compare(self, ours, theirs):
        """(the comparison, the target, whether it is met; None where that is unknown)."""
        target = self.target.text(self.them is not None) if self.target else ""
        if ours is None or (self.them and theirs is None):
            return "", target, None
        if not self.them:
            return "", target, self.target.is_met(ours) if self.target else None
        if isinstance(self.target, Plus):
            return f"{ours - theirs:+.3g}", target, self.target.is_met(ours - theirs)
        if not theirs:
            return "", target, None
        ratio = ours / theirs
        return f"{ratio:.2f}", target, self.target.is_met(ratio) if self.target else None


def table():
    rows = []
    for streams, least in ((1, 0.9), (10, 0.8), (100, 0.8)):
        for direction in ("up", "down"):
            name = f"{streams} stream{'s' if streams > 1 else ''} {direction}"
            rows.append(Row(f"{direction}{streams}", name, "Gbit/s", AtLeast(least)))
            rows.append(Row(f"{direction}{streams}.cpu", f"{name}, CPU", "s/GB", AtMost(1.3)))
    for name, label in (("rtt", "100 B round trip"), ("rtt-up", "the same, 10 streams up"),
                        ("rtt-down", "the same, 10 streams down")):
        rows.append(Row(f"{name}.p50", f"{label}, p50", "us", Plus(15)))
        rows.append(Row(f"{name}.p99", f"{label}, p99", "us", Plus(60)))
    rows += [
        Row("conn", "new connections, 64 at a time", "1/s", AtLeast(0.85)),
        Row("conn", "the same beside the idle ones, to none idle", "1/s", AtLeast(0.9), "idle",
            "atlantic"),
        Row("wide", f"requests over {WIDE:,} connections", "1/s"),
        Row("wide", "the same beside the idle ones, to none idle", "1/s", AtLeast(0.85), "idle",
            "atlantic"),
        Row("conn-many", "3 workers, new connections beside idle ones, to none idle", "1/s",
            AtLeast(0.9), "many-idle", "many"),
        Row("wide-many", f"3 workers, requests over {WIDE:,} beside idle ones, to none idle",
            "1/s", AtLeast(0.85), "many-idle", "many"),
        Row("memory.alive", "3 workers, idle connections that are alive", "%", AtLeast(100),
            "many-idle", None),
        Row("memory.each", "3 workers, RSS per idle connection", "KB", AtMost(2.5), "many-idle",
            None),
        Row("memory.each", "worker's RSS per idle connection", "KB", AtMost(2.5), "idle", None),
        Row("memory.returned", "of it returned after they closed", "%", AtLeast(90), "idle", None),
        Row("drip", f"{DRIPS_PER_SECOND:,} writes of 1 B a second, CPU", "us each", AtMost(1.5)),
        Row("udp64", f"{SMALL_UDP_PER_SECOND:,} datagrams of 64 B a second, CPU", "us each",
            AtMost(1.5), "direct", "plain-udp"),
    ]
    for direction in ("up", "down"):
        for us, via in (("direct", "direct"), ("atlantic", "SOCKS5")):
            rows.append(Row(f"udp-{direction}", f"UDP 1 Gbit/s of 1,200 B {direction}, {via}, lost",
                            "%", Plus(2), us, "path"))
    rows += [
        Row("udp-flows", "new UDP flows, direct", "1/s", AtLeast(15000), "flows-direct", None),
        Row("udp-flows", "new UDP flows, SOCKS5", "1/s", AtLeast(15000), "flows", None),
        Row("udp-flows", "new UDP flows, SOCKS5, pipelined", "1/s", AtLeast(15000),
            "flows-pipelined", None),
        Row("udp-hold", "UDP flows open at a time, all alive", "%", AtLeast(100), "direct", None),
        Row("udp-hold-many", "3 workers, UDP flows open at a time, all alive", "%", AtLeast(100),
            "many-direct", None),
        Row("uso", f"datagrams of {SEGMENT_BYTES} B read from the TUN (USO)", "1/s",
            AtLeast(1e6), "direct", None),
        Row("uso.out", "of them passed on to the server", "1/s", None, "direct", None),
    ]
    for us, label in (("atlantic", "SOCKS5"), ("direct", "direct")):
        rows.append(Row("rest.wakes", f"nothing to do, {label}: wake-ups, both halves", "1/s",
                        AtMost(0), us, None))
        rows.append(Row("rest.worker", f"nothing to do, {label}: RSS of the worker", "MiB",
                        AtMost(12), us, None))
        rows.append(Row("rest.root", f"nothing to do, {label}: RSS of the root half", "MiB",
                        AtMost(12), us, None))
    return rows


def hev_table():
    """Against hev-socks5-tunnel at its best, where there is one."""
    rows = []
    for streams in (1, 10):
        for direction in ("up", "down"):
            name = f"{direction}{streams}"
            rows.append(Row(name, f"hev: {streams} {direction}", "Gbit/s", AtLeast(2), them="hev"))
            rows.append(Row(f"{name}.cpu", f"hev: {streams} {direction}, CPU", "s/GB",
                            AtMost(0.4), them="hev"))
    rows.append(Row("conn", "hev: new connections", "1/s", AtLeast(1.2), them="hev"))
    rows.append(Row("rtt.p50", "hev: 100 B round trip, p50", "us", Plus(0), them="hev"))
    return rows
