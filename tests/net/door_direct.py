#!/usr/bin/env python3
"""The local door with real clients on loopback: curl, wget, Python's own. Each case is a sentence.

door_direct.py DOOR_DIRECT"""
import hashlib
import http.client
import http.server
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request

PAYLOAD = os.urandom(3 * 1024 * 1024 + 17)
SUM = hashlib.sha256(PAYLOAD).hexdigest()


class Site(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; counts connections, so that keep-alive can be told."""

    protocol_version = "HTTP/1.1"
    requests = []

    def log_message(self, *_):
        pass

    def reply(self, body, status=200, fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        Site.requests.append((self.path, dict(self.headers)))
        if self.path == "/payload":
            self.reply(PAYLOAD)
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(PAYLOAD), 50000):
                part = PAYLOAD[at:at + 50000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/until-close":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + PAYLOAD)
            self.close_connection = True
        elif self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
            self.close_connection = True
        else:
            self.reply(self.path.encode())

    do_HEAD = do_GET

    def do_POST(self):
        self.reply(hashlib.sha256(self.body()).hexdigest().encode())

    do_PUT = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data, self.client_address)


class EchoServer(socketserver.ThreadingUDPServer):
    max_packet_size = 65536
    daemon_threads = True


def start(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Door:
    def __init__(self, program, *login):
        self.process = subprocess.Popen([program, *login], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.address = f"127.0.0.1:{self.port}"

    def stop(self):
        """Its counters; a leak or a sanitizer's finding is a failure."""
        out, _ = self.process.communicate("", timeout=60)
        assert self.process.returncode == 0, self.process.returncode
        return dict(pair.split("=") for pair in out.split())


def curl(*arguments, fails=False):
    done = subprocess.run(["curl", "-sS", "--max-time", "60", *arguments], capture_output=True,
                          check=False)
    assert (done.returncode != 0) == fails, (arguments, done)
    return done


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def via_curl(door, web):
    url = f"http://site.test:{web}"
    for proxy in (["--socks5-hostname", door.address], ["--socks5", door.address],
                  ["-x", f"http://{door.address}"],
                  ["--proxytunnel", "-x", f"http://{door.address}"],
                  ["--proxytunnel", "--proxy1.0", door.address]):
        where = f"http://127.0.0.1:{web}" if proxy[0] == "--socks5" else url
        for path in ("/payload", "/chunked", "/until-close"):
            done = curl(*proxy, where + path)
            assert sha256(done.stdout) == SUM, (proxy, path, len(done.stdout))
        assert curl(*proxy, "-I", where + "/payload").stdout.startswith(b"HTTP/1.1 200")
        curl(*proxy, where + "/cut", fails=True)
    old = curl("-0", "-i", "-x", f"http://{door.address}", url + "/payload").stdout
    assert sha256(old.split(b"\r\n\r\n", 1)[1]) == SUM
    print("curl: every way in, every framing")


def uploads(door, web):
    with tempfile.NamedTemporaryFile() as file:
        file.write(PAYLOAD)
        file.flush()
        upload_file(door, web, file.name)
    print("uploads: by length, chunked, with and without 100-continue")


def upload_file(door, web, upload):
    for proxy in (["--socks5-hostname", door.address], ["-x", f"http://{door.address}"]):
        for how in (["--data-binary", f"@{upload}"], ["-T", upload],
                    ["-H", "Transfer-Encoding: chunked", "--data-binary", f"@{upload}"],
                    ["-H", "Expect: 100-continue", "--data-binary", f"@{upload}"],
                    ["-H", "Expect:", "--data-binary", f"@{upload}"]):
            done = curl(*proxy, *how, f"http://site.test:{web}/up")
            assert done.stdout.decode() == SUM, (proxy, how, done)


def keep_alive(door, web, other):
    before = len(Site.requests)
    done = curl("-v", "-x", f"http://{door.address}", f"http://one.test:{web}/a",
                f"http://two.test:{other}/b", f"http://one.test:{web}/c")
    assert done.stdout == b"/a/b/c", done.stdout
    assert done.stderr.count(b"Connected to") + done.stderr.count(b"Established conn") == 1 or \
        done.stderr.count(b"Re-using existing") == 2, done.stderr
    for _, fields in Site.requests[before:]:
        assert fields["Connection"] == "close", fields
        assert not [name for name in fields if name.startswith("Proxy-")], fields
    hosts = [fields["Host"] for _, fields in Site.requests[before:]]
    assert hosts == [f"one.test:{web}", f"two.test:{other}", f"one.test:{web}"], hosts
    print("one client connection, several hosts")


def pipelined(door, web):
    with socket.create_connection(("127.0.0.1", door.port)) as sock:
        for path in ("/1", "/2", "/3"):
            sock.sendall(f"GET http://a.test:{web}{path} HTTP/1.1\r\nHost: a.test:{web}\r\n"
                         f"{'Connection: close' if path == '/3' else 'X: y'}\r\n\r\n".encode())
        data = b""
        while part := sock.recv(65536):
            data += part
    bodies = [response.split(b"\r\n\r\n")[1][:2] for response in data.split(b"HTTP/1.1 200 ")[1:]]
    assert bodies == [b"/1", b"/2", b"/3"], data
    print("pipelined requests, one at a time and in order")


def other_clients(door, web):
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": f"http://{door.address}"}))
    with opener.open(f"http://site.test:{web}/payload", timeout=20) as response:
        assert sha256(response.read()) == SUM
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    connection.set_tunnel("site.test", web)
    for path in ("/x", "/payload"):
        connection.request("GET", path)
        body = connection.getresponse().read()
    assert sha256(body) == SUM
    connection.close()
    if shutil.which("wget"):
        done = subprocess.run(["wget", "-q", "-O", "-", "-e", "use_proxy=yes", "-e",
                               f"http_proxy={door.address}", f"http://site.test:{web}/payload"],
                              capture_output=True, check=True)
        assert sha256(done.stdout) == SUM
    print("Python and wget")


def refusals(door):
    with socket.socket() as unused:  # nobody else gets its port meanwhile
        unused.bind(("127.0.0.1", 0))
        refuses_port(door, unused.getsockname()[1])
    for proxy in (["--socks5-hostname", door.address], ["-x", f"http://{door.address}"]):
        done = curl(*proxy, f"http://localhost:{door.port}/", "-o", "/dev/null", "-w",
                    "%{http_code}", fails=proxy[0] != "-x")
        assert done.stdout in (b"403", b"000"), done.stdout
    assert b"This is a proxy" in curl(f"http://{door.address}/").stdout
    assert b"FindProxyForURL" in curl(f"http://{door.address}/proxy.pac").stdout
    print("refusals say why, and the door is not its own target")


def refuses_port(door, port):
    done = curl("--socks5", door.address, f"http://127.0.0.1:{port}/", fails=True)
    assert b"(5)" in done.stderr or b"refused" in done.stderr.lower(), done.stderr
    done = curl("-i", "-x", f"http://{door.address}", f"http://gone.test:{port}/")
    assert done.stdout.startswith(b"HTTP/1.1 502 "), done.stdout
    assert f"gone.test:{port}".encode() in done.stdout and b"Atlantic" in done.stdout
    done = curl("-p", "-x", f"http://{door.address}", f"http://gone.test:{port}/", fails=True)
    assert b"502" in done.stderr, done.stderr


def udp(door, echo):
    with socket.create_connection(("127.0.0.1", door.port)) as control:
        control.sendall(b"\5\1\0\5\3\0\1\0\0\0\0\0\0")
        reply = b""
        while len(reply) < 12:
            reply += control.recv(64)
        assert reply[:6] == b"\5\0\5\0\0\1", reply
        where = (socket.inet_ntoa(reply[6:10]), struct.unpack("!H", reply[10:12])[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            for size in (0, 1, 1200, 40000, 60000):
                data = PAYLOAD[:size]
                to_name = b"\0\0\0\3\x09echo.test" + struct.pack("!H", echo)
                to_ip = b"\0\0\0\1\x7f\0\0\1" + struct.pack("!H", echo)
                for header in (to_name, to_ip):
                    sock.sendto(header + data, where)
                    got = sock.recv(65536)
                    assert got == to_ip + data, (size, got[:20])
    print("UDP ASSOCIATE: by name and address, small and large")


def logins(program, web):
    door = Door(program, "ada", "se:cret")
    url = f"http://site.test:{web}/x"
    assert curl("--socks5-hostname", door.address, "-U", "ada:se:cret", url).stdout == b"/x"
    curl("--socks5-hostname", door.address, "-U", "ada:wrong", url, fails=True)
    curl("--socks5-hostname", door.address, url, fails=True)
    for tunnel in ([], ["-p"]):
        http_proxy = [*tunnel, "-x", f"http://{door.address}"]
        assert curl(*http_proxy, "-U", "ada:se:cret", url).stdout == b"/x"
        assert curl(*http_proxy, "--proxy-anyauth", "-U", "ada:se:cret", url).stdout == b"/x"
        status = curl(*http_proxy, "-U", "ada:wrong", "-o", "/dev/null", "-w",
                      "%{http_code}/%{http_connect}", url, fails=bool(tunnel)).stdout
        assert b"407" in status, status
    counters = door.stop()
    assert int(counters["bad_logins"]) >= 4, counters
    print("logins")


def parallel(door, web):
    results = []

    def fetch(number):
        proxy = ["-x", f"http://{door.address}"] if number % 2 else \
            ["--socks5-hostname", door.address]
        results.append(sha256(curl(*proxy, f"http://site.test:{web}/payload").stdout) == SUM)

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 40, results
    print("forty at a time")


def main():
    program = sys.argv[1]
    web, other = (start(Server(("127.0.0.1", 0), Site)) for _ in range(2))
    echo = start(EchoServer(("127.0.0.1", 0), Echo))
    door = Door(program)
    via_curl(door, web)
    uploads(door, web)
    keep_alive(door, web, other)
    pipelined(door, web)
    other_clients(door, web)
    refusals(door)
    udp(door, echo)
    parallel(door, web)
    counters = door.stop()
    assert counters["clients"] == "0" and counters["refused"] == "0", counters
    logins(program, web)


if __name__ == "__main__":
    main()
