"""TCP through Atlantic: every kind of upstream, both address families, to the last byte."""

import os
import sys

from configs import DIRECT, config, http, https, socks5
from lab import AT_ONCE_MS, WEB4, WEB6, check, main, wait_for

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.py")
MB = 1 << 20
SNIFFING_MS = 300  # for so long a client that says nothing is listened to


def app(lab, *words, seconds=300):
    done = lab.app([sys.executable, CLIENTS, *map(str, words)], seconds=seconds)
    check(done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")


def servers(lab):
    lab.dns()
    for address in (WEB4, WEB6):
        lab.server("digest", address, 7001)
        lab.server("source", address, 7002)
        lab.server("banner", address, 25)
        lab.server("resetter", address, 7004)


# 200 handshakes at once, in a sanitized build on a busy machine, take longer than people wait.
PATIENCE = "timeouts: {connect: 300s, dial: 300s}\n"


def everything(lab, upstream, families=(WEB4, WEB6)):
    servers(lab)
    lab.atlantic(config(lab, [upstream], PATIENCE)).on()
    for address in families:
        app(lab, "upload", address, 7001, 100 * MB)
        app(lab, "download", address, 7002, 100 * MB)
        app(lab, "speaks_first", address, 25, SNIFFING_MS - 50, 10)
        app(lab, "slow_reader", address, 7002, 4 * MB)
        app(lab, "refused_fast", address, 9, AT_ONCE_MS)
        app(lab, "transfers", address, 7001, 7002, MB // 2, 200, 200)


def ends(lab, families=(WEB4, WEB6)):
    """Half-closed streams and resets, both ways."""
    for address in families:
        witness = lab.server("witness", address, 7005)
        app(lab, "half_close_up", address, 7001, 100000)
        app(lab, "half_close_down", address, 7002, 100000)
        app(lab, "expect_reset", address, 7004)
        app(lab, "send_reset", address, 7005)
        check(ended(witness) == "reset", f"an application's reset does not reach {address}")


def ended(witness):
    """How servers.witness saw its connection end."""
    def word():
        with open(witness.log_path, encoding="utf-8") as log:
            return log.read().strip()
    return wait_for("the server to see an end", word)


def direct(lab):
    """TCP goes straight to the target where the upstream is direct; resets and half-closes too"""
    everything(lab, DIRECT)
    ends(lab)


def through_socks5(lab):
    """TCP goes through SOCKS5 with user name and password (microsocks)"""
    lab.microsocks(user="user", password="secret")
    everything(lab, socks5(user="user", password="secret"))


def through_dante(lab):
    """TCP goes through SOCKS5 (dante, which has no IPv6 here)"""
    lab.dante()
    everything(lab, socks5(1081), families=(WEB4,))
    app(lab, "half_close_up", WEB4, 7001, 100000)
    app(lab, "half_close_down", WEB4, 7002, 100000)


def through_http(lab):
    """TCP goes through HTTP CONNECT with Basic authentication (tinyproxy)"""
    lab.tinyproxy(user="user", password="secret")
    everything(lab, http(user="user", password="secret"))


def through_https(lab):
    """TCP goes through HTTP CONNECT inside TLS (tinyproxy behind stunnel)"""
    lab.tinyproxy(user="user", password="secret")
    lab.stunnel()
    everything(lab, https(lab, user="user", password="secret"))


# Most proxies turn a half-closed stream into a closed one and a reset into a plain end. Ours does not.

def ends_through_socks5(lab):
    """Half-closed streams and resets pass through SOCKS5, both ways"""
    servers(lab)
    lab.faithful_proxy(user="user", password="secret")
    lab.atlantic(config(lab, [socks5(1082, user="user", password="secret")])).on()
    ends(lab)


def ends_through_http(lab):
    """Half-closed streams and resets pass through HTTP CONNECT, both ways"""
    servers(lab)
    lab.faithful_proxy(user="user", password="secret")
    lab.atlantic(config(lab, [http(1082, user="user", password="secret")])).on()
    ends(lab)


def stalls(lab):
    """A peer that only stopped reading is waited for; one that is gone breaks the connection"""
    lab.dns()
    lab.server("digest", WEB4, 7001, 8)
    lab.server("silent", WEB4, 7005)
    lab.run(lab.net, "nft 'add table inet gone; add chain inet gone in { type filter hook input priority 0; }; "
                     "add rule inet gone in tcp dport 7005 meta length > 100 drop'")
    lab.atlantic(config(lab, [DIRECT], "timeouts: {stall: 2s}\n")).on()
    app(lab, "expect_end", WEB4, 7005, 60000)
    app(lab, "upload", WEB4, 7001, 24 * MB)


if __name__ == "__main__":
    sys.exit(main("tcp", [direct, stalls, through_socks5, through_dante, through_http,
                          through_https, ends_through_socks5, ends_through_http]))
