"""Applications for the network tests: each checks what it can see and says what it saw.

    clients.py NAME ADDRESS PORT [...]        exit status 0 when all is as it should be
"""

import concurrent.futures
import errno
import hashlib
import os
import random
import socket
import struct
import sys
import threading
import time


def connect(address, port, seconds=60):
    return socket.create_connection((address, int(port)), timeout=seconds)


def upload_one(address, port, size):
    """To servers.digest: send, and read what arrived over there."""
    sha, left = hashlib.sha256(), size
    with connect(address, port, 120) as sock:
        sock.sendall(struct.pack(">Q", size))
        while left > 0:
            block = random.randbytes(min(left, 1 << 20))
            sha.update(block)
            sock.sendall(block)
            left -= len(block)
        answer = b""
        while data := sock.recv(4096):
            answer += data
    expected = f"{size} {sha.hexdigest()}"
    if answer.decode().strip() != expected:
        raise SystemExit(f"upload: {answer!r} instead of {expected}")
    return size + len(answer)


def download_one(address, port, size, seed=7):
    """From servers.source: every byte is known."""
    block = bytes((seed + i) & 255 for i in range(256)) * 4096
    with connect(address, port, 120) as sock:
        sock.sendall(struct.pack(">QB", size, seed))
        at = 0
        while data := sock.recv(1 << 18):
            offset = at % 256
            if data != block[offset:offset + len(data)]:
                raise SystemExit(f"download: wrong bytes near {at}")
            at += len(data)
    if at != size:
        raise SystemExit(f"download: {at} bytes instead of {size}")
    return size


def upload(address, port, size):
    upload_one(address, port, int(size))


def download(address, port, size):
    download_one(address, port, int(size))


def transfers(address, up_port, down_port, size, count, parallel):
    """`count` transfers, half of them up, `parallel` at a time."""
    def one(i):
        if i % 2:
            upload_one(address, up_port, int(size))
        else:
            download_one(address, down_port, int(size), i & 255)
    with concurrent.futures.ThreadPoolExecutor(int(parallel)) as pool:
        list(pool.map(one, range(int(count))))


def storm(address, up_port, down_port, size, count):
    """`count` connections that all stand before the first byte moves; then half of them send and
    half of them receive, at the same time. What becomes of them is not judged here."""
    socks = [connect(address, down_port if i % 2 else up_port, 120) for i in range(int(count))]

    def move(i, sock):
        try:
            if i % 2:
                sock.sendall(struct.pack(">QB", int(size), 7))
                while sock.recv(1 << 18):
                    pass
            else:
                sock.sendall(struct.pack(">Q", int(size)))
                for _ in range(int(size) >> 16):
                    sock.sendall(bytes(1 << 16))
        except OSError:
            pass
    with concurrent.futures.ThreadPoolExecutor(int(count)) as pool:
        list(pool.map(move, range(int(count)), socks))


def hear_first(address, port):
    """A talk with servers.banner; how long its first word took."""
    began = time.monotonic()
    with connect(address, port) as sock:
        banner = sock.recv(100)
        took = (time.monotonic() - began) * 1000
        if not banner.startswith(b"220 "):
            raise SystemExit(f"banner: {banner!r}")
        sock.sendall(b"EHLO me\r\n")
        if sock.recv(100) != b"250 EHLO me\r\n":
            raise SystemExit("no echo")
    return took


def speaks_first(address, port, most_ms, count=1):
    """The server's banner must not wait for anything. What waits does so each time; a busy machine makes
    some of them slow."""
    took = min(hear_first(address, port) for _ in range(int(count)))
    if took > float(most_ms):
        raise SystemExit(f"the banner took {took:.0f} ms and more")


def half_close_up(address, port, size):
    """Ends its direction, then gets the answer (servers.digest with no size told)."""
    data = random.randbytes(int(size))
    with connect(address, port) as sock:
        sock.sendall(struct.pack(">Q", 0) + data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
    if answer.decode().strip() != f"{len(data)} {hashlib.sha256(data).hexdigest()}":
        raise SystemExit(f"{answer!r}")


def half_close_down(address, port, size):
    """servers.source ends its direction first; ours still works until we end it."""
    with connect(address, port) as sock:
        sock.sendall(struct.pack(">QB", int(size), 1))
        total = 0
        while data := sock.recv(65536):
            total += len(data)
        if total != int(size):
            raise SystemExit(f"{total} bytes")
        sock.sendall(b"still here")


def expect_reset(address, port):
    """servers.resetter: its reset must arrive as one."""
    with connect(address, port) as sock:
        sock.sendall(b"x")
        try:
            data = sock.recv(100)
        except ConnectionResetError:
            return
        raise SystemExit(f"got {data!r} instead of a reset")


def expect_end(address, port, most_ms):
    """What is sent is never acknowledged: the connection must break, not hang."""
    with connect(address, port) as sock:
        sock.sendall(b"x")
        time.sleep(0.3)
        sock.sendall(bytes(5000))
        sock.settimeout(float(most_ms) / 1000)
        try:
            data = sock.recv(100)
        except ConnectionResetError:
            return
        raise SystemExit(f"got {data!r} instead of a reset")


def send_reset(address, port):
    """Resets a connection to servers.witness, once it is there."""
    with connect(address, port) as sock:
        sock.recv(100)
        sock.sendall(b"x")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def slow_reader(address, port, size):
    """Reads little by little: everything arrives, whatever is between."""
    block = bytes((9 + i) & 255 for i in range(256)) * 1024
    with connect(address, port, 60) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.sendall(struct.pack(">QB", int(size), 9))
        at = 0
        while data := sock.recv(16384):
            offset = at % 256
            if data != block[offset:offset + len(data)]:
                raise SystemExit(f"wrong bytes near {at}")
            at += len(data)
            if at < 200000:
                time.sleep(0.01)
    if at != int(size):
        raise SystemExit(f"{at} bytes instead of {size}")


def refused_fast(address, port, most_ms):
    """Nothing listens there: an error at once, not a hang."""
    began = time.monotonic()
    try:
        with connect(address, port) as sock:
            if sock.recv(1) == b"":
                pass
    except OSError:
        pass
    took = (time.monotonic() - began) * 1000
    if took > float(most_ms):
        raise SystemExit(f"took {took:.0f} ms")


def hold(address, port, count, most_ms):
    """Opens connections one after the other, keeps them until its input ends, and says how many there
    are. A refusal comes at once."""
    held, refused = [], 0
    for _ in range(int(count)):
        began = time.monotonic()
        try:
            held.append(connect(address, port))
        except ConnectionRefusedError:
            refused += 1
            if (time.monotonic() - began) * 1000 > float(most_ms):
                raise SystemExit("a refusal took too long") from None
    print(f"{len(held)} open, {refused} refused", flush=True)
    sys.stdin.read()


def wait_for_refusals(socks, count):
    """Until as many were refused, and a moment longer: there may be one too many."""
    refused, end = set(), time.monotonic() + 15
    while len(refused) < count and time.monotonic() < end:
        refused |= {sock for sock in socks if is_refused(sock)}
        time.sleep(0.02)
    time.sleep(0.5)
    return refused | {sock for sock in socks if is_refused(sock)}


def is_refused(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def knock(address, port, count, most_refused):
    """The same where nobody answers."""
    socks = [socket.socket() for _ in range(int(count))]
    for sock in socks:
        sock.setblocking(False)
        sock.connect_ex((address, int(port)))
    refused = len(wait_for_refusals(socks, int(most_refused)))
    print(f"{len(socks) - refused} waiting, {refused} refused", flush=True)
    sys.stdin.read()


def udp_sockets(address, port, count, most_refused):
    """The same for sockets that send one datagram each, to somebody who does not answer."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(count))]
    for sock in socks:
        sock.connect((address, int(port)))
        sock.send(b"anybody?")
    refused = len(wait_for_refusals(socks, int(most_refused)))
    print(f"{len(socks) - refused} open, {refused} refused", flush=True)
    sys.stdin.read()


def is_echoed(sock):
    try:
        sock.sendall(b"still there?\n")
        return sock.recv(100) == b"250 still there?\n"
    except OSError:
        return False


def talk(address, port, count):
    """Connections to servers.banner; for each line of its input it says how many of them still carry."""
    socks = [connect(address, port) for _ in range(int(count))]
    for sock in socks:
        sock.recv(100)
    print(len(socks), flush=True)
    for _ in sys.stdin:
        socks = [sock for sock in socks if is_echoed(sock)]
        print(len(socks), flush=True)


def udp_peers(address, port, count):
    """Echo of one socket's datagrams from `count` addresses behind each other, all at once."""
    first = int.from_bytes(socket.inet_aton(address), "big")
    peers = [socket.inet_ntoa((first + i).to_bytes(4, "big")) for i in range(int(count))]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        for peer in peers:
            sock.sendto(peer.encode(), (peer, int(port)))
        heard = {sock.recvfrom(100) for _ in peers}
    if heard != {(peer.encode(), (peer, int(port))) for peer in peers}:
        raise SystemExit(f"heard {heard}")


def stopped_reader(address, port, count):
    """Asks servers.source for much, and reads nothing of it until its input ends."""
    socks = [connect(address, port) for _ in range(int(count))]
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        sock.sendall(struct.pack(">QB", 1 << 30, 7))
    time.sleep(1)
    print("stopped", flush=True)
    sys.stdin.read()


def unread_writer(address, port, count):
    """Writes to somebody who does not read, as long as anything is taken."""
    socks = [connect(address, port) for _ in range(int(count))]
    for sock in socks:
        sock.setblocking(False)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for sock in socks:
            try:
                while sock.send(bytes(1 << 16)):
                    pass
            except BlockingIOError:
                pass
        time.sleep(0.05)
    print("stopped", flush=True)
    sys.stdin.read()
    for sock in socks:  # as a killed application's, whose bytes nobody will ever want
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def steady(address, port):
    """Reads from servers.paced; between two lines of its input it counts, and then says which share of
    that server's pace it had."""
    got = {"bytes": 0, "pace": 1}

    def read():
        with connect(address, port) as sock:
            got["pace"] = struct.unpack(">Q", sock.recv(8))[0]
            while data := sock.recv(1 << 18):
                got["bytes"] += len(data)
    threading.Thread(target=read, daemon=True).start()
    sys.stdin.readline()
    began, first = time.monotonic(), got["bytes"]
    sys.stdin.readline()
    print((got["bytes"] - first) / (time.monotonic() - began) / got["pace"], flush=True)


def udp(address, port, size, count=1):
    """Echo of `count` datagrams of one socket, each whole and from the right address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        for i in range(int(count)):
            data = random.randbytes(int(size))
            sock.sendto(data, (address, int(port)))
            answer, peer = sock.recvfrom(70000)
            if answer != data:
                raise SystemExit(f"datagram {i}: {len(answer)} other bytes")
            if peer[:2] != (address, int(port)):
                raise SystemExit(f"datagram {i} came from {peer}")


def udp_refused(address, port, most_ms):
    """Port unreachable, at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect((address, int(port)))
        began = time.monotonic()
        sock.send(b"anybody?")
        try:
            sock.recv(100)
        except ConnectionRefusedError:
            took = (time.monotonic() - began) * 1000
            if took > float(most_ms):
                raise SystemExit(f"took {took:.0f} ms") from None
            return
        except TimeoutError:
            raise SystemExit("no answer at all") from None
        raise SystemExit("an answer instead of a refusal")


def socks_address(host):
    """Type and address as RFC 1928 sec. 5 writes them."""
    for kind, family in ((b"\x01", socket.AF_INET), (b"\x04", socket.AF_INET6)):
        try:
            return kind + socket.inet_pton(family, host)
        except OSError:
            pass
    return b"\x03" + bytes([len(host)]) + host.encode()


def socks_udp(door, door_port, address, port, answers_from=None):
    """A SOCKS5 client of its own: UDP ASSOCIATE, then an echo through it (RFC 1928 sec. 7)."""
    with connect(door, door_port) as control:
        control.sendall(b"\x05\x01\x00")
        if control.recv(2) != b"\x05\x00":
            raise SystemExit("no login was asked for, but not accepted")
        control.sendall(b"\x05\x03\x00\x01" + bytes(6))
        head = control.recv(4)
        if head[1] != 0:
            raise SystemExit(f"UDP ASSOCIATE: reply {head[1]}")
        family = socket.AF_INET6 if head[3] == 4 else socket.AF_INET
        bound = control.recv(18 if head[3] == 4 else 6)
        relay = (socket.inet_ntop(family, bound[:-2]), int.from_bytes(bound[-2:], "big"))
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            there, back = (b"\0\0\0" + socks_address(host) + struct.pack(">H", int(port))
                           for host in (address, answers_from or address))
            for size in (10, 1400, 9000):
                data = random.randbytes(size)
                sock.sendto(there + data, relay)
                answer, _ = sock.recvfrom(70000)
                if answer != back + data:
                    raise SystemExit(f"{size} bytes: another answer")


def ask_steadily(server, name, until):
    """Ask for the address of a blocked name, again and again, until a file of that name is there: each
    question has to be answered at once, and with 0.0.0.0."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    asked = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect((server, 53))
        while not os.path.exists(until):
            asked += 1
            head = struct.pack(">HHHHHH", asked & 0xffff, 0x0100, 1, 0, 0, 0)
            sock.send(head + labels + b"\0\0\1\0\1")
            answer = sock.recv(4096)
            if answer[:2] != head[:2] or answer[3] & 15 or not answer.endswith(bytes(4)):
                raise SystemExit(f"question {asked}: {answer!r}")
            time.sleep(0.001)
    print(asked)


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]) or os.EX_OK)
