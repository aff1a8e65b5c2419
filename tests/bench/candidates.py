"""Who is measured. Each stands in a house of its own and takes every connection of it to the SOCKS5
upstream, or straight out."""

import os
import shutil

from bed import MARK, PORT, SOCKS_PORT, TARGET, cpu_seconds, family, status_number
from lab import Atlantic, Failed, run, stop, wait_for

RELAY_PORT = 12345
UDP_RELAY_PORT = 12346

RULES = f"""
add table ip bench
add chain ip bench out {{ type nat hook output priority -100 ; }}
add rule ip bench out meta mark {MARK} return
add rule ip bench out ip daddr {TARGET} meta l4proto tcp redirect to :{RELAY_PORT}
"""


class Candidate:
    """No proxy at all: what the path itself can."""
    target, port = TARGET, PORT

    def __init__(self, bed, name):
        self.name, self.bed = name, bed
        self.house = bed.house(name)
        self.process = None

    def start(self):
        pass

    def stop(self):
        if self.process:
            stop(self.process, 5)

    def pids(self):
        return family(self.process.pid) if self.process else []

    def cpu(self):
        return sum(cpu_seconds(pid) for pid in self.pids())

    def rss_kib(self):
        return sum(status_number(pid, "VmRSS") for pid in self.pids())

    def load(self, what, *words):
        return self.house.load(what, self.target, self.port, *words)

    def background_load(self, what, *words):
        return self.house.background_load(what, self.target, self.port, *words)

    def is_alive(self):
        return not self.process or self.process.poll() is None

    def wait_answering(self):
        """A request and its answer, through whatever stands in between."""
        def answers():
            if not self.is_alive():
                with open(self.process.log_path, errors="replace", encoding="utf-8") as file:
                    raise Failed(f"{self.name} ended: {file.read()[-1000:]}")
            try:
                return self.load("rtt", 1, 0.01)["count"] > 0
            except Failed:
                return False
        wait_for(f"{self.name} to answer", answers, 20)


class Redirected(Candidate):
    """A program that connections are redirected to."""

    def start(self):
        run(["ip", "netns", "exec", self.house.host, "nft", "-f", self.house.write("rules", RULES)])
        self.process = self.house.start(self.house.host, self.command())
        self.wait_answering()


class Plain(Redirected):
    def command(self):
        return [self.bed.program("plain_relay"), str(RELAY_PORT), str(MARK), self.house.gateway,
                str(SOCKS_PORT)]


class PlainUdp(Candidate):
    """Known target: there is no such thing as a redirected datagram's true one."""
    target, port = "127.0.0.1", UDP_RELAY_PORT

    def start(self):
        self.process = self.house.start(self.house.host, [
            self.bed.program("plain_udp_relay"), str(UDP_RELAY_PORT), TARGET, str(PORT)])


class Redsocks(Redirected):
    def __init__(self, bed, name, path):
        super().__init__(bed, name)
        self.path = path

    def command(self):
        conf = self.house.write("redsocks.conf", f"""
base {{ log_debug = off; log_info = off; log = "stderr"; daemon = off; redirector = iptables;
        redsocks_conn_max = 20000; }}
redsocks {{ local_ip = 0.0.0.0; local_port = {RELAY_PORT}; ip = {self.house.gateway};
            port = {SOCKS_PORT}; type = socks5; listenq = 4096; }}
""")
        return [self.path, "-c", conf]


class Hev(Candidate):
    """hev-socks5-tunnel, with the settings it is best with."""

    def __init__(self, bed, name, path):
        super().__init__(bed, name)
        self.path = path

    def start(self):
        conf = self.house.write("hev.yml", f"""
tunnel: {{name: tun0, mtu: 8500, ipv4: 198.18.0.1}}
socks5: {{port: {SOCKS_PORT}, address: {self.house.gateway}, udp: 'udp', pipeline: true, mark: {MARK}}}
misc: {{tcp-buffer-size: 65536, udp-copy-buffer-nums: 32, limit-nofile: 1000000}}
""")
        host = self.house.host
        self.process = self.house.start(host, [self.path, conf])

        def has_device():
            return self.house.run(host, ["ip", "link", "show", "tun0"]).returncode == 0 or \
                not self.is_alive()
        wait_for("hev's device", has_device, 10)
        self.house.run(host, ["ip", "link", "set", "tun0", "up"])
        self.house.run(host, ["ip", "addr", "add", "198.18.0.1/15", "dev", "tun0"])
        run(["ip", "-n", host, "route", "replace", "default", "dev", "tun0"])
        self.wait_answering()


class AtlanticItself(Candidate):
    """The real program as a user runs it: both halves, default list, pool, counters, fence."""

    def __init__(self, bed, name, build=None, settings="", is_direct=False, socks_port=SOCKS_PORT,
                 is_pipelined=False, workers=1):
        super().__init__(bed, name)
        self.is_direct, self.build, self.settings = is_direct, build or bed.build, settings
        self.socks_port, self.is_pipelined, self.workers = socks_port, is_pipelined, workers
        self.atlantic = None

    def config(self):
        upstream = "{kind: direct}" if self.is_direct else \
            (f"{{kind: socks5, server: '{self.house.gateway}:{self.socks_port}', udp: true, "
             f"pipelined: {'true' if self.is_pipelined else 'false'}}}")
        workers = f"workers: {self.workers}\n" if self.workers > 1 else ""
        return (f"upstreams:\n  - {upstream}\n{workers}"
                f"dns:\n  servers: ['tls://{TARGET}#dns.example']\n"
                f"{self.settings}")

    def start(self):
        self.atlantic = Atlantic(self.house, self.config(), [], True, self.build)
        self.process = self.atlantic.process
        self.atlantic.on()
        self.wait_answering()

    def worker_pids(self):
        return self.pids()[1:]

    def worker_rss_kib(self):
        return sum(status_number(pid, "VmRSS") for pid in self.worker_pids())

    def tun_dropped(self):
        """Packets that the applications' kernel could not put into the device's queue."""
        path = "/sys/class/net/atlantic-tun0/statistics/tx_dropped"
        return int(self.house.run(self.house.host, ["cat", path]).stdout)


def find_redsocks():
    return shutil.which("redsocks")


def find_program(path):
    return path if path and os.access(path, os.X_OK) else None
