"""A proxy that keeps the ends of streams apart: SOCKS5 (CONNECT and UDP ASSOCIATE, RFC 1928, 1929)
and HTTP CONNECT on one port, IPv4 and IPv6.

    faithful_proxy.py ADDRESS PORT [USER PASSWORD]

Real proxies turn half-closed streams into closed ones, and resets into plain ends; behind this one it
can be seen whether Atlantic does.
"""

import base64
import select
import socket
import struct
import sys
import threading

from servers import family_of, read_exactly, tcp_server

LOGIN = None  # (user, password)


def serve(client):
    first = client.recv(1, socket.MSG_PEEK)
    if first == b"\x05":
        socks5(client)
    elif first:
        http(client)


def socks5(client):
    _, count = read_exactly(client, 2)
    methods = read_exactly(client, count)
    wanted = 2 if LOGIN else 0
    if wanted not in methods:
        client.sendall(b"\x05\xff")
        return
    client.sendall(bytes((5, wanted)))
    if LOGIN and not socks5_login(client):
        return
    _, command, _ = read_exactly(client, 3)
    target = read_target(lambda size: read_exactly(client, size))
    if command == 3:
        associate(client)
        return
    with dial(target, client, b"\x05%c\x00\x01" + bytes(6)) as upstream:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        join(client, upstream)


def socks5_login(client):
    _, size = read_exactly(client, 2)
    user = read_exactly(client, size)
    password = read_exactly(client, read_exactly(client, 1)[0])
    is_right = (user.decode(), password.decode()) == LOGIN
    client.sendall(b"\x01\x00" if is_right else b"\x01\x01")
    return is_right


def read_target(read):
    """Address and port as SOCKS5 writes them."""
    kind = read(1)[0]
    if kind == 3:
        host = read(read(1)[0]).decode()
    else:
        host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6,
                                read(4 if kind == 1 else 16))
    return host, struct.unpack(">H", read(2))[0]


def dial(target, client, refusal):
    try:
        return socket.create_connection(target, 10)
    except ConnectionRefusedError:
        client.sendall(refusal % 5)
        raise
    except OSError:
        client.sendall(refusal % 4)
        raise


def http(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(client, 1)
    method, target, _ = head.split(b"\r\n")[0].split(b" ")
    if LOGIN and b"Basic " + base64.b64encode(":".join(LOGIN).encode()) not in head:
        client.sendall(b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")
        return
    if method != b"CONNECT":
        client.sendall(b"HTTP/1.1 405 No\r\n\r\n")
        return
    host, _, port = target.decode().rpartition(":")
    with dial((host.strip("[]"), int(port)), client, b"HTTP/1.1 50%d No\r\n\r\n") as upstream:
        client.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
        join(client, upstream)


def join(one, other):
    """Both ways; an end of one direction ends one direction, a reset resets."""
    one.settimeout(None)
    other.settimeout(None)
    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()


def carry(source, sink):
    try:
        while data := source.recv(1 << 17):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Also wakes the other direction's thread; what is sent is the reset of the close.
                sock.shutdown(socket.SHUT_RD)
            except OSError:
                pass


def associate(client):
    """One socket towards the client, one towards each family of the internet."""
    here = client.getsockname()[0]
    inner = socket.socket(family_of(here), socket.SOCK_DGRAM)
    outer = {family: socket.socket(family, socket.SOCK_DGRAM)
             for family in (socket.AF_INET, socket.AF_INET6)}
    inner.bind((here, 0))
    bound = socket.inet_pton(inner.family, here) + struct.pack(">H", inner.getsockname()[1])
    client.sendall(b"\x05\x00\x00" + (b"\x01" if inner.family == socket.AF_INET else b"\x04") + bound)
    peer = None
    while True:
        ready, _, _ = select.select([client, inner, *outer.values()], [], [])
        if client in ready and not client.recv(100):
            return
        if inner in ready:
            data, peer = inner.recvfrom(1 << 16)
            forward(data, outer)
        for sock in outer.values():
            if sock in ready and peer:
                data, sender = sock.recvfrom(1 << 16)
                inner.sendto(envelope(sock.family, sender) + data, peer)


def forward(data, outer):
    at = 3

    def read(size):
        nonlocal at
        at += size
        return data[at - size:at]
    host, port = read_target(read)
    outer[family_of(host)].sendto(data[at:], (host, port))


def envelope(family, sender):
    kind = b"\x01" if family == socket.AF_INET else b"\x04"
    return b"\0\0\0" + kind + socket.inet_pton(family, sender[0]) + struct.pack(">H", sender[1])


if __name__ == "__main__":
    LOGIN = tuple(sys.argv[3:5]) or None
    tcp_server(sys.argv[1], sys.argv[2], serve)
