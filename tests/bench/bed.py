"""Where the tunnel's candidates are measured: one namespace with the servers (the far end of the load
and a SOCKS5 upstream), and a house for each candidate, which is what a user's machine is: the
applications and the proxy client in one namespace, behind one link.

Reuses the network tests' lab for running Atlantic; the rest of it (DNS, web, one host) is not needed
here."""

import atexit
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "net"))

from lab import Failed, run, stop, wait_for  # noqa: E402  pylint: disable=wrong-import-position

TARGET, PORT, SOCKS_PORT, TLS_PORT = "203.0.113.10", 5001, 1080, 853
FLOWS_SOCKS_PORT = 1081
MARK = 438
SERVER_PROCESSES, SOCKS_PROCESSES = 2, 3

SYSCTLS = ("net.ipv4.ip_local_port_range=10000 65535", "net.ipv4.tcp_max_tw_buckets=2000",
           "net.core.somaxconn=32768", "net.ipv4.tcp_max_syn_backlog=32768",
           "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
           "net.ipv6.conf.default.accept_dad=0",
           # Of connections that are over; what tracks them would only grow during a run.
           "net.netfilter.nf_conntrack_tcp_timeout_close=2",
           "net.netfilter.nf_conntrack_tcp_timeout_time_wait=2",
           "net.netfilter.nf_conntrack_tcp_timeout_last_ack=2",
           "net.netfilter.nf_conntrack_udp_timeout=5")


def cpu_seconds(pid):
    """Of all threads, to the nanosecond (the clock of a process, clock_getcpuclockid(3))."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def family(pid):
    """A process and everything below it."""
    found, left = [], [pid]
    while left:
        pid = left.pop()
        try:
            found.append(pid)
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    left += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def status_number(pid, field, per_thread=False):
    tasks = [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")] \
        if per_thread else [f"/proc/{pid}"]
    total = 0
    for task in tasks:
        with open(f"{task}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
    return total


def open_files_limit():
    """The soft limit raised as far as it goes; children inherit it."""
    for wanted in (1 << 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            break
        except (ValueError, OSError):
            pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class House:
    """A namespace with one link to the servers. Has what lab.Atlantic expects of a lab."""

    def __init__(self, bed, name, index):
        self.bed, self.name, self.index = bed, name, index
        self.host = f"{bed.tag}-{index}"
        self.address, self.gateway = f"10.203.{index}.2", f"10.203.{index}.1"
        self.dir = os.path.join(bed.dir, name)
        self.processes, self.said = [], []
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        bed.make_namespace(self.host)
        run(["ip", "link", "add", "eth0", "netns", self.host, "type", "veth",
             "peer", "name", f"h{index}", "netns", bed.net])
        run(["ip", "-n", bed.net, "addr", "add", self.gateway + "/24", "dev", f"h{index}"])
        run(["ip", "-n", bed.net, "link", "set", f"h{index}", "up"])
        run(["ip", "-n", self.host, "addr", "add", self.address + "/24", "dev", "eth0"])
        run(["ip", "-n", self.host, "link", "set", "eth0", "up"])
        run(["ip", "-n", self.host, "route", "add", "default", "via", self.gateway])

    def write(self, path, text):
        path = os.path.join(self.dir, path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, namespace, command, **options):
        process = self.bed.start(namespace, command, self.dir, **options)
        self.processes.append(process)
        return process

    @staticmethod
    def run(namespace, command, seconds=60, **options):
        return subprocess.run(["ip", "netns", "exec", namespace, *command], timeout=seconds,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def load(self, *words, seconds=40):
        """Run the load; {name: number} of what it says."""
        try:
            done = self.run(self.host, [self.bed.program("bench_load"), *map(str, words)], seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name}: load {words}: no end in {seconds} s") from None
        if done.returncode != 0:
            raise Failed(f"{self.name}: load {words}: {done.stderr.strip()} "
                         f"(status {done.returncode})")
        return numbers(done.stdout)

    def background_load(self, *words):
        return self.bed.start(self.host, [self.bed.program("bench_load"), *map(str, words)],
                              self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def numbers(text):
    return {name: float(value) for name, value in (word.split("=") for word in text.split())}


class Bed:
    def __init__(self, build):
        self.build = build
        self.tag = f"bench{os.getpid()}"
        self.net = f"{self.tag}-net"
        self.dir = tempfile.mkdtemp(prefix="atlantic-bench-")
        os.chmod(self.dir, 0o755)
        self.processes, self.namespaces, self.houses = [], [], []
        self.files_limit = open_files_limit()

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def __enter__(self):
        atexit.register(self.clean_up)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit("interrupted; cleaning up"))
        self.make_namespace(self.net)
        run(["ip", "-n", self.net, "addr", "add", TARGET + "/32", "dev", "lo"])
        load = self.program("bench_load")
        self.server = self.start(self.net, [load, "serve", TARGET, str(PORT),
                                            str(SERVER_PROCESSES)])
        # What Atlantic believes to be its resolver: asked for a connection, to see whether there is
        # a way out, and nothing else.
        self.start(self.net, [load, "serve", TARGET, str(TLS_PORT), "1"])
        self.socks = self.start(self.net, [self.program("socks_server"), str(SOCKS_PORT),
                                           str(SOCKS_PROCESSES)])
        # Associations stay for a minute: they would eat the other one's descriptors.
        self.start(self.net, [self.program("socks_server"), str(FLOWS_SOCKS_PORT),
                              str(SOCKS_PROCESSES)])
        for port in (PORT, TLS_PORT, SOCKS_PORT, FLOWS_SOCKS_PORT):
            wait_for(f"port {port}", lambda port=port: self.listens(port), 10)
        return self

    def datagrams(self):
        """How many the server has discarded so far; those on their way get time to arrive."""
        time.sleep(0.4)
        done = House.run(self.net, [self.program("bench_load"), "count", TARGET, str(PORT)])
        return numbers(done.stdout)["count"]

    def listens(self, port):
        return House.run(self.net, ["ss", "-Hltn", f"sport = :{port}"]).stdout.strip() != ""

    def __exit__(self, *_):
        self.clean_up()

    def make_namespace(self, name):
        run(["ip", "netns", "add", name])
        self.namespaces.append(name)
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        for setting in SYSCTLS:
            # Some are not there in every kernel.
            House.run(name, ["sysctl", "-qw", setting])

    def house(self, name):
        house = House(self, name, len(self.houses) + 1)
        self.houses.append(house)
        return house

    def start(self, namespace, command, folder=None, **options):
        path = os.path.join(folder or self.dir, f"{os.path.basename(command[0])}.log")
        with open(path, "ab") as log:
            options.setdefault("stdout", log)
            options.setdefault("stdin", subprocess.DEVNULL)
            process = subprocess.Popen(["ip", "netns", "exec", namespace, *command], stderr=log,
                                       **options)
        process.log_path = path
        self.processes.append(process)
        return process

    def clean_up(self):
        """Everything that was started ends, by its id; the namespaces take the rest with them."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        atexit.unregister(self.clean_up)
        for process in reversed(self.processes):
            below = family(process.pid)[1:] if process.poll() is None else []
            stop(process, 5)
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, check=False)
        self.namespaces = []
        shutil.rmtree(self.dir, ignore_errors=True)
