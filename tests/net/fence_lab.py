"""Namespaces for the tests of the root half: host (with atlanticd) | router | internet.

The judge is a capture on the router's side of the host's link: taps on the host itself miss frames
that bypass the queueing discipline.
"""
import difflib
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from sanitizers import SANITIZER, findings

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = f'fen{os.getpid() % 100000}' # several runs on one machine do not meet
HOST, ROUTER, NET, BOX = (f'{PREFIX}-{name}' for name in ('host', 'router', 'net', 'box'))
HOST4, ROUTER4, SERVER4 = '192.0.2.2', '192.0.2.1', '203.0.113.10'
HOST6, ROUTER6, SERVER6 = '2001:db8:1::2', '2001:db8:1::1', '2001:db8:2::10'
TUN = 'atlantic-tun0'
WORKER_USER, WORKER_GROUP = 'nobody', 'nogroup'


def run(*words, check=True, **more):
    return subprocess.run(words, check=check, text=True, capture_output=True, **more)


def inside(namespace, *words, **more):
    return run('ip', 'netns', 'exec', namespace, *words, **more)


def until(what, seconds=30.0):
    """Wait for what() to be true; its last value. The limit only decides when we give up."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


class Processes:
    """Started here, ended here, by their own id."""

    def __init__(self):
        self.all = []

    def start(self, namespace, *words, **more):
        process = subprocess.Popen(('ip', 'netns', 'exec', namespace, *words),
                                   start_new_session=True, **more)
        self.all.append(process)
        return process

    def end(self, process, number=signal.SIGTERM, seconds=30):
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_all(self):
        for process in self.all:
            try:
                os.killpg(process.pid, signal.SIGKILL) # its session is its own: children too
            except ProcessLookupError:
                pass
            self.end(process, signal.SIGKILL)


class Frame:
    """What one captured frame was, in one word or two."""

    def __init__(self, data):
        self.source = data[6:12]
        kind = struct.unpack('!H', data[12:14])[0]
        self.text, self.to = f'ethertype {kind:#x}', None
        if kind == 0x0806:
            self.text = 'arp'
        elif kind == 0x0800:
            self.take4(data[14:])
        elif kind == 0x86dd:
            self.take6(data[14:])

    def take4(self, ip):
        header = (ip[0] & 15) * 4
        fragment = struct.unpack('!H', ip[6:8])[0] & 0x1fff
        self.describe(ip[9], socket.inet_ntop(socket.AF_INET, ip[16:20]),
                      b'' if fragment else ip[header:])

    def take6(self, ip):
        self.describe(ip[6], socket.inet_ntop(socket.AF_INET6, ip[24:40]), ip[40:])

    def describe(self, protocol, address, rest):
        name = {6: 'tcp', 17: 'udp', 1: 'icmp', 58: 'icmp6'}.get(protocol, f'protocol {protocol}')
        if name in ('tcp', 'udp') and len(rest) >= 4:
            port = struct.unpack('!H', rest[2:4])[0]
            self.to = (address, name, port)
            self.text = f'{name} {address} {port}'
        elif name == 'icmp6' and rest and 133 <= rest[0] <= 136:
            self.text = 'neighbour discovery'
        else:
            self.text = f'{name} {address}'


def read_frames(path):
    with open(path, 'rb') as file:
        data = file.read()
    at, frames = 24, []
    while at + 16 <= len(data):
        size = struct.unpack('<I', data[at + 8:at + 12])[0]
        if at + 16 + size > len(data):
            break
        frames.append(Frame(data[at + 16:at + 16 + size]))
        at += 16 + size
    return frames


class Lab:
    def __init__(self):
        self.processes = Processes()
        self.folder = tempfile.mkdtemp(prefix='fence-')
        os.chmod(self.folder, 0o755)
        self.captures = 0

    def build(self):
        for name in (HOST, ROUTER, NET):
            run('ip', 'netns', 'add', name)
            run('ip', '-n', name, 'link', 'set', 'lo', 'up')
            inside(name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0',
                   'net.ipv6.conf.all.accept_dad=0')
        self.cable(HOST, 'eth0', ROUTER, 'host0')
        self.cable(ROUTER, 'net0', NET, 'eth0')
        for address in (f'{HOST4}/24', f'{HOST6}/64'):
            run('ip', '-n', HOST, 'addr', 'add', address, 'dev', 'eth0')
        for address in (f'{ROUTER4}/24', f'{ROUTER6}/64'):
            run('ip', '-n', ROUTER, 'addr', 'add', address, 'dev', 'host0')
        for address in ('203.0.113.1/24', '2001:db8:2::1/64'):
            run('ip', '-n', ROUTER, 'addr', 'add', address, 'dev', 'net0')
        for address in (f'{SERVER4}/24', f'{SERVER6}/64', '203.0.113.11/24', '2001:db8:2::11/64'):
            run('ip', '-n', NET, 'addr', 'add', address, 'dev', 'eth0')
        for name, via in ((HOST, (ROUTER4, ROUTER6)), (NET, ('203.0.113.1', '2001:db8:2::1'))):
            for gateway in via:
                run('ip', '-n', name, 'route', 'add', 'default', 'via', gateway)
        inside(ROUTER, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
        inside(HOST, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1',
               'net.ipv4.conf.eth0.rp_filter=1')

    @staticmethod
    def cable(a, a_name, b, b_name):
        run('ip', '-n', a, 'link', 'add', a_name, 'type', 'veth', 'peer', 'name', b_name,
            'netns', b)
        run('ip', '-n', a, 'link', 'set', a_name, 'up')
        run('ip', '-n', b, 'link', 'set', b_name, 'up')

    def add_box(self):
        """A container behind the host, in a network of its own."""
        run('ip', 'netns', 'add', BOX)
        self.cable(HOST, 'box0', BOX, 'eth0')
        run('ip', '-n', BOX, 'link', 'set', 'lo', 'up')
        run('ip', '-n', HOST, 'addr', 'add', '172.20.0.1/24', 'dev', 'box0')
        run('ip', '-n', BOX, 'addr', 'add', '172.20.0.2/24', 'dev', 'eth0')
        run('ip', '-n', BOX, 'route', 'add', 'default', 'via', '172.20.0.1')
        inside(HOST, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        return BOX

    def demolish(self):
        self.processes.end_all()
        for name in (HOST, ROUTER, NET, BOX):
            run('ip', 'netns', 'del', name, check=False)
        run('rm', '-rf', self.folder)

    def host_mac(self):
        text = inside(HOST, 'cat', '/sys/class/net/eth0/address').stdout.strip()
        return bytes.fromhex(text.replace(':', ''))

    def capture(self):
        return Capture(self)

    def snapshot(self):
        """Everything on the host that protection touches, as text."""
        parts = []
        for family in ('-4', '-6'):
            parts += [run('ip', '-n', HOST, family, 'rule').stdout,
                      run('ip', '-n', HOST, family, 'route', 'show', 'table', 'all').stdout]
        parts.append(run('ip', '-n', HOST, 'addr').stdout)
        settings = inside(HOST, 'sysctl', '-a', check=False).stdout.splitlines()
        changing = ('nf_conntrack_count', 'expires', 'random', 'gc_', 'neigh')
        parts += [line for line in settings
                  if line.startswith('net.ip') and not any(word in line for word in changing)]
        parts.append(inside(HOST, 'nft', 'list', 'ruleset').stdout)
        return '\n'.join(parts).splitlines()


class Capture:
    """with lab.capture() as frames: ...; frames.sent is what the host has put on the wire so far."""

    def __init__(self, lab):
        self.lab = lab
        lab.captures += 1
        self.path = os.path.join(lab.folder, f'{lab.captures}.pcap')

    def __enter__(self):
        self.tcpdump = self.lab.processes.start(
            ROUTER, 'tcpdump', '-i', 'host0', '-U', '-n', '-s', '200', '-w', self.path,
            '--immediate-mode', '-Z', 'root', stderr=subprocess.PIPE, text=True)
        for line in self.tcpdump.stderr:
            if 'listening on' in line:
                break
        return self

    def __exit__(self, error, *_):
        if not error:
            word = os.urandom(8).hex()
            assert until(lambda: self.sees(word)), 'the capture does not see its last frame'
        self.lab.processes.end(self.tcpdump, signal.SIGINT)
        self.tcpdump.stderr.close()

    def sees(self, word):
        """Sent again and again: a busy capture may lose it."""
        inside(HOST, sys.executable, f'{HERE}/last_frame.py', 'eth0', word)
        return until(lambda: self.holds(word), 2)

    def holds(self, word):
        with open(self.path, 'rb') as file:
            return word.encode() in file.read()

    @property
    def sent(self):
        mac = self.lab.host_mac()
        return [frame for frame in read_frames(self.path) if frame.source == mac]

    def leaks(self, admitted=()):
        """Frames that are neither link upkeep nor to one of (address, protocol, port)."""
        return [frame.text for frame in self.sent
                if frame.text not in ('arp', 'neighbour discovery') and frame.to not in admitted]

    def has(self, target):
        return any(frame.to == target for frame in self.sent)


class Service:
    """atlanticd with a worker that follows a script."""

    def __init__(self, lab, atlanticd, worker, config):
        self.lab, self.atlanticd, self.worker = lab, atlanticd, worker
        self.run_dir, self.state_dir = f'{lab.folder}/run', f'{lab.folder}/state'
        self.config = f'{lab.folder}/atlantic.yaml'
        self.write_config(config)
        os.makedirs(f'{self.state_dir}/worker', exist_ok=True)
        self.write_script('')
        self.process = None
        self.wrapper = () # a program that starts the service

    def write_config(self, text):
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(f'worker:\n  user: {WORKER_USER}\n  group: {WORKER_GROUP}\n{text}')

    def write_script(self, text):
        path = f'{self.state_dir}/worker/script'
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)
        os.chmod(path, 0o644)

    def words(self, *more):
        return (*self.wrapper, self.atlanticd, '--config', self.config, '--run-dir', self.run_dir,
                '--state-dir', self.state_dir, '--worker', self.worker, *more)

    def start(self, *more):
        self.errors = open(f'{self.lab.folder}/stderr', 'ab')
        self.process = self.lab.processes.start(HOST, *self.words(*more), stderr=self.errors)
        assert until(lambda: self.ask_or_none('status')), self.stderr()
        assert until(lambda: self.log().count('start') > 0), self.stderr()

    def once(self, *more):
        return inside(HOST, *self.words(*more), check=False, timeout=60)

    def stop(self, number=signal.SIGTERM):
        self.lab.processes.end(self.process, number)
        self.errors.close()

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(f'{self.run_dir}/power.sock')
        return client

    def ask(self, request):
        with self.connect() as client:
            client.sendall(request.encode() + b'\n')
            text = b''
            while not text.endswith(b'\n\n'):
                part = client.recv(4096)
                if not part:
                    break
                text += part
        return dict(line.split('=', 1) for line in text.decode().splitlines() if line)

    def ask_or_none(self, request):
        try:
            return self.ask(request)
        except OSError:
            return None

    def follow_script(self, text):
        """A new script, obeyed by the worker that runs."""
        self.write_script(text)
        os.kill(int(self.ask('status')['worker_pid']), signal.SIGUSR1)

    def log(self):
        try:
            with open(f'{self.state_dir}/worker/log', encoding='ascii') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def stderr(self):
        try:
            with open(f'{self.lab.folder}/stderr', encoding='utf-8') as file:
                return file.read()
        except FileNotFoundError: # never started
            return ''


# What the cases share.

UPSTREAMS = '''upstreams:
  - name: four
    kind: socks5
    server: 203.0.113.10:1080
  - name: six
    kind: socks5
    server: '[2001:db8:2::10]:1080'
'''
ADMITTED = {(SERVER4, 'tcp', 1080), (SERVER6, 'tcp', 1080)}
READY = 'report 1 four all is well\n'
WORKER = pwd.getpwnam(WORKER_USER).pw_uid


def probe(user=None):
    words = [sys.executable, f'{HERE}/fence_probes.py', 'run']
    result = inside(HOST, *words, *([str(user)] if user else []))
    return dict(line.split(': ', 1) for line in result.stdout.splitlines())


def assert_no_leak(lab, admitted=(), users=(None, WORKER)):
    with lab.capture() as frames:
        for user in users:
            probe(user)
    leaks = frames.leaks(admitted)
    assert not leaks, f'{len(leaks)} leaks: {sorted(set(leaks))}'


def assert_same(before, after):
    lines = list(difflib.unified_diff(before, after, lineterm='', n=0))
    assert not lines, '\n'.join(lines[:40])


def state_of(service):
    answer = service.ask('status')
    return answer['state'], answer['fence']


def turn_on(service, state='on'):
    answer = service.ask('on')
    assert 'error' not in answer, answer
    assert until(lambda: state_of(service) == (state, 'armed')), service.ask('status')
    assert until(lambda: 'tun' in service.log()), service.log()


def turn_off(service):
    answer = service.ask('off')
    assert 'error' not in answer and answer['state'] == 'off' and answer['fence'] == 'open', answer


def cases_of(names):
    """Functions of a lab and a service, in the order of the file."""
    return [value for value in list(names.values()) if callable(value)
            and getattr(value, '__code__', None) is not None
            and value.__code__.co_varnames[:2] == ('lab', 'service')]


def run_case(case, atlanticd, worker):
    lab = Lab()
    service = None
    try:
        lab.build()
        service = Service(lab, atlanticd, worker, UPSTREAMS)
        case(lab, service)
        if service.process and service.process.poll() is None:
            service.stop()
        return findings(service.stderr(), SANITIZER)
    except Exception as error: # pylint: disable=broad-except
        text = service.stderr() if service and service.process else ''
        return f'{type(error).__name__} at line {error.__traceback__.tb_next.tb_lineno}: {error}\n{text}'
    finally:
        lab.demolish()


def main(cases):
    if os.geteuid() != 0:
        print('needs root')
        return 77
    atlanticd, worker = map(os.path.abspath, sys.argv[1:3])
    wanted = sys.argv[3:]
    failed = 0
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        start = time.monotonic()
        problem = run_case(case, atlanticd, worker)
        print(f'{"FAIL" if problem else "ok"} {case.__name__} {time.monotonic() - start:.1f}s',
              flush=True)
        if problem:
            failed += 1
            print(problem, flush=True)
    return 1 if failed else 0
