"""Small servers and clients for the network tests; see the functions.

    servers.py NAME ADDRESS PORT [...]
"""

import hashlib
import os
import socket
import struct
import sys
import threading
import time


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp_server(address, port, handle):
    server = socket.socket(family_of(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, int(port)))
    server.listen(1024)
    while True:
        client, _ = server.accept()
        threading.Thread(target=guarded, args=(handle, client), daemon=True).start()


def guarded(handle, client):
    try:
        with client:
            handle(client)
    except OSError:
        pass


def udp_echo(address, port):
    """Sends every datagram back."""
    server = socket.socket(family_of(address), socket.SOCK_DGRAM)
    server.bind((address, int(port)))
    while True:
        data, peer = server.recvfrom(65536)
        server.sendto(data, peer)


def banner(address, port):
    """Speaks first, as SMTP does, then echoes lines."""
    def handle(client):
        client.sendall(b"220 mail.example ESMTP\r\n")
        while data := client.recv(4096):
            client.sendall(b"250 " + data)
    tcp_server(address, port, handle)


def digest(address, port, late_seconds=0):
    """Reads an 8 byte length and that much (0: to the end of the stream), then answers with the
    size and SHA-256 of what came. Looks at nothing for the first `late_seconds`."""
    def handle(client):
        time.sleep(float(late_seconds))
        total, sha = 0, hashlib.sha256()
        size = struct.unpack(">Q", read_exactly(client, 8))[0]
        while (not size or total < size) and (data := client.recv(1 << 18)):
            total += len(data)
            sha.update(data)
        client.sendall(f"{total} {sha.hexdigest()}\n".encode())
    tcp_server(address, port, handle)


def source(address, port):
    """Reads an 8 byte length and a seed byte, sends that many bytes, then reads to the end."""
    def handle(client):
        size, seed = struct.unpack(">QB", read_exactly(client, 9))
        block = bytes((seed + i) & 255 for i in range(256)) * 256
        while size > 0:
            piece = block[:min(size, len(block))]
            client.sendall(piece)
            size -= len(piece)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    tcp_server(address, port, handle)


def paced(address, port, pace):
    """Says its pace (8 bytes) and sends that many bytes each second. What was missed is made up for, as
    far as the network lets it, within a second."""
    def handle(client):
        client.sendall(struct.pack(">Q", int(pace)))
        block, at = bytes(int(pace) // 100), time.monotonic()
        while True:
            at = max(at + 0.01, time.monotonic() - 1)
            time.sleep(max(0, at - time.monotonic()))
            client.sendall(block)
    tcp_server(address, port, handle)


def resetter(address, port):
    """Reads one byte, then resets."""
    def handle(client):
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tcp_server(address, port, handle)


def silent(address, port):
    """Accepts, reads, and never says a word."""
    def handle(client):
        while client.recv(65536):
            pass
    tcp_server(address, port, handle)


def witness(address, port):
    """Says that it is there, and prints what ended each connection."""
    def handle(client):
        client.sendall(b"here\n")
        try:
            while client.recv(65536):
                pass
            print("ended", flush=True)
        except ConnectionResetError:
            print("reset", flush=True)
    tcp_server(address, port, handle)


def deaf(address, port):
    """Accepts and never reads."""
    def handle(_client):
        threading.Event().wait()
    tcp_server(address, port, handle)


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise OSError("ended early")
        data += piece
    return data


if __name__ == "__main__":
    # Daemonic threads end with the process; nothing is left to clean up.
    name = sys.argv[1]
    sys.exit(globals()[name](*sys.argv[2:]) or os.EX_OK)
