"""UDP through Atlantic: echo, large datagrams, and refusals at once."""

import sys

from configs import DIRECT, config, http, socks5
from lab import WEB4, WEB6, main
from test_tcp import app
import socket


def servers(lab):
    lab.dns()
    for address in (WEB4, WEB6):
        lab.script("servers.py", "udp_echo", address, 7007, port=7007, kind=socket.SOCK_DGRAM)


def echo(lab, families):
    for address in families:
        app(lab, "udp", address, 7007, 100, 50)
        app(lab, "udp", address, 7007, 1400, 50)
        app(lab, "udp", address, 7007, 20000, 10)
        app(lab, "udp", address, 7007, 60000)


def direct(lab):
    """UDP echo and large datagrams work where the upstream is direct; QUIC is refused at once"""
    servers(lab)
    lab.atlantic(config(lab, [DIRECT])).on()
    echo(lab, (WEB4, WEB6))
    for address in (WEB4, WEB6):
        app(lab, "udp_refused", address, 443, 500)


def through_socks5(lab):
    """UDP echo and large datagrams work through SOCKS5 UDP ASSOCIATE (dante)"""
    servers(lab)
    lab.dante()
    lab.atlantic(config(lab, [socks5(1081)])).on()
    echo(lab, (WEB4,))
    app(lab, "udp_refused", WEB4, 443, 500)


def through_http(lab):
    """Where the upstream cannot carry UDP, the application gets port unreachable at once"""
    servers(lab)
    lab.tinyproxy()
    lab.atlantic(config(lab, [http()])).on()
    for address in (WEB4, WEB6):
        app(lab, "udp_refused", address, 7007, 500)


def quic_allowed(lab):
    """UDP 443 passes where the setting allows it"""
    lab.dns()
    lab.script("servers.py", "udp_echo", WEB4, 443, port=443, kind=socket.SOCK_DGRAM)
    lab.atlantic(config(lab, [DIRECT], "refuse_quic: false\n")).on()
    app(lab, "udp", WEB4, 443, 1200, 5)


if __name__ == "__main__":
    sys.exit(main("udp", [direct, through_socks5, through_http, quic_allowed]))
