"""The filter on every way out: DNS, TLS server name, HTTP Host; answers that say so."""

import json
import sys

from configs import DIRECT, config, http, socks5, switched_on
from lab import WEB4, WEB6, check, main, wait_for


def curl(lab, *words):
    done = lab.app(["curl", "-sS", "--max-time", "30", "--cacert", f"{lab.dir}/ca.pem", *words])
    return done.returncode, done.stdout + done.stderr


def start(lab, upstream, more=""):
    return switched_on(lab, upstream, more + "log: {level: info, names: true}\n")


def judge(lab, atlantic):
    for web in (WEB4, f"[{WEB6}]"):
        # The application brings the address itself: the name is in what it says.
        code, out = curl(lab, "--connect-to", f"::{web}:", "http://ads.example/hello",
                         "-w", "%{http_code}")
        check(code == 0 and out.endswith("403") and "ads.example" in out and "test list" in out,
              f"HTTP to a blocked host by {web}: {code} {out}")
        code, out = curl(lab, "--connect-to", f"::{web}:", "https://www.ads.example/hello")
        check(code != 0 and "hello" not in out, f"TLS to a blocked name by {web}: {code} {out}")
        check("reset" in out.lower(), f"TLS to a blocked name is not reset: {code} {out}")
        for url in ("http://web.example/hello", "https://web.example/hello",
                    "http://good.ads.example/hello", "https://good.ads.example/hello"):
            code, out = curl(lab, "--connect-to", f"::{web}:", url)
            check(code == 0 and out.startswith("hello from "), f"{url} by {web}: {code} {out}")
    code, out = curl(lab, "http://ads.example/hello")
    check(code != 0, f"a blocked name by DNS: {code} {out}")
    # One connection, several requests: each is judged.
    code, out = curl(lab, "--resolve", f"web.example:80:{WEB4}", "--resolve",
                     f"tracker.test:80:{WEB4}", "http://web.example/hello",
                     "http://web.example/hello", "-H", "Host: tracker.test")
    check(code == 0 and "test list" in out, f"requests on a kept connection: {out}")
    status = atlantic.status()
    check(status["counters"]["filter"]["blocked"] >= 5, f"counters: {status['counters']}")
    names_the_rule(atlantic)


def names_the_rule(atlantic):
    """Command line and log say which list and which rule it was."""
    done = atlantic.cli("filter", "check", "www.ads.example", "--json")
    check("test list" in done.stdout, f"filter check: {done.stdout}{done.stderr}")
    blocked = json.loads(atlantic.cli("blocked", "--json").stdout)["blocked"]
    check({row["kind"] for row in blocked} >= {"dns", "tls", "http"}, f"blocked: {blocked}")
    for row in blocked:
        check(row["list"] == "test list" and row["rule"] and row["name"], f"blocked: {row}")
    for kind in ("dns", "tls", "http"):
        lines = [line for line in atlantic.log().splitlines() if f"blocked kind={kind}" in line]
        check(lines, f"nothing in the log of {kind}")
        for line in lines:
            check('list="test list" rule="' in line, f"log: {line}")


def direct(lab):
    """A blocked name is blocked in DNS, TLS and HTTP, also when the address comes from elsewhere"""
    judge(lab, start(lab, DIRECT))


def unheard(lab):
    """A target whose request is blocked never hears of it, also behind an admitted name's address"""
    switched_on(lab)

    def to_web(packet):
        return packet[4] == WEB4 and packet[5] == 80
    with lab.capture() as captured:
        code, out = curl(lab, "--resolve", f"ads.example:80:{WEB4}", "http://ads.example/a",
                         "http://ads.example/b")
        check(code == 0 and out.count("test list") == 2, f"two refusals: {code} {out}")
    check(not any(map(to_web, captured.packets())), "the blocked target was connected to")


def through_socks5(lab):
    """The same through SOCKS5"""
    lab.microsocks()
    judge(lab, start(lab, socks5()))


def through_http(lab):
    """The same through HTTP CONNECT"""
    lab.tinyproxy()
    judge(lab, start(lab, http()))


def off_by_setting(lab):
    """With the filter off everything passes"""
    lab.web()
    lab.dns()
    lab.atlantic(config(lab, [DIRECT], filtered=False) + "filter: {enabled: false}\n").on()
    code, out = curl(lab, "http://ads.example/hello")
    check(code == 0 and out == "hello from ads.example\n", f"{code} {out}")


def hosts_file(lab):
    """A hosts file blocks exactly its names, and reload takes a changed list"""
    lab.web()
    lab.dns()
    lab.write("hosts.txt", "127.0.0.1 localhost\n0.0.0.0 ads.example\n")
    more = f"filter: {{builtin: false, lists: [{{name: hosts list, file: {lab.dir}/hosts.txt}}]}}\n"
    atlantic = lab.atlantic(config(lab, [DIRECT], more, filtered=False))
    atlantic.on()
    check(lab.look_up("ads.example") == "0.0.0.0", "the name itself")
    check(lab.look_up("www.ads.example") == WEB4, "hosts files speak of exact names")
    lab.write("hosts.txt", "0.0.0.0 www.ads.example\n")
    atlantic.reload()
    wait_for("the changed list", lambda: lab.look_up("www.ads.example") == "0.0.0.0")
    check(lab.look_up("ads.example") == WEB4, "removals take effect")


if __name__ == "__main__":
    sys.exit(main("filter", [direct, unheard, through_socks5, through_http, off_by_setting,
                             hosts_file]))
