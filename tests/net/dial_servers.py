#!/usr/bin/env python3
"""Dials and associations through real proxy servers on loopback: microsocks, dante, tinyproxy, and
tinyproxy behind TLS. Each case is a sentence. Servers that are not installed are left out.

dial_servers.py DIAL_PROBE"""
import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

PROBE = sys.argv[1]
PAYLOAD = os.urandom(8 * 1024 * 1024 + 13)
SUM = hashlib.sha256(PAYLOAD).digest()
WORK = tempfile.mkdtemp(prefix="atlantic-dial-")
failures = 0


HELD = []


def free_port():
    """A port that nobody else gets until the end: it stays bound. Servers may listen there all the same,
    as all of ours set SO_REUSEADDR too."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    HELD.append(s)
    return s.getsockname()[1]


def serve(handle):
    """A TCP server; one thread for each connection. Returns its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def run():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def read_all(s):
    parts = []
    while part := s.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def read_exactly(s, size):
    data = bytearray()
    while len(data) < size and (part := s.recv(min(1 << 18, size - len(data)))):
        data += part
    return bytes(data)


def handle_digest(s):
    """Reads as much as it is told, or to the end for 0; answers with the digest and the payload."""
    with s, contextlib.suppress(OSError):
        size = int.from_bytes(read_exactly(s, 8), "big")
        data = read_exactly(s, size) if size else read_all(s)
        s.sendall(hashlib.sha256(data).digest() + PAYLOAD)


def handle_banner(s):
    with s:
        s.sendall(b"220 ready\r\n")
        s.recv(100)


def echo_datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))

    def run():
        while True:
            data, sender = s.recvfrom(1 << 16)
            s.sendto(data, sender)

    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]


DIGEST, BANNER, ECHO = serve(handle_digest), serve(handle_banner), echo_datagrams()


@contextlib.contextmanager
def probe(kind, server, target, *words):
    process = subprocess.Popen([PROBE, kind, server, target, *words], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process.port = int(process.stdout.readline())
    process.result = lambda: process.stdout.readline().rsplit(" ", 2)
    try:
        yield process
        process.stdin.close()
        assert process.wait(60) == 0, "the probe did not end well"
    finally:
        process.kill()
        process.wait()


def connect(p):
    return socket.create_connection(("127.0.0.1", p.port), timeout=300)


def transfer(p, ends_first=False):
    with connect(p) as s:
        s.sendall((0 if ends_first else len(PAYLOAD)).to_bytes(8, "big"))
        s.sendall(PAYLOAD)
        if ends_first:
            s.shutdown(socket.SHUT_WR)
        assert read_all(s) == SUM + PAYLOAD, "not what was sent"


def bytes_arrive_both_ways_and_are_counted(kind, server, *words):
    with probe(kind, server, f"127.0.0.1:{DIGEST}", *words) as p:
        transfer(p)
        why, up, down = p.result()
        assert (why, int(up), int(down)) == ("0", len(PAYLOAD) + 8, len(PAYLOAD) + 32), (why, up, down)


def an_upload_that_ends_first_is_answered(kind, server, *words):
    with probe(kind, server, f"127.0.0.1:{DIGEST}", *words) as p:
        transfer(p, ends_first=True)
        assert p.result()[0] == "0"


def thirty_at_a_time(kind, server, *words):
    with probe(kind, server, f"127.0.0.1:{DIGEST}", *words) as p:
        errors = []

        def one():
            try:
                transfer(p)
            except Exception as e:
                errors.append(e)

        threads = [threading.Thread(target=one) for _ in range(30)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert not errors, errors[0]


def a_server_that_speaks_first_is_heard(kind, server, *words):
    with probe(kind, server, f"127.0.0.1:{BANNER}", *words) as p, connect(p) as s:
        assert s.recv(100) == b"220 ready\r\n"


def a_closed_port_is_the_targets_trouble(kind, server, *words):
    with probe(kind, server, f"127.0.0.1:{free_port()}", *words) as p, connect(p) as s:
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
        assert p.result()[0].startswith("the target"), "charged to the proxy"


def a_wrong_password_is_told(kind, server, *words):
    words = [w for w in words if not w.startswith("password=")] + ["password=wrong"]
    with probe(kind, server, f"127.0.0.1:{BANNER}", *words) as p, connect(p) as s:
        with contextlib.suppress(ConnectionResetError):
            s.recv(1)
        assert "password" in p.result()[0]


def datagrams_of_all_sizes_come_back(kind, server, *words, most=65497):
    with probe(kind, server, f"127.0.0.1:{ECHO}", "udp", *words) as p:
        assert p.result()[0] == "0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            for size in (1, 1200, 1472, 9000, most):
                s.sendto(PAYLOAD[:size], ("127.0.0.1", p.port))
                assert s.recv(1 << 16) == PAYLOAD[:size], f"{size} bytes"


def check(name, case, *arguments, **options):
    global failures
    text = f"{name}: {case.__name__.replace('_', ' ')}"
    try:
        case(*arguments, **options)
        print("ok  ", text, flush=True)
    except Exception as e:
        failures += 1
        print("FAIL", text, "-", repr(e), flush=True)


def is_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 20):
        return True
    return False


@contextlib.contextmanager
def server(port, *command):
    with open(os.path.join(WORK, "server.log"), "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not is_open(port):
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not listen")
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def stream_cases(name, kind, at, *words):
    for case in (bytes_arrive_both_ways_and_are_counted, thirty_at_a_time, a_server_that_speaks_first_is_heard):
        check(name, case, kind, at, *words)


def test_direct():
    stream_cases("direct", "direct", "127.0.0.1:9")
    check("direct", an_upload_that_ends_first_is_answered, "direct", "127.0.0.1:9")
    check("direct", a_closed_port_is_the_targets_trouble, "direct", "127.0.0.1:9")
    check("direct", datagrams_of_all_sizes_come_back, "direct", "127.0.0.1:9", most=65507)


def test_microsocks():
    login = ("user=someone", "password=secret")
    port = free_port()
    with server(port, "microsocks", "-i", "127.0.0.1", "-p", str(port)) as at:
        stream_cases("microsocks", "socks5", at)
        check("microsocks", a_closed_port_is_the_targets_trouble, "socks5", at)
    port = free_port()
    with server(port, "microsocks", "-i", "127.0.0.1", "-p", str(port), "-u", "someone", "-P", "secret") as at:
        stream_cases("microsocks with login", "socks5", at, *login)
        check("microsocks with login", a_wrong_password_is_told, "socks5", at, *login)


def test_dante():
    port = free_port()
    config = write("danted.conf", f"""
logoutput: {WORK}/danted.log
internal: 127.0.0.1 port = {port}
external: lo
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
""")
    with server(port, "danted", "-f", config, "-p", f"{WORK}/danted.pid") as at:
        stream_cases("dante", "socks5", at)
        # microsocks and tinyproxy close both directions when one of them ends.
        check("dante", an_upload_that_ends_first_is_answered, "socks5", at)
        stream_cases("dante, pipelined", "socks5", at, "pipelined")
        check("dante", a_closed_port_is_the_targets_trouble, "socks5", at)
        check("dante", datagrams_of_all_sizes_come_back, "socks5", at, most=9000)


def tinyproxy(port, *lines):
    config = write(f"tinyproxy-{port}.conf", "\n".join(
        [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 200", "LogLevel Error", *lines]) + "\n")
    return server(port, "tinyproxy", "-d", "-c", config)


def test_tinyproxy():
    login = ("user=someone", "password=secret")
    with tinyproxy(free_port()) as at:
        stream_cases("tinyproxy", "http", at)
        check("tinyproxy", a_closed_port_is_the_targets_trouble, "http", at)
    with tinyproxy(free_port(), "BasicAuth someone secret") as at:
        stream_cases("tinyproxy with login", "http", at, *login)
        check("tinyproxy with login", a_wrong_password_is_told, "http", at, *login)


def in_front_of(at, context):
    """TLS before a server: what stunnel does."""
    host, port = at.split(":")

    def copy(a, b):
        with contextlib.suppress(OSError, ValueError):
            while part := a.recv(1 << 16):
                b.sendall(part)
        for s in (a, b):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(s, socket.SHUT_RDWR)

    def handle(plain):
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as s, \
                socket.create_connection((host, int(port))) as inner:
            thread = threading.Thread(target=copy, args=(inner, s), daemon=True)
            thread.start()
            copy(s, inner)
            thread.join()

    return f"127.0.0.1:{serve(handle)}"


def a_server_with_another_name_is_refused(at, ca):
    with probe("https", at, f"127.0.0.1:{BANNER}", f"ca={ca}", "name=other.example") as p, connect(p) as s:
        with contextlib.suppress(ConnectionResetError):
            s.recv(1)
        assert "TLS" in p.result()[0]


def test_tls():
    key, ca = os.path.join(WORK, "key.pem"), os.path.join(WORK, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", ca, "-days", "2", "-subj", "/CN=proxy.example",
                    "-addext", "subjectAltName=DNS:proxy.example,IP:127.0.0.1"], check=True, capture_output=True)
    with tinyproxy(free_port()) as plain:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(ca, key)
            context.minimum_version = context.maximum_version = version
            at = in_front_of(plain, context)
            stream_cases(version.name, "https", at, f"ca={ca}")
            check(version.name, a_server_that_speaks_first_is_heard, "https", at, f"ca={ca}", "name=proxy.example")
            check(version.name, a_server_with_another_name_is_refused, at, ca)


def main():
    try:
        test_direct()
        for program, test in (("microsocks", test_microsocks), ("danted", test_dante),
                              ("tinyproxy", test_tinyproxy), ("tinyproxy", test_tls)):
            if shutil.which(program):
                test()
            else:
                print("left out:", program, "is not installed")
    finally:
        if failures:
            print(open(os.path.join(WORK, "server.log"), errors="replace").read()[-3000:])
        shutil.rmtree(WORK, ignore_errors=True)
    return 1 if failures else 0


sys.exit(main())
