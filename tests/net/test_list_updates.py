"""Lists by URL: downloaded through the tunnel, refused when they are none, the last good one kept."""

import glob
import json
import os
import sys

from configs import DIRECT, config, socks5
from lab import WEB4, WEB6, check, main, to_upstream, wait_for

LIST = """
filter:
  builtin: false
  update_every: %s
  ca_file: %s/ca.pem
  lists:
    - {name: one, url: "https://web.example/lists/one.txt", format: domains, category: trackers}
%s"""


def nginx(lab):
    """Like lab.web, with the misbehaviour that lists meet."""
    lab.make_ca()
    os.makedirs(f"{lab.dir}/www/lists", exist_ok=True)
    conf = lab.write("lists.conf", f"""
        daemon off; master_process off; pid {lab.dir}/lists.pid; error_log stderr;
        events {{ worker_connections 512; }}
        http {{
            log_format head '$status $uri $http_if_none_match $http_if_modified_since';
            access_log {lab.dir}/lists.log head;
            client_body_temp_path {lab.dir}/body; proxy_temp_path {lab.dir}/p1;
            fastcgi_temp_path {lab.dir}/p2; uwsgi_temp_path {lab.dir}/p3;
            scgi_temp_path {lab.dir}/p4;
            server {{
                listen {WEB4}:80; listen {WEB4}:443 ssl; listen [{WEB6}]:80; listen [{WEB6}]:443 ssl;
                ssl_certificate {lab.dir}/leaf.pem; ssl_certificate_key {lab.dir}/leaf.key;
                root {lab.dir}/www; default_type text/plain;
                location = /lists/page {{ default_type text/html; return 200 "<html>moved</html>"; }}
                location = /lists/error {{ return 500; }}
                location = /lists/slow {{ limit_rate 200; alias {lab.dir}/www/lists/big.txt; }}
                location = /lists/hop {{ return 302 https://web.example/lists/one.txt; }}
                location = /lists/down {{ return 302 http://web.example/lists/one.txt; }}
            }}
        }}""")
    return lab.nginx(conf, [(web, port) for web in (WEB4, WEB6) for port in (80, 443)])


def requests(lab):
    with open(f"{lab.dir}/lists.log", encoding="utf-8") as file:
        return file.read().splitlines()


def publish(lab, *names, path="one.txt"):
    lab.write(f"www/lists/{path}", "# a list\n" + "".join(f"{name}\n" for name in names))


def more_lists(**places):
    return "".join(f"    - {{name: {name}, url: \"https://web.example/lists/{place}\"}}\n"
                   for name, place in places.items())


def start(lab, upstream=DIRECT, every="1d", more=""):
    lab.dns()
    nginx(lab)
    publish(lab, "ads.example")
    text = config(lab, [upstream], LIST % (every, lab.dir, more), filtered=False)
    atlantic = lab.atlantic(text)
    atlantic.on()
    wait_for("the first list", lambda: is_blocked(lab, "ads.example"))
    return atlantic


def is_blocked(lab, name):
    return lab.look_up(name) == "0.0.0.0"


def lists(atlantic):
    done = atlantic.cli("lists", "--json")
    check(done.returncode == 0, f"lists: {done.stdout}{done.stderr}")
    return {row["name"]: row for row in json.loads(done.stdout)["lists"]}


def update(atlantic, *words, wanted=0):
    done = atlantic.cli("lists", "update", *words)
    check(done.returncode == wanted, f"lists update: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout


def kept(atlantic):
    return glob.glob(f"{atlantic.state_dir}/worker/list-" + "[0-9a-f]" * 16)


def through_the_upstream(lab):
    """A list comes through the upstream alone, conditionally after the first time, and is in force"""
    lab.microsocks()
    atlantic = start(lab, socks5())
    with lab.capture() as captured:
        row = lists(atlantic)["one"]
        check(row["names"] == 1 and row["category"] == "trackers" and row["update"]["changed"],
              f"{row}")
        update(atlantic, "one")
        publish(lab, "other.example")
        update(atlantic)
        wait_for("the new list", lambda: is_blocked(lab, "other.example"))
        check(not is_blocked(lab, "ads.example"), "removals take effect")
    leaks = captured.leaks(to_upstream())
    check(not leaks, f"past the upstream: {leaks}")
    # The server writes its log when it has answered already.
    wait_for("three requests", lambda: len(requests(lab)) >= 3)
    seen = [line.split(" ")[0] for line in requests(lab)]
    check(seen == ["200", "304", "200"], f"{requests(lab)}")
    text = atlantic.cli("lists").stdout
    check("one" in text and "trackers" in text and "ok" in text, text)


def refused(lab):
    """Web pages, empty, cut, huge and missing answers are refused and told; the last good list stays"""
    bad = {"page": "page", "error": "error", "gone": "gone", "empty": "empty.txt",
           "html": "html.txt", "huge": "huge.txt", "binary": "binary.txt", "down": "down"}
    os.makedirs(f"{lab.dir}/www/lists", exist_ok=True)
    lab.write("www/lists/empty.txt", "")
    lab.write("www/lists/html.txt", "<!DOCTYPE html>\n<html><body>sign in</body></html>\n")
    with open(f"{lab.dir}/www/lists/huge.txt", "wb") as file:
        file.truncate(65 * 1024 * 1024)
    with open(f"{lab.dir}/www/lists/binary.txt", "wb") as file:
        file.write(bytes(range(256)) * 16)
    atlantic = start(lab, more=more_lists(hop="hop", **bad))
    wait_for("all to be tried", lambda: (found := lists(atlantic))["hop"]["names"] and all(
        found[name]["update"]["failures"] for name in bad), 240)
    rows = lists(atlantic)
    for name in bad:
        check(bad[name] in rows[name]["update"]["error"] and rows[name]["names"] == 0,
              f"{name}: {rows[name]}")
    check(rows["hop"]["names"] == 1 and rows["hop"]["update"]["failures"] == 0, f"{rows['hop']}")
    check(len(kept(atlantic)) == 2, f"{kept(atlantic)}")
    # The good one goes bad.
    lab.write("www/lists/one.txt", "<!DOCTYPE html>\n<html><body>sign in</body></html>\n")
    out = update(atlantic, "one", wanted=1)
    check("one" in out and "failed" in out, out)
    check(is_blocked(lab, "ads.example"), "the last good list is gone")
    check(lists(atlantic)["one"]["names"] == 1, f"{lists(atlantic)['one']}")
    publish(lab, "ads.example", "other.example")
    update(atlantic, "one")
    wait_for("the good list", lambda: is_blocked(lab, "other.example"))


def slow(lab):
    """A slow server holds up nobody else, and a kill in the middle leaves no part of its list"""
    publish_big = "".join(f"host{i}.slow.example\n" for i in range(2000))
    os.makedirs(f"{lab.dir}/www/lists", exist_ok=True)
    lab.write("www/lists/big.txt", publish_big)
    atlantic = start(lab, more=more_lists(slow="slow"))
    wait_for("the slow one", lambda: lists(atlantic)["slow"]["update"]["running"])
    publish(lab, "ads.example", "other.example")
    update(atlantic, "one")
    wait_for("the quick list", lambda: is_blocked(lab, "other.example"))
    atlantic.kill_worker()
    check(is_blocked(lab, "other.example"), "after the kill")
    check(len(kept(atlantic)) == 1, f"{kept(atlantic)}")
    wait_for("the slow one again", lambda: lists(atlantic)["slow"]["update"]["running"])


def restarted(lab):
    """A restart remembers when lists are due, and needs no server to have them in force"""
    atlantic = start(lab)
    due = lists(atlantic)["one"]["update"]["due"]
    atlantic.kill_worker()
    check(is_blocked(lab, "ads.example"), "after the restart")
    check(lists(atlantic)["one"]["update"]["due"] == due, f"{due}: {lists(atlantic)}")
    check(len(requests(lab)) == 1, f"asked again: {requests(lab)}")


def by_itself(lab):
    """Lists are asked for again when they are due"""
    atlantic = start(lab, every="2s")
    publish(lab, "other.example")
    wait_for("the update", lambda: is_blocked(lab, "other.example"))
    check(lists(atlantic)["one"]["update"]["failures"] == 0, f"{lists(atlantic)}")


def own_rules(lab):
    """Rules of the user's own count beside the lists; a list that is taken out leaves nothing"""
    atlantic = start(lab)
    with open(atlantic.config, encoding="utf-8") as file:
        text = file.read()
    rules = "  rules: ['||other.example^', '@@||ads.example^']\n"
    with open(atlantic.config, "w", encoding="utf-8") as file:
        file.write(text + rules)
    atlantic.reload()
    wait_for("the rules", lambda: is_blocked(lab, "other.example"))
    check(not is_blocked(lab, "ads.example"), "an exception of one's own")
    with open(atlantic.config, "w", encoding="utf-8") as file:
        file.write(text[:text.index("  lists:")])
    atlantic.reload()
    wait_for("the removal", lambda: not is_blocked(lab, "other.example"))
    wait_for("what was kept to go", lambda: not kept(atlantic))


if __name__ == "__main__":
    sys.exit(main("updates", [through_the_upstream, refused, slow, restarted, by_itself, own_rules]))
