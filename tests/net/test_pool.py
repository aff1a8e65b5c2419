"""Several upstreams: turns among the healthy, and past the dead while a flow is being dialed."""

import sys
import time

from configs import config, http, socks5
from lab import WEB4, check, main


def fetch(lab, count):
    began = time.monotonic()
    for _ in range(count):
        done = lab.app(["curl", "-sS", "--max-time", "30", f"http://{WEB4}/hello"])
        check(done.stdout.startswith("hello"), f"curl: {done.stderr}")
    return time.monotonic() - began


def shares(atlantic):
    return {row["upstream"]: row["requests"] for row in
            atlantic.usage("--by", "upstream")["rows"]}


def turns(lab):
    """Round-robin among the healthy; a refused and a silent one are passed over, no flow fails"""
    lab.web()
    lab.dns()
    lab.microsocks(1080)
    one = lab.microsocks(1090)
    lab.tinyproxy()
    atlantic = lab.atlantic(config(lab, [
        socks5(1080, name="a"), socks5(1090, name="b"), http(name="c"),
        socks5(1099, name="refuses"),
        "{name: silent, kind: socks5, server: '203.0.113.200:1080'}"]))
    atlantic.on()
    before = shares(atlantic)
    usual = fetch(lab, 30)
    after = shares(atlantic)
    got = {name: after.get(name, 0) - before.get(name, 0) for name in ("a", "b", "c")}
    check(all(count >= 8 for count in got.values()), f"shares of 30: {got}")
    one.terminate()
    one.wait(10)
    before = shares(atlantic)
    took = fetch(lab, 20)
    after = shares(atlantic)
    check(after.get("b", 0) == before.get("b", 0), "a dead upstream carried something")
    check(took < 10 + 3 * usual, f"20 requests took {took:.1f} s, 30 before {usual:.1f} s")


if __name__ == "__main__":
    sys.exit(main("pool", [turns]))
