#!/usr/bin/env python3
"""tun2socks/ behind a real TUN device, with the kernel's own TCP and UDP as the client: every way to
open the device, with all offloads down to none. Needs root; without it skipped.

    test_tunnel.py TUN_SERVICES
"""
import ctypes
import errno
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""
NAMESPACE = "tunnel-%d" % os.getpid()
HOSTS = ("192.0.2.7", "2001:db8::7")
ECHO, DISCARD, DONE, SOURCE, RESET, UNREACHABLE, NOBODY = 7, 9, 13, 19, 81, 82, 99
UDP_SEGMENT = 103
WAYS = (["plain"], ["vnet", "none"], ["vnet", "no-tcp"], ["vnet", "no-udp"], ["vnet"])


def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


HOME = open("/proc/thread-self/ns/net")


def move_to(namespace):
    """Sockets of this thread are made there from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Way:
    """A namespace with a device, opened in one way, and the services behind it."""

    def __init__(self, words):
        vnet = ["vnet_hdr"] if "vnet" in words else []
        sh("ip", "netns", "add", NAMESPACE)
        sh("ip", "-n", NAMESPACE, "tuntap", "add", "dev", "tun0", "mode", "tun", *vnet)
        sh("ip", "-n", NAMESPACE, "addr", "add", "10.9.0.1/24", "dev", "tun0")
        sh("ip", "-n", NAMESPACE, "addr", "add", "fd09::1/64", "dev", "tun0", "nodad")
        sh("ip", "-n", NAMESPACE, "link", "set", "lo", "up")
        sh("ip", "-n", NAMESPACE, "link", "set", "tun0", "up")
        sh("ip", "-n", NAMESPACE, "route", "add", "default", "dev", "tun0")
        sh("ip", "-n", NAMESPACE, "-6", "route", "add", "default", "dev", "tun0")
        self.process = subprocess.Popen(["ip", "netns", "exec", NAMESPACE, PROGRAM, "tun0", *words],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr.readline() == "ready\n"
        with open("/run/netns/" + NAMESPACE) as namespace:
            move_to(namespace)

    def counters(self):
        self.process.send_signal(signal.SIGUSR1)
        line = self.process.stderr.readline()
        return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", line)}

    def wait_for_no_connections(self):
        # A reset that did not fit the device's queue is repeated when we send something again.
        end = time.monotonic() + 60
        while self.counters()["tcp"] and time.monotonic() < end:
            time.sleep(0.1)

    def close(self):
        move_to(HOME)
        self.process.send_signal(signal.SIGTERM)
        last = self.process.communicate()[1].splitlines()[-1]
        sh("ip", "netns", "del", NAMESPACE)
        return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", last)}


def tcp(host, port, timeout=60):
    return socket.create_connection((host, port), timeout=timeout)


def udp(host, port):
    peer = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    made = socket.socket(peer[0], socket.SOCK_DGRAM)
    made.settimeout(20)
    made.connect(peer[4])
    return made


def had_to_repeat(connection):
    """Anything: for a second nothing was heard of it."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 100)[0] > 0  # tcpi_total_retrans


def read_all(connection):
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def write_all(connection, data):
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def echo(connection, data):
    # The writer inherits the namespace of the socket, not of the thread that made it.
    writer = threading.Thread(target=write_all, args=(connection, data))
    writer.start()
    answer = read_all(connection)
    writer.join()
    return answer


class Tunnel(unittest.TestCase):
    def run_way(self, words):
        way = Way(words)
        try:
            for host in HOSTS:
                for check in (self.bytes_come_back, self.ends_travel, self.refusals,
                              self.many_at_once, self.ports_are_used_again, self.datagrams,
                              self.superpacket_of_datagrams, self.nobody_there):
                    with self.subTest(way=words, host=host, check=check.__name__):
                        check(host)
            way.wait_for_no_connections()
        finally:
            counters = way.close()
        self.assertEqual(counters["bad"], 0)
        self.assertEqual(counters["dropped"], 0)
        self.assertEqual(counters["tcp"], 0)

    def bytes_come_back(self, host):
        data = os.urandom(8_000_000)
        with tcp(host, ECHO) as connection:
            self.assertEqual(echo(connection, data), data)

    def ends_travel(self, host):
        with tcp(host, DONE) as connection:
            write_all(connection, b"x" * 100_000)
            self.assertEqual(read_all(connection), b"done\n")

    def refusals(self, host):
        with self.assertRaises(ConnectionRefusedError):
            tcp(host, RESET)
        with self.assertRaises(OSError) as caught:
            tcp(host, UNREACHABLE)
        self.assertEqual(caught.exception.errno, errno.EHOSTUNREACH)

    def many_at_once(self, host):
        data = os.urandom(20_000)
        connections = [tcp(host, ECHO) for _ in range(100)]
        for connection in connections:
            write_all(connection, data)
        for connection in connections:
            self.assertEqual(read_all(connection), data)
            connection.close()

    def ports_are_used_again(self, host):
        repeated = []
        for _ in range(5):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                connection.bind(("", 33333))
                connection.settimeout(60)
                connection.connect((host, SOURCE))
                self.assertTrue(connection.recv(1000))
                repeated.append(had_to_repeat(connection))
                # A reset, so that the kernel forgets the port at once.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        # One that finds what is left of the one before has to knock twice; all of them would.
        self.assertIn(False, repeated[1:])

    def datagrams(self, host):
        with udp(host, ECHO) as client:
            for size in (0, 1, 1000, 1473, 9000, 60000):
                data = os.urandom(size)
                client.send(data)
                self.assertEqual(client.recv(65535), data)

    def superpacket_of_datagrams(self, host):
        with udp(host, ECHO) as client:
            client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
            data = os.urandom(10_500)
            client.send(data)
            for at in range(0, len(data), 1000):
                self.assertEqual(client.recv(65535), data[at:at + 1000])

    def nobody_there(self, host):
        with udp(host, NOBODY) as client:
            client.send(b"x")
            with self.assertRaises(ConnectionRefusedError):
                client.recv(10)


class NarrowLink(unittest.TestCase):
    """A guest behind a link that takes less than its own device says: our packets are too big for it."""

    GUEST = NAMESPACE + "-guest"
    MTU = 1300

    def setUp(self):
        self.way = Way(["vnet"])
        sh("ip", "netns", "add", self.GUEST)
        sh("ip", "link", "add", "link0", "netns", NAMESPACE, "mtu", str(self.MTU), "type", "veth",
           "peer", "name", "link0", "netns", self.GUEST)
        for ns, ends in ((NAMESPACE, ("10.8.0.1", "fd08::1")), (self.GUEST, ("10.8.0.2", "fd08::2"))):
            sh("ip", "-n", ns, "addr", "add", ends[0] + "/24", "dev", "link0")
            sh("ip", "-n", ns, "addr", "add", ends[1] + "/64", "dev", "link0", "nodad")
            sh("ip", "-n", ns, "link", "set", "link0", "up")
        sh("ip", "-n", self.GUEST, "route", "add", "default", "via", "10.8.0.1")
        sh("ip", "-n", self.GUEST, "-6", "route", "add", "default", "via", "fd08::1")
        sh("ip", "netns", "exec", NAMESPACE, "sysctl", "-qw", "net.ipv4.ip_forward=1",
           "net.ipv6.conf.all.forwarding=1")

    def tearDown(self):
        sh("ip", "netns", "del", self.GUEST)
        self.way.close()

    def download(self, host):
        with open("/run/netns/" + self.GUEST) as namespace:
            move_to(namespace)
        with tcp(host, SOURCE, timeout=60) as connection:
            got = 0
            while got < 1_000_000:
                got += len(connection.recv(1 << 16))

    def test_a_link_that_says_too_big(self):
        for host in HOSTS:
            with self.subTest(host=host):
                self.download(host)

    def test_a_link_that_swallows_what_is_too_big(self):
        rules = "table inet t { chain c { type filter hook output priority 0; " \
                "icmpv6 type packet-too-big counter drop; }; }"
        sh("ip", "netns", "exec", NAMESPACE, "nft", rules)
        for host in HOSTS:
            with self.subTest(host=host):
                self.download(host)
        counted = subprocess.run(["ip", "netns", "exec", NAMESPACE, "nft", "list", "ruleset"],
                                 capture_output=True, text=True, check=True).stdout
        # IPv4 packets may be cut on the way; only IPv6 has to find out.
        self.assertRegex(counted, r"counter packets [1-9]")


def make_test(words):
    return lambda self: self.run_way(words)


for one in WAYS:
    setattr(Tunnel, "test_" + "_".join(one).replace("-", "_"), make_test(one))


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
