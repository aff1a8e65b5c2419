"""UDP through Atlantic: echo, large datagrams, and refusals at once."""

import os
import shutil
import socket
import sys

from configs import DIRECT, config, http, https, socks5
from lab import AT_ONCE_MS, WEB4, WEB6, Skipped, check, main
from test_tcp import app


def servers(lab):
    lab.dns()
    for address in (WEB4, WEB6):
        lab.server("udp_echo", address, 7007)


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
        app(lab, "udp_refused", address, 443, AT_ONCE_MS)


def through_socks5(lab):
    """UDP echo and large datagrams work through SOCKS5 UDP ASSOCIATE (dante)"""
    servers(lab)
    lab.dante()
    lab.atlantic(config(lab, [socks5(1081)])).on()
    echo(lab, (WEB4,))
    app(lab, "udp_refused", WEB4, 443, AT_ONCE_MS)


def through_socks5_6(lab):
    """The same for IPv6, with user name and password"""
    servers(lab)
    lab.faithful_proxy(user="user", password="secret")
    lab.atlantic(config(lab, [socks5(1082, user="user", password="secret")])).on()
    echo(lab, (WEB4, WEB6))
    app(lab, "udp_refused", WEB6, 443, AT_ONCE_MS)


def quic_get(lab, name, seconds):
    """GET by HTTP/3 from a name that the host itself knows: DNS has no say in it."""
    done = lab.app(["gtlsclient", "-q", "--exit-on-all-streams-close", f"--handshake-timeout={seconds}s",
                    f"--timeout={seconds}s", f"--download={lab.dir}", name, "443", f"https://{name}/index.html"])
    path = f"{lab.dir}/index.html"
    if not os.path.exists(path):
        return f"nothing; {done.stdout}{done.stderr}"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    os.unlink(path)
    return text


def quic_by_name(lab):
    """Where QUIC is allowed, its server name is judged before a connection gets out"""
    if not shutil.which("gtlsclient") or not shutil.which("gtlsserver"):
        raise Skipped("ngtcp2-client and ngtcp2-server are not installed")
    servers(lab)
    lab.make_ca()
    os.makedirs(f"{lab.dir}/www", exist_ok=True)
    lab.write("www/index.html", "over quic\n")
    lab.serve(["gtlsserver", "-q", f"--htdocs={lab.dir}/www", WEB4, "443", f"{lab.dir}/leaf.key",
               f"{lab.dir}/leaf.pem"], WEB4, 443, socket.SOCK_DGRAM)
    lab.write(f"/etc/netns/{lab.host}/hosts", f"{WEB4} quic.example www.ads.example\n")
    service = lab.atlantic(config(lab, [DIRECT], more="refuse_quic: false\n"))
    service.on()
    got = quic_get(lab, "quic.example", 20)
    check(got == "over quic\n", f"an allowed name: {got}")
    got = quic_get(lab, "www.ads.example", 3)
    check(got.startswith("nothing"), f"a blocked name: {got}")
    said = service.cli("blocked", "--json").stdout
    check('"quic"' in said and "www.ads.example" in said, f"what was blocked: {said}")


def is_refused(lab, upstream):
    servers(lab)
    lab.atlantic(config(lab, [upstream])).on()
    for address in (WEB4, WEB6):
        app(lab, "udp_refused", address, 7007, AT_ONCE_MS)


def through_http(lab):
    """Where the upstream cannot carry UDP (HTTP), the application gets port unreachable at once"""
    lab.tinyproxy()
    is_refused(lab, http())


def through_https(lab):
    """The same with an HTTPS upstream"""
    lab.tinyproxy()
    lab.stunnel()
    is_refused(lab, https(lab))


def through_socks5_without(lab):
    """The same with a SOCKS5 server that knows no UDP ASSOCIATE, also for the very first datagram"""
    lab.microsocks()
    is_refused(lab, socks5())


def quic_allowed(lab):
    """UDP 443 passes where the setting allows it"""
    lab.dns()
    lab.server("udp_echo", WEB4, 443)
    lab.atlantic(config(lab, [DIRECT], "refuse_quic: false\n")).on()
    app(lab, "udp", WEB4, 443, 1200, 5)


if __name__ == "__main__":
    sys.exit(main("udp", [direct, through_socks5, through_socks5_6, through_http, through_https,
                          through_socks5_without, quic_allowed, quic_by_name]))
