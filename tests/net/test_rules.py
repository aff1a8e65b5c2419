"""What a user decides in passing: pauses, allowed and denied names, schedules, explanations."""

import json
import sys
import time

from configs import DIRECT, config, switched_on
from lab import WEB4, check, main, wait_for


def page(lab, url):
    return lab.app(["curl", "-s", "--max-time", "30", "--connect-to", f"::{WEB4}:", url]).stdout


def do(atlantic, *words):
    done = atlantic.cli(*words, "--json")
    check(done.returncode == 0, f"{words}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["filter"]


def pause(lab):
    """A pause lets everything pass at once, ends by itself, and survives a killed worker"""
    atlantic = switched_on(lab)
    check(lab.look_up("ads.example") == "0.0.0.0", "blocked before")
    do(atlantic, "pause", "2h")
    check(lab.look_up("ads.example") == WEB4, "it passes at once")
    check(page(lab, "http://ads.example/hello") == "hello from ads.example\n", "and HTTP")
    check("paused for another" in atlantic.cli("status").stdout, "status says so")
    state = do(atlantic, "pause", "2s")
    check(state["state"] == "paused" and 0 < state["paused_left_ms"] <= 2000, f"state: {state}")
    wait_for("the end of the pause", lambda: lab.look_up("ads.example") == "0.0.0.0")
    check(do(atlantic, "rules")["state"] == "on", "it is over")

    do(atlantic, "pause", "1h")
    atlantic.kill_worker()
    check(do(atlantic, "rules")["state"] == "paused", "another worker knows of it")
    check(lab.look_up("ads.example") == WEB4, "and obeys")
    check(do(atlantic, "resume")["state"] == "on", "resumed")
    check(lab.look_up("ads.example") == "0.0.0.0", "blocked again at once")
    check(atlantic.cli("pause", "5x").returncode == 2, "a time that is none")


def names(lab):
    """Allowed and denied names beat the lists at once, for a while or for ever, over restarts"""
    atlantic = switched_on(lab)
    out = page(lab, "http://www.ads.example/hello")
    check("atlantic allow www.ads.example" in out, f"the page says how: {out}")
    do(atlantic, "allow", "ADS.example.")
    check(lab.look_up("www.ads.example") == WEB4, "DNS")
    check(page(lab, "http://www.ads.example/hello") == "hello from www.ads.example\n", "HTTP")
    do(atlantic, "deny", "www.ads.example", "--for", "2h")
    check(lab.look_up("www.ads.example") == "0.0.0.0", "the longer name decides")
    check(lab.look_up("ads.example") == WEB4, "and speaks of nothing else")
    out = page(lab, "http://www.ads.example/hello")
    check("your rules" in out and "deny www.ads.example" in out, f"the page names the rule: {out}")
    check("deny www.ads.example, for another" in atlantic.cli("status").stdout, "status")
    do(atlantic, "deny", "www.ads.example", "--for", "2s")
    wait_for("the end of the rule", lambda: lab.look_up("www.ads.example") == WEB4)
    do(atlantic, "deny", "web.example")
    atlantic.kill_worker()
    rules = {row["name"]: row["verdict"] for row in do(atlantic, "rules")["rules"]}
    check(rules == {"ads.example": "allow", "web.example": "deny"}, f"kept: {rules}")
    check(lab.look_up("web.example") == "0.0.0.0" and lab.look_up("ads.example") == WEB4, "obeyed")
    do(atlantic, "resume", "ads.example")
    check(lab.look_up("ads.example") == "0.0.0.0", "the list's again")
    done = atlantic.cli("resume", "ads.example")
    check(done.returncode == 2 and "no rule" in done.stderr, f"{done}")


def explained(lab):
    """filter explain tells all rules of all lists, which of them wins, and whether it is paused"""
    lab.write("more.txt", "||ads.example^\n@@||www.ads.example^\n||web.example/banner^\n")
    more = f"    - {{name: more, file: {lab.dir}/more.txt, format: adblock}}\n  allow:"
    lab.web()
    lab.dns()
    atlantic = lab.atlantic(config(lab, [DIRECT]).replace("  allow:", more))
    atlantic.on()

    def explain(asked):
        done = atlantic.cli("filter", "explain", asked, "--json")
        check(done.returncode == 0, f"explain: {done.stderr}")
        return json.loads(done.stdout)
    told = explain("www.ads.example")
    found = {(row["list"], row["rule"], row["verdict"]) for row in told["matches"]}
    check(found == {("test list", "ads.example", "block"), ("more", "||ads.example^", "block"),
                    ("more", "@@||www.ads.example^", "allow")}, f"matches: {found}")
    check(told["verdict"] == "allow" and told["rule"] == "@@||www.ads.example^", f"{told}")
    do(atlantic, "deny", "ads.example")
    told = explain("www.ads.example")
    check(len(told["matches"]) == 4 and told["verdict"] == "block", f"{told}")
    check(told["list"] == "your rules" and told["rule"] == "deny ads.example", f"{told}")
    told = explain("http://web.example/banner/a.js")
    check(told["verdict"] == "block" and told["list"] == "more", f"{told}")
    text = atlantic.cli("filter", "explain", "www.ads.example").stdout
    check("wins  block" in text, text)
    do(atlantic, "pause", "1h")
    told = explain("www.ads.example")
    check(told["verdict"] == "none" and told["filter"]["state"] == "paused", f"{told}")


def schedules(lab):
    """Schedules take lists, or the filter as a whole, out of force and bring them back"""
    now = time.localtime()
    names_of_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    # Midnight may come during the case.
    today = f"{names_of_days[now.tm_wday]}, {names_of_days[(now.tm_wday + 1) % 7]}"
    lab.write("hosts.txt", "0.0.0.0 other.example\n")
    extra = f"    - {{name: hosts, file: {lab.dir}/hosts.txt, category: social}}\n  allow:"
    plain = config(lab, [DIRECT]).replace("  allow:", extra)
    lab.web()
    lab.dns()
    atlantic = lab.atlantic(plain + f"  schedules: [{{days: [{today}], filter: off}}]\n")
    atlantic.on()
    check(lab.look_up("ads.example") == WEB4, "the whole filter is off")
    check(do(atlantic, "rules")["state"] == "scheduled off", "and says so")

    def reload(schedule):
        lab.write("atlantic.yaml", plain + f"  schedules: [{schedule}]\n")
        atlantic.reload()
    reload(f"{{days: [{today}], categories: [social], filter: off}}")
    wait_for("the list to go", lambda: lab.look_up("other.example") == WEB4)
    check(lab.look_up("ads.example") == "0.0.0.0", "the others stay")
    reload(f"{{days: [{today}], lists: [hosts]}}")
    wait_for("the list to come", lambda: lab.look_up("other.example") == "0.0.0.0")
    lab.write("atlantic.yaml", plain + "  schedules: [{lists: [nowhere]}]\n")
    done = atlantic.cli("reload")
    check(done.returncode != 0 and "no list called 'nowhere'" in done.stderr, f"{done}")


if __name__ == "__main__":
    sys.exit(main("rules", [pause, names, explained, schedules]))
