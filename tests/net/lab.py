"""A small internet in network namespaces, for tests that run Atlantic for real.

    host namespace                      net namespace
    applications, Atlantic   --veth--   DNS, web, proxies, echo servers; the capture

`host` reaches everything through `net`, which owns the servers' addresses (IPv4 and IPv6). What
leaves the host's physical link is captured at the far end, in `net`: that capture is the judge.
Every process is started by the lab and ended by its id; the namespaces go with it.
"""

import contextlib
import ipaddress
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from sanitizers import findings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ATLANTIC_BUILD", os.path.join(ROOT, "build", "release"))

HOST4, NET4 = "198.51.100.2", "198.51.100.1"
HOST6, NET6 = "2001:db8:100::2", "2001:db8:100::1"
# Servers: a web server that exists twice, resolvers, and one address per upstream.
WEB4, WEB6 = "203.0.113.10", "2001:db8:113::10"
DNS4, DNS6 = "203.0.113.53", "2001:db8:113::53"
PROXY4 = "198.51.100.1"

READY_SECONDS = 60
# What happens at once has happened within this on the busiest machine; what waits for somebody's
# patience to end takes longer.
AT_ONCE_MS = 5000
HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """A promise that was not kept."""


class Skipped(Exception):
    """What a case needs is not to be had here."""


def check(condition, message):
    if not condition:
        raise Failed(message)


def wait_for(what, fn, seconds=READY_SECONDS):
    """Poll until fn() is true; the limit only decides when we give up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = fn()
        if value:
            return value
        time.sleep(0.02)
    raise Failed(f"timed out waiting for {what}")


class Lab:
    def __init__(self, name):
        self.tag = f"atl{os.getpid() % 100000}"
        self.host, self.net = f"{self.tag}-host", f"{self.tag}-net"
        self.dir = tempfile.mkdtemp(prefix=f"atlantic-{name}-")
        os.chmod(self.dir, 0o755)
        self.processes = []
        self.said = []  # what the command line wrote to standard error
        self.cleanup = contextlib.ExitStack()

    # --- namespaces ---

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self._unmake()
            raise
        return self

    def _make(self):
        for ns in (self.host, self.net):
            run(["ip", "netns", "add", ns])
            self.ip(ns, "link set lo up")
            # Link-local addresses are there at once, and not some time during a case.
            self.run(ns, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                          "net.ipv6.conf.all.accept_dad=0"])
        run(["ip", "link", "add", "eth0", "netns", self.host, "type", "veth",
             "peer", "name", "eth0", "netns", self.net])
        for ns, v4, v6 in ((self.host, HOST4, HOST6), (self.net, NET4, NET6)):
            self.ip(ns, f"addr add {v4}/24 dev eth0")
            self.ip(ns, f"addr add {v6}/64 dev eth0 nodad")
            self.ip(ns, "link set eth0 up")
        for address in (WEB4, DNS4):
            self.ip(self.net, f"addr add {address}/32 dev lo")
        for address in (WEB6, DNS6):
            self.ip(self.net, f"addr add {address}/128 dev lo nodad")
        self.ip(self.host, f"route add default via {NET4}")
        self.ip(self.host, f"-6 route add default via {NET6}")
        # A desktop's resolver setting; nothing listens at that address, on purpose.
        self._resolve_by(self.host, "192.0.2.1")
        self._resolve_by(self.net, DNS4)

    def _resolve_by(self, ns, address):
        etc = f"/etc/netns/{ns}"
        os.makedirs(etc, exist_ok=True)
        self.write(f"{etc}/resolv.conf", f"nameserver {address}\noptions timeout:2 attempts:2\n")
        self.cleanup.callback(shutil.rmtree, etc, ignore_errors=True)

    def __exit__(self, _, error, __):
        for process in reversed(self.processes):
            stop(process)
        found = self.findings()
        self._unmake()
        if found:
            raise Failed(f"{found}\n{error or ''}") from error

    def findings(self):
        """What sanitizers found in any program of the case that has ended."""
        texts = [tail(process.log_path, 1 << 20) for process in self.processes]
        found = [finding for text in texts + self.said if (finding := findings(text))]
        return "\n".join(found[:3])

    def _unmake(self):
        for process in reversed(self.processes):
            stop(process)
        self.cleanup.close()
        for ns in (self.host, self.net):
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)
        if not os.environ.get("ATLANTIC_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def ip(self, ns, words):
        run(["ip", "-n", ns, *words.split()])

    def write(self, path, text):
        path = os.path.join(self.dir, path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # --- processes ---

    def start(self, ns, command, **options):
        """Start a process in a namespace; its output goes to a file in the lab's folder."""
        log = open(os.path.join(self.dir, f"{len(self.processes)}-{os.path.basename(command[0])}.log"),
                   "wb")
        options.setdefault("stdout", log)
        options.setdefault("stderr", log)
        process = subprocess.Popen(["ip", "netns", "exec", ns, *command], **options)
        process.log_path = log.name
        log.close()
        self.processes.append(process)
        return process

    def run(self, ns, command, seconds=60, **options):
        """Run to the end; the finished process with its text output."""
        if isinstance(command, str):
            command = ["sh", "-c", command]
        return subprocess.run(["ip", "netns", "exec", ns, *command], timeout=seconds, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def app(self, command, **options):
        """An application on the host."""
        return self.run(self.host, command, **options)

    def look_up(self, name, kind="A"):
        """What an application is answered, by whichever resolver it asks."""
        return self.app(["dig", "+short", "+time=20", "+tries=1", "@192.0.2.1", name, kind]).stdout.strip()

    def serve(self, command, address, port, kind=socket.SOCK_STREAM):
        """Start a server in `net` and wait until it listens there."""
        process = self.start(self.net, command)
        self.wait_listening(process, self.net, [(address, port)], kind)
        return process

    def wait_listening(self, process, ns, doors, kind=socket.SOCK_STREAM):
        """Until there is somebody at each of these very addresses; others may have the same ports."""
        option = "-t" if kind == socket.SOCK_STREAM else "-u"
        wanted = {f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                  for address, port in doors}

        def are_listening():
            if process.poll() is not None:
                raise Failed(f"{process.args[4]} ended: {tail(process.log_path)}")
            lines = self.run(ns, ["ss", "-Hln", option]).stdout.splitlines()
            return wanted <= {line.split()[3] for line in lines}
        wait_for(f"{wanted} to listen", are_listening)

    # --- servers of the internet ---

    def make_ca(self):
        """A test CA and a certificate for the web servers and the resolver."""
        if os.path.exists(f"{self.dir}/ca.pem"):
            return
        names = ",".join(["DNS:*.example", "DNS:*.test", "DNS:*.ads.example", "DNS:web.example", "DNS:dns.example",
                          f"IP:{WEB4}", f"IP:{DNS4}", f"IP:{WEB6}", f"IP:{DNS6}", f"IP:{PROXY4}"])
        self.write("leaf.cnf", f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        for command in (
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                "-keyout ca.key -out ca.pem -subj /CN=TestCA "
                "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
                "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key "
                "-out leaf.csr -subj /CN=web.example",
                "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                "-out leaf.pem -extfile leaf.cnf"):
            run(command.split(), cwd=self.dir)
        for name in ("leaf.key", "leaf.pem", "ca.pem"):
            os.chmod(f"{self.dir}/{name}", 0o644)

    def web(self, size_bytes=0):
        """nginx with HTTP and HTTPS on both address families; serves the lab's `www` folder."""
        self.make_ca()
        www = f"{self.dir}/www"
        os.makedirs(www, exist_ok=True)
        self.write("www/index.html", "the web\n")
        if size_bytes:
            with open(f"{www}/big", "wb") as file:
                file.write(os.urandom(size_bytes))
        conf = self.write("nginx.conf", f"""
            daemon off; master_process off; pid {self.dir}/nginx.pid; error_log stderr;
            worker_rlimit_nofile 20000;
            events {{ worker_connections 8192; }}
            http {{
                access_log {self.dir}/web.log; client_max_body_size 0; sendfile on;
                client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/p1;
                fastcgi_temp_path {self.dir}/p2; uwsgi_temp_path {self.dir}/p3;
                scgi_temp_path {self.dir}/p4;
                server {{
                    listen {WEB4}:80 backlog=4096; listen [{WEB6}]:80;
                    listen {WEB4}:8000; listen {WEB4}:443 ssl; listen [{WEB6}]:443 ssl;
                    ssl_certificate {self.dir}/leaf.pem; ssl_certificate_key {self.dir}/leaf.key;
                    root {www};
                    location = /hello {{ return 200 "hello from $host\\n"; }}
                }}
            }}""")
        return self.nginx(conf, [(WEB4, 80), (WEB6, 80), (WEB4, 8000), (WEB4, 443), (WEB6, 443)])

    def nginx(self, conf, doors):
        process = self.start(self.net, ["nginx", "-c", conf])
        self.wait_listening(process, self.net, doors)
        return process

    def dns(self, zone=()):
        """unbound as the internet's resolver: UDP, TCP and TLS, IPv4 and IPv6, with local data."""
        self.make_ca()
        records = list(zone) + [
            f"web.example. 300 IN A {WEB4}", f"web.example. 300 IN AAAA {WEB6}",
            f"other.example. 300 IN A {WEB4}", f"ads.example. 300 IN A {WEB4}",
            f"www.ads.example. 300 IN A {WEB4}", f"tracker.test. 300 IN A {WEB4}",
            f"ads.example. 300 IN AAAA {WEB6}", f"proxy.example. 300 IN A {PROXY4}",
            "alias.example. 300 IN CNAME web.example.",
            "cloaked.example. 300 IN CNAME ads.example."]
        for top in ("example", "test"):
            head = f"$ORIGIN {top}.\n@ 300 IN SOA ns.{top}. me.{top}. 1 300 300 300 60\n@ IN NS ns\n"
            own = [record for record in records if record.split()[0].endswith(f".{top}.")]
            self.write(f"{top}.zone", head + f"ns IN A {DNS4}\n" + "\n".join(own) + "\n")
        zones = "".join(f"""auth-zone:
    name: "{top}."
    zonefile: "{self.dir}/{top}.zone"
    for-downstream: yes
    for-upstream: yes
    fallback-enabled: no
""" for top in ("example", "test"))
        conf = self.write("unbound.conf", f"""
server:
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{self.dir}"
    pidfile: "{self.dir}/unbound.pid"
    use-syslog: no
    log-queries: yes
    interface: {DNS4}
    interface: {DNS6}
    interface: {DNS4}@853
    interface: {DNS6}@853
    interface: {DNS4}@443
    interface: {DNS6}@443
    tls-port: 853
    https-port: 443
    http-endpoint: "/dns-query"
    tls-service-key: "{self.dir}/leaf.key"
    tls-service-pem: "{self.dir}/leaf.pem"
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    incoming-num-tcp: 200
    module-config: "iterator"
    do-not-query-localhost: no
remote-control:
    control-enable: no
{zones}""")
        process = self.start(self.net, ["unbound", "-d", "-c", conf])
        self.wait_listening(process, self.net, [(address, port) for address in (DNS4, DNS6)
                                                for port in (53, 853, 443)])
        return process

    def microsocks(self, port=1080, user=None, password=None, address=PROXY4):
        login = ["-u", user, "-P", password] if user else []
        return self.serve(["microsocks", "-i", address, "-p", str(port), *login], address, port)

    def dante(self, port=1081, address=PROXY4, method="none"):
        """danted: SOCKS5 with CONNECT and UDP ASSOCIATE."""
        if not shutil.which("danted"):
            raise Skipped("danted is not installed")
        conf = self.write(f"danted-{port}.conf", f"""
logoutput: stderr
internal: {address} port = {port}
external: eth0
external: lo
external.rotation: route
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0
  command: bind connect udpassociate bindreply udpreply }}
""")
        return self.serve(["danted", "-f", conf], address, port)

    def tinyproxy(self, port=3128, user=None, password=None, address=PROXY4):
        login = f"BasicAuth {user} {password}\n" if user else ""
        conf = self.write(f"tinyproxy-{port}.conf", f"""
Port {port}
Listen {address}
Timeout 600
MaxClients 2000
LogLevel Warning
{login}""")
        return self.serve(["tinyproxy", "-d", "-c", conf], address, port)

    def stunnel(self, port=8443, target=3128, address=PROXY4):
        """TLS in front of another proxy, with the lab's certificate."""
        self.make_ca()
        conf = self.write("stunnel.conf", f"""
foreground = yes
pid =
debug = warning
[proxy]
accept = {address}:{port}
connect = {address}:{target}
cert = {self.dir}/leaf.pem
key = {self.dir}/leaf.key
""")
        return self.serve(["stunnel4", conf], address, port)

    def faithful_proxy(self, port=1082, user=None, password=None, address=PROXY4):
        """SOCKS5 and CONNECT that pass half-closed streams and resets on; see there."""
        login = (user, password) if user else ()
        return self.serve([sys.executable, f"{HERE}/faithful_proxy.py", address, str(port), *login],
                          address, port)

    def server(self, name, address, port, *words, ns=None):
        """One of the small servers of servers.py."""
        ns = ns or self.net
        process = self.start(ns, [sys.executable, f"{HERE}/servers.py", name, address, str(port),
                                  *map(str, words)])
        kind = socket.SOCK_DGRAM if name.startswith("udp") else socket.SOCK_STREAM
        self.wait_listening(process, ns, [(address, port)], kind)
        return process

    # --- Atlantic ---

    def atlantic(self, config, *options, wait=True):
        return Atlantic(self, config, options, wait)

    def capture(self):
        return Capture(self)


class Atlantic:
    """atlanticd in the host namespace, with its command line."""

    wrapper = ()  # a command in front of it

    def __init__(self, lab, config, options, wait, build=BUILD):
        self.lab, self.build = lab, build
        self.run_dir, self.state_dir = f"{lab.dir}/run", f"{lab.dir}/state"
        for path in (self.run_dir, self.state_dir):
            os.makedirs(path, exist_ok=True)
        self.config = lab.write("atlantic.yaml", config)
        run(["chgrp", "atlantic", self.config])
        os.chmod(self.config, 0o640)
        self.options = options
        self.start(wait)

    def start(self, wait=True):
        self.process = self.lab.start(self.lab.host, [
            *self.wrapper, f"{self.build}/bin/atlanticd", "--config", self.config, "--run-dir", self.run_dir,
            "--state-dir", self.state_dir, "--worker", f"{self.build}/bin/atlantic-worker", *self.options])
        if wait:
            wait_for("the service", self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            raise Failed(f"atlanticd ended with {self.process.returncode}: {self.log()[-2000:]}")
        return self.cli("status", "--json").returncode == 0

    def log(self):
        with open(self.process.log_path, errors="replace") as file:
            return file.read()

    def cli(self, *words, **options):
        done = self.lab.run(self.lab.host,
                            [f"{self.build}/bin/atlantic", "--run-dir", self.run_dir, *words], **options)
        self.lab.said.append(done.stderr)
        return done

    def status(self):
        done = self.cli("status", "--json")
        check(done.returncode == 0, f"atlantic status failed: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def usage(self, *words):
        done = self.cli("usage", "--json", *words)
        check(done.returncode == 0, f"atlantic usage failed: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def on(self, state="on"):
        done = self.cli("on")
        check(done.returncode == 0, f"atlantic on failed: {done.stderr}{done.stdout}")
        return self.wait_state(state)

    def off(self):
        done = self.cli("off")
        check(done.returncode == 0, f"atlantic off failed: {done.stderr}{done.stdout}")
        return self.wait_state("off")

    def wait_state(self, state):
        last = {}

        def has_state():
            last.update(self.status())
            return last["state"] == state
        try:
            wait_for(f"state {state}", has_state)
        except Failed as failed:
            raise Failed(f"{failed}; it is {last}; log: {self.log()[-3000:]}") from None
        return last

    def reload(self):
        done = self.cli("reload")
        check(done.returncode == 0, f"reload: {done.stdout}{done.stderr}")

    def worker_pid(self):
        return int(self.status()["worker_pid"])

    def kill_worker(self):
        """And wait until another one serves."""
        pid = self.worker_pid()
        os.kill(pid, signal.SIGKILL)

        def is_another():
            status = self.status()
            return int(status["worker_pid"]) not in (0, pid) and status["state"] == "on"
        wait_for("another worker", is_another)


class Capture:
    """tcpdump at the far end of the host's physical link."""

    def __init__(self, lab):
        self.lab = lab
        self.path = f"{lab.dir}/{time.monotonic_ns()}.pcap"

    def __enter__(self):
        self.process = self.lab.start(self.lab.net, [
            "tcpdump", "-i", "eth0", "-Q", "in", "-U", "-s", "128", "-B", "65536", "-w", self.path])
        wait_for("the capture", lambda: os.path.exists(self.path) and
                 os.path.getsize(self.path) >= 24)
        return self

    def __exit__(self, error, *_):
        if not error:
            self._wait_for_the_last()
        stop(self.process)

    def _wait_for_the_last(self):
        """What was sent before may be on its way to the file still, for a second and longer."""
        word, size = os.urandom(8).hex(), os.path.getsize(self.path)
        next_at = 0.0

        def is_there():
            nonlocal next_at
            if time.monotonic() >= next_at:  # it may be lost where thousands a second are captured
                self.lab.app([sys.executable, f"{HERE}/last_frame.py", "eth0", word])
                next_at = time.monotonic() + 2
            with open(self.path, "rb") as file:
                file.seek(size)
                return word.encode() in file.read()
        wait_for("the capture's last frame", is_there)

    def packets(self):
        """(family, protocol, source, sport, destination, dport) of every frame; family 0 is no IP."""
        with open(self.path, "rb") as file:
            data = file.read()
        at = 24
        while at + 16 <= len(data):
            size = struct.unpack_from("<I", data, at + 8)[0]
            yield parse_frame(data[at + 16:at + 16 + size])
            at += 16 + size

    def leaks(self, allowed):
        """Frames that are neither link upkeep nor to an allowed (address, protocol, port)."""
        found = {}
        for packet in self.packets():
            if not is_upkeep(packet) and not allowed(packet):
                found[packet] = found.get(packet, 0) + 1
        return found


def parse_frame(frame):
    kind = struct.unpack_from(">H", frame, 12)[0]
    if kind == 0x0800:
        ip = frame[14:]
        transport = ip[(ip[0] & 15) * 4:]
        protocol, source, destination = ip[9], ip[12:16], ip[16:20]
    elif kind == 0x86dd:
        ip = frame[14:]
        transport = ip[40:]
        protocol, source, destination = ip[6], ip[8:24], ip[24:40]
    else:
        return (0, kind, "", 0, "", 0)
    ports = struct.unpack_from(">HH", transport) if protocol in (6, 17) and len(transport) >= 4 \
        else (transport[0] if transport else 0, 0)
    return (4 if kind == 0x0800 else 6, protocol, str(ipaddress.ip_address(source)), ports[0],
            str(ipaddress.ip_address(destination)), ports[1])


def is_upkeep(packet):
    """ARP; neighbour discovery and router solicitation; MLD reports of the kernel for them."""
    family, protocol, _, first, destination, _ = packet
    if family == 0:
        return protocol == 0x0806
    if family == 6 and protocol == 58:
        return first in (133, 134, 135, 136)
    return False


def to_upstream(address=PROXY4, ports=(1080, 1081, 3128), any_udp=False):
    def is_allowed(packet):
        _, protocol, _, _, destination, dport = packet
        return destination == address and ((protocol == 6 and dport in ports) or
                                           (any_udp and protocol == 17))
    return is_allowed


# --- running ---

def run(command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def stop(process, seconds=10):
    """End a process and what `ip netns exec` became; by its id alone."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(path, size=2000):
    with open(path, errors="replace") as file:
        return file.read()[-size:]


def main(name, cases, argv=None):
    """Run the cases (functions whose docstring is the sentence they prove); each gets a fresh lab."""
    argv = sys.argv[1:] if argv is None else argv
    wanted = [case for case in cases if not argv or case.__name__ in argv]
    failed = 0
    for case in wanted:
        sentence = (case.__doc__ or case.__name__).strip().split("\n")[0]
        began = time.monotonic()
        try:
            with Lab(name) as lab:
                case(lab)
            print(f"ok      {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
        except Skipped as why:
            print(f"skipped {sentence}: {why}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {sentence}\n        {type(error).__name__}: {error}", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} cases hold", flush=True)
    return 1 if failed or not wanted else 0
