"""Usage: what billing reads is exact, and survives whatever dies."""

import os
import signal
import sys

from configs import DIRECT, config, socks5
from lab import WEB4, check, main, wait_for
from test_tcp import app

SIZE = 10000
REQUEST = 9  # what servers.source reads first
LENGTH = 8  # what servers.digest reads first


def servers(lab):
    lab.dns()
    lab.server("digest", WEB4, 7001)
    lab.server("source", WEB4, 7002)


def rows_of(atlantic, upstream):
    rows = [r for r in atlantic.usage("--by", "upstream")["rows"] if r["upstream"] == upstream]
    check(len(rows) <= 1, f"rows of {upstream}: {rows}")
    return rows[0] if rows else {"bytes_up": 0, "bytes_down": 0, "requests": 0}


def minus(after, before):
    return {key: after[key] - before[key] for key in ("bytes_up", "bytes_down", "requests")}


def expected(count):
    """`count` transfers of clients.transfers, half up and half down."""
    half = count // 2
    return {"bytes_up": half * (SIZE + LENGTH) + (count - half) * REQUEST,
            "bytes_down": half * len(f"{SIZE} {'0' * 64}\n") + (count - half) * SIZE,
            "requests": count}


def exact(lab):
    """For 1,000 transfers the counters equal the payload exactly, per upstream and day, over restarts"""
    servers(lab)
    lab.microsocks()
    atlantic = lab.atlantic(config(lab, [socks5()]))
    atlantic.on()
    before = rows_of(atlantic, "socks")
    app(lab, "transfers", WEB4, 7001, 7002, SIZE, 1000, 20)
    wait_for("the last flow to end", lambda: atlantic.status()["counters"]["flows"]["tcp"] == 0)
    got = minus(rows_of(atlantic, "socks"), before)
    check(got == expected(1000), f"counted {got}, carried {expected(1000)}")
    days = atlantic.usage("--by", "day,upstream")["rows"]
    check(all(len(row["day"]) == 10 for row in days), f"{days}")

    was = rows_of(atlantic, "socks")
    atlantic.kill_worker()
    wait_for("the ledger", lambda: atlantic.cli("usage", "--json").returncode == 0)
    now = rows_of(atlantic, "socks")
    for key in ("bytes_up", "bytes_down", "requests"):
        check(now[key] >= was[key], f"{key} after a kill: {was[key]} -> {now[key]}")
    os.kill(atlantic.process.pid, signal.SIGTERM)
    atlantic.process.wait(60)
    atlantic.start()
    wait_for("the ledger", lambda: atlantic.cli("usage", "--json").returncode == 0)
    again = rows_of(atlantic, "socks")
    for key in ("bytes_up", "bytes_down", "requests"):
        check(again[key] >= now[key], f"{key} after a restart: {now[key]} -> {again[key]}")


def blocked(lab):
    """Blocked items are counted"""
    lab.dns()
    atlantic = lab.atlantic(config(lab, [DIRECT]))
    atlantic.on()
    before = atlantic.usage()["total"]["blocked"]
    for _ in range(10):
        lab.look_up("ads.example")
    after = atlantic.usage()["total"]["blocked"]
    check(after - before == 10, f"counted {after - before} of 10")


if __name__ == "__main__":
    sys.exit(main("usage", [exact, blocked]))
