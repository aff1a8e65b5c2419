"""The local endpoint: SOCKS5 and HTTP proxy on one port, through filter, pool and counters."""

import sys

from configs import DIRECT, config, socks5
from lab import WEB4, WEB6, check, main, stop
from test_tcp import app

V4, V6 = "127.0.0.1:1080", "[::1]:1080"


def curl(lab, *words):
    done = lab.app(["curl", "-sS", "--max-time", "30", "--cacert", f"{lab.dir}/ca.pem", *words])
    return done.returncode, done.stdout + done.stderr


def good(lab, login=""):
    for door in (V4, V6):
        for url in ("http://web.example/hello", "https://web.example/hello",
                    f"http://{WEB4}/hello", f"http://[{WEB6}]/hello"):
            for proxy in (f"socks5h://{login}{door}", f"http://{login}{door}"):
                code, out = curl(lab, "-x", proxy, url)
                check(code == 0 and out.startswith("hello from "), f"{proxy} {url}: {code} {out}")
            code, out = curl(lab, "-p", "-x", f"http://{login}{door}", url)
            check(code == 0 and out.startswith("hello from "), f"CONNECT {url}: {code} {out}")


def blocked(lab, login=""):
    code, out = curl(lab, "-x", f"http://{login}{V4}", "http://ads.example/", "-w", "%{http_code}")
    check("403" in out, f"absolute-URI to a blocked name: {code} {out}")
    code, out = curl(lab, "-x", f"http://{login}{V4}", "https://ads.example/")
    check(code == 56 and "403" in out, f"CONNECT to a blocked name: {code} {out}")
    code, out = curl(lab, "-x", f"socks5h://{login}{V4}", "http://ads.example/")
    check(code == 97, f"SOCKS5 to a blocked name: {code} {out}")


def without_login(lab):
    """SOCKS5 (names resolved remotely), CONNECT and absolute-URI work on 127.0.0.1 and ::1"""
    lab.web()
    lab.dns()
    lab.microsocks()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    atlantic.on()
    good(lab)
    blocked(lab)
    # One client connection, several hosts: each request goes its own way.
    code, out = curl(lab, "-x", f"http://{V4}", "http://web.example/hello",
                     "http://other.example/hello", "http://web.example/hello")
    check(code == 0 and out == "hello from web.example\nhello from other.example\n"
          "hello from web.example\n", f"kept connection: {out}")
    totals = atlantic.usage()["total"]
    check(totals["requests"] > 20, f"usage: {totals}")


def with_login(lab):
    """With a user name and password configured, nobody else gets in"""
    lab.web()
    lab.dns()
    lab.atlantic(config(lab, [DIRECT], "local: {user: me, password: secret}\n")).on()
    good(lab, "me:secret@")
    for proxy in (f"socks5h://{V4}", f"socks5h://me:wrong@{V4}", f"http://{V4}",
                  f"http://me:wrong@{V4}"):
        code, out = curl(lab, "-x", proxy, "http://web.example/hello", "-w", "%{http_code}")
        check("hello from" not in out, f"{proxy}: {code} {out}")
        check(code != 0 or out.endswith("407"), f"{proxy}: {code} {out}")


def udp_associate(lab):
    """UDP ASSOCIATE at the local endpoint carries datagrams"""
    lab.dns()
    for web in (WEB4, WEB6):
        lab.server("udp_echo", web, 7007)
    lab.faithful_proxy()
    for upstream in (DIRECT, socks5(1082)):
        atlantic = lab.atlantic(config(lab, [upstream]))
        atlantic.on()
        for door in ("127.0.0.1", "::1"):
            for web in (WEB4, WEB6):
                app(lab, "socks_udp", door, 1080, web, 7007)
        atlantic.off()
        stop(atlantic.process)


RULES = f"||here.example^$dnsrewrite={WEB4}\n||alias.example^$dnsrewrite=web.example\n"
LIST = """
filter:
  builtin: false
  lists: [{name: what rules say, file: %s/rules.txt, format: adblock}]
"""


def by_rule(lab):
    """A name goes where a rule puts it: requests, connections and datagrams, by any upstream"""
    lab.web()
    lab.dns()
    lab.server("udp_echo", WEB4, 7007)
    lab.faithful_proxy()
    lab.write("rules.txt", RULES)
    for upstream in (DIRECT, socks5(1082)):
        atlantic = lab.atlantic(config(lab, [upstream], filtered=False, more=LIST % lab.dir))
        atlantic.on()
        for name in ("here.example", "w.alias.example"):
            for proxy in (f"socks5h://{V4}", f"http://{V4}"):
                code, out = curl(lab, "-x", proxy, f"http://{name}/hello")
                check(code == 0 and out.startswith("hello from "), f"{proxy} {name}: {code} {out}")
        app(lab, "socks_udp", "127.0.0.1", 1080, "here.example", 7007, WEB4)
        atlantic.off()
        stop(atlantic.process)


def while_off(lab):
    """The local endpoint serves browsers also while the host itself is not protected"""
    lab.web()
    lab.dns()
    lab.atlantic(config(lab, [DIRECT]))
    good(lab)


if __name__ == "__main__":
    sys.exit(main("local", [without_login, with_login, udp_associate, by_rule, while_off]))
