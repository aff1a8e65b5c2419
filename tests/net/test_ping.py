"""ICMP through Atlantic: what a ping gets, and that it is never a pretence unless asked for."""

import re
import sys

from configs import DIRECT, config, http, socks5
from lab import WEB4, WEB6, check, main

# Nobody has this address, and the router at the wire's far end says so.
NOBODY4, NOBODY6 = "203.0.113.77", "2001:db8:113::77"


def ping(lab, address, *options, seconds=15):
    """What it printed; the exit status says whether an answer came."""
    done = lab.app(["ping", "-n", "-c", "2", "-i", "0.2", "-W", str(seconds), *options, address])
    return done.returncode == 0, done.stdout


def is_answered(lab, address, *options):
    answered, said = ping(lab, address, *options)
    check(answered and "0% packet loss" in said, f"ping {address} {options}: {said}")


def is_refused(lab, address, word):
    answered, said = ping(lab, address)
    check(not answered and re.search(word, said), f"ping {address}: {said}")


def servers(lab, upstream, more=""):
    lab.dns()
    lab.web()
    for ns_route in (f"route add unreachable {NOBODY4}/32", f"-6 route add unreachable {NOBODY6}/128"):
        lab.ip(lab.net, ns_route)
    service = lab.atlantic(config(lab, [upstream], more))
    service.on()
    return service


def reachable(lab, upstream, families):
    """By default a ping is answered if a connection can be had there, else told that it is unreachable."""
    service = servers(lab, upstream)
    with lab.capture() as capture:
        for web, nobody in families:
            is_answered(lab, web)
            is_answered(lab, web, "-s", "1400")
            is_answered(lab, web, "-s", "4000")  # in fragments
            is_refused(lab, nobody, "nreachable")
    pings = {packet for packet in capture.packets()
             if (packet[1], packet[3]) in ((1, 8), (58, 128))}
    check(not pings, f"left in the clear: {pings}")
    tun = service.status()["counters"]["tun"]
    check(tun["echo_answered"] >= 6 and tun["echo_refused"] >= 2, f"{tun}")


def direct(lab):
    """A ping is answered if its target takes or refuses a connection, else it is unreachable (direct)"""
    reachable(lab, DIRECT, ((WEB4, NOBODY4), (WEB6, NOBODY6)))


def through_socks5(lab):
    """The same through SOCKS5 (dante)"""
    lab.dante()
    reachable(lab, socks5(1081), ((WEB4, NOBODY4),))


def through_http(lab):
    """The same through HTTP CONNECT (tinyproxy)"""
    lab.tinyproxy()
    reachable(lab, http(), ((WEB4, NOBODY4),))


def off(lab):
    """With `echo: off` every ping is refused at once"""
    servers(lab, DIRECT, "tun: {echo: off}\n")
    is_refused(lab, WEB4, "Packet filtered")
    is_refused(lab, WEB6, "dministratively prohibited")


def always(lab):
    """With `echo: always` every ping is answered, also for nobody"""
    servers(lab, DIRECT, "tun: {echo: always}\n")
    is_answered(lab, NOBODY4)
    is_answered(lab, NOBODY6)


if __name__ == "__main__":
    sys.exit(main("ping", [direct, through_socks5, through_http, off, always]))
