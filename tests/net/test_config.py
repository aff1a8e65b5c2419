"""The configuration: a wrong file is refused with its place, and what runs goes on."""

import json
import os
import sys

from configs import DIRECT, config, socks5
from lab import check, main, wait_for


def wrong_file(lab):
    """`atlantic config check` names file, line, column and a hint; reload leaves the old one running"""
    lab.dns()
    lab.microsocks()
    good = config(lab, [socks5()])
    atlantic = lab.atlantic(good)
    atlantic.on()
    for text, place, hint in (
            (good.replace("kind: socks5", "kind: sock5"), ":2:", "socks5"),
            (good + "filtre: {}\n", f":{good.count(chr(10)) + 1}:1", "filter"),
            (good + "tun: {mtu: 12}\n", ":12", "1280"),
            (good + "tun: [\n", ":", "")):
        with open(atlantic.config, "w", encoding="utf-8") as file:
            file.write(text)
        for words in (("config", "check", atlantic.config), ("reload",)):
            done = atlantic.cli(*words)
            said = done.stdout + done.stderr
            check(done.returncode != 0, f"{words} takes {text[-40:]!r}")
            check(f"atlantic.yaml{place}" in said and hint in said, f"{words}: {said!r}")
        check(atlantic.status()["state"] == "on", "the old one runs on")
    with open(atlantic.config, "w", encoding="utf-8") as file:
        file.write(config(lab, [DIRECT]))
    check(atlantic.cli("config", "check", atlantic.config).returncode == 0, "a good file")
    atlantic.reload()
    status = atlantic.wait_state("on")
    check([u["name"] for u in status["upstreams"]] == ["direct"], f"{status['upstreams']}")


def region(lab):
    """What a region doesn't allow is refused at its place, or cut short and said; a reload counts"""
    lab.dns()
    adult = "filter:\n  categories: [ads, adult]\n"
    months = "query_log: {age: 60d}\n"
    good = config(lab, [DIRECT], months, filtered=False)
    atlantic = lab.atlantic(good)
    atlantic.on()
    check(atlantic.cli("consent", "give", "--yes").returncode == 0, "consent")

    def write(text):
        with open(atlantic.config, "w", encoding="utf-8") as file:
            file.write(text)

    def kept():
        log = atlantic.status()["log"]
        return log["age_s"] / 86400, log["asked_age_s"] / 86400

    check(kept() == (7, 60), f"without a region: {kept()}")
    text = atlantic.cli("status").stdout
    check("7 days at most" in text, f"status: {text}")
    write(good + adult)
    line = (good + adult).count("\n")
    for words in (("config", "check", atlantic.config), ("reload",)):
        done = atlantic.cli(*words)
        said = done.stdout + done.stderr
        check(done.returncode != 0, f"{words} takes a category that is not for the unknown region")
        check(f"atlantic.yaml:{line}:21" in said and "set region:" in said, f"{words}: {said!r}")
    write("region: US\n" + good + adult)
    check(atlantic.cli("config", "check", atlantic.config).returncode == 0, "it is for that one")
    write("region: US\n" + good)
    atlantic.reload()
    wait_for("60 days", lambda: kept() == (60, 60))
    check("at most" not in atlantic.cli("status").stdout, "nothing is cut short")


def terminal(lab):
    """`atlantic` answers as people expect: --help, --version, --json, exit codes"""
    lab.dns()
    atlantic = lab.atlantic(config(lab, [DIRECT]))
    for words in (("--help",), ("status", "--help"), ("--version",)):
        done = atlantic.cli(*words)
        check(done.returncode == 0 and done.stdout, f"{words}: {done.returncode} {done.stderr}")
    for words in (("onn",), ("status", "--jsn"), ()):
        done = atlantic.cli(*words)
        check(done.returncode == 2 and done.stderr, f"{words}: {done.returncode} {done.stdout}")
    json.loads(atlantic.cli("usage", "--json").stdout)
    json.loads(atlantic.cli("flows", "--json").stdout)
    os.kill(atlantic.process.pid, 15)
    atlantic.process.wait(60)
    done = atlantic.cli("status")
    check(done.returncode == 3, f"without the service: {done.returncode} {done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main("config", [wrong_file, region, terminal]))
