"""Mixed traffic for the soak, until it is killed or its input ends; a line of counts now and then.

    soak_load.py TCP_ADDRESS UDP_ADDRESS

What fails while an upstream is away is no fault; that bytes are wrong always is: then it exits with 1.
"""

import collections
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

import clients

THREADS = 12
COUNTS = collections.Counter()
STOP = threading.Event()


def abandon(address, port, size):
    """Leaves in the middle, with an end or with a reset."""
    with clients.connect(address, port) as sock:
        sock.sendall(struct.pack(">QB", size, 3))
        sock.recv(random.randrange(1, 60000))
        if random.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def linger(address, port):
    """Stays idle for a while."""
    with clients.connect(address, port) as sock:
        sock.recv(100)
        STOP.wait(random.uniform(0, 4))


def ask_web(address):
    with clients.connect(address, 80) as sock:
        host = random.choice(("web.example", "ads.example"))
        sock.sendall(f"GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        while sock.recv(4096):
            pass


def ask_dns():
    name = random.choice(("web.example", "ads.example", "nobody.example", "alias.example"))
    socket.getaddrinfo(name, 80)


def ping(address):
    subprocess.run(["ping", "-n", "-c", "1", "-W", "2", address], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def jobs(tcp, udp):
    size = int(random.expovariate(1 / 300_000)) + 1
    return (lambda: clients.upload_one(tcp, 7001, size),
            lambda: clients.download_one(tcp, 7002, size),
            lambda: clients.half_close_up(tcp, 7001, min(size, 100_000)),
            lambda: clients.half_close_down(tcp, 7002, size),
            lambda: clients.expect_reset(tcp, 7004),
            lambda: clients.slow_reader(tcp, 7002, 200_000),
            lambda: clients.refused_fast(tcp, 9, 60_000),
            lambda: clients.udp(udp, 7007, random.choice((0, 20, 1200, 9000)), 5),
            lambda: clients.udp_refused(udp, 443, 60_000),
            lambda: abandon(tcp, 7002, 50_000_000),
            lambda: linger(tcp, 25),
            lambda: ask_web(tcp),
            ask_dns,
            lambda: ping(tcp))


def work(tcp, udp):
    while not STOP.is_set():
        try:
            random.choice(jobs(tcp, udp))()
            COUNTS["done"] += 1
        except OSError:  # refused, reset, timed out
            COUNTS["failed"] += 1
        except SystemExit as why:
            # Cut short is what happens to those that were under way; other bytes are not.
            COUNTS["wrong" if "wrong" in str(why) or "other" in str(why) else "cut"] += 1


def main(tcp, udp):
    workers = [threading.Thread(target=work, args=(tcp, udp), daemon=True) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    while not select.select([sys.stdin], [], [], 1)[0]:
        print(dict(COUNTS), flush=True)
    STOP.set()
    end = time.monotonic() + 60
    for worker in workers:
        worker.join(max(0, end - time.monotonic()))
    print(dict(COUNTS), flush=True)
    os._exit(1 if COUNTS["wrong"] else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
