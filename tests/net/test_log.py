"""The query log: what is in it, how it is found, and that nothing which happens to it matters."""

import json
import os
import shutil
import signal
import subprocess
import sys

from configs import DIRECT, config, switched_on
from lab import DNS4, WEB4, Atlantic, check, main, wait_for


REGION = "region: US\n"  # where no consent is needed; that has a test of its own


def start(lab, settings="mode: all", more=""):
    return switched_on(lab, more=f"{REGION}query_log: {{{settings}}}\n{more}")


def get(lab, url):
    return lab.app(["curl", "-s", "--max-time", "30", "--cacert", f"{lab.dir}/ca.pem",
                    "--connect-to", f"::{WEB4}:", url]).stdout


def status_apps(atlantic):
    return json.loads(atlantic.cli("status", "--json").stdout)["counters"]["apps"]


def rows(atlantic, *words):
    done = atlantic.cli("log", "--json", *words)
    check(done.returncode == 0, f"log {words}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def wait_rows(atlantic, count, *words):
    return wait_for(f"{count} rows {words}",
                    lambda: len(found := rows(atlantic, *words)) >= count and found)


def everything(lab):
    """Questions, requests and conversations are found by name, list, verdict, kind and time"""
    atlantic = start(lab)
    lab.look_up("ads.example")
    lab.look_up("web.example")
    get(lab, "http://www.ads.example/banner.js?token=secret")
    get(lab, "http://web.example/hello?token=secret")
    get(lab, "https://tracker.test/hello")
    get(lab, "https://web.example/hello")
    wanted = {("dns", "ads.example", "block"), ("dns", "web.example", "pass"),
              ("http", "www.ads.example", "block"), ("http", "web.example", "pass"),
              ("tls", "tracker.test", "block"), ("tcp", "web.example", "pass")}
    wait_for(f"{wanted} to be among the rows", lambda: wanted <= {
        (row["kind"], row["name"], row["verdict"]) for row in rows(atlantic)})
    found = rows(atlantic)
    check("secret" not in json.dumps(found), "what stands behind a ? is in the log")
    check([row["id"] for row in found] == sorted(row["id"] for row in found), "oldest first")
    by_name = {row["kind"]: row for row in rows(atlantic, "--name", "ads.example")}
    check(set(by_name) == {"dns", "http"}, f"by name: {by_name}")
    check(by_name["dns"]["type"] == "A" and by_name["dns"]["rule"] == "ads.example", f"{by_name}")
    check(by_name["http"]["path"] == "/banner.js", f"{by_name}")
    answer = rows(atlantic, "--name", "web.example", "--kind", "dns")[0]
    check(answer["answer"] == WEB4, f"the answer: {answer}")
    check(answer["upstream"] == f"{DNS4}:853", f"the server that gave it: {answer}")
    check(rows(atlantic, "--kind", "tcp")[0]["upstream"] == "direct", "the upstream")
    check({row["verdict"] for row in rows(atlantic, "--list", "test list")} == {"block"}, "by list")
    check(len(rows(atlantic, "--limit", "2")) == 2, "a limit")
    check(rows(atlantic, "--since", "2099-01-01") == [], "of the future")
    check(len(rows(atlantic, "--since", "1h")) == len(rows(atlantic)), "of the last hour")
    check({row["app"] for row in found} <= {"dig", "curl", ""}, f"programs: {found}")
    client = found[0]["client"]
    check(rows(atlantic, "--app", client) and not rows(atlantic, "--app", "192.0.2.99"), "by app")
    counts = json.loads(atlantic.cli("log", "--counts", "--json").stdout)["counts"]
    check(counts == [{"list": "test list", "verdict": "block", "count": 3}], f"counts: {counts}")
    text = atlantic.cli("log").stdout
    check("VERDICT" in text and "test list: ads.example" in text, text)
    do = atlantic.cli("allow", "ads.example")
    check(do.returncode == 0, do.stderr)
    lab.look_up("ads.example")
    allowed = wait_rows(atlantic, 1, "--verdict", "allow")
    check(allowed[0]["rule"] == "allow ads.example", f"an exception says which: {allowed}")


def by_default(lab):
    """Without a setting what was blocked is logged, and nothing of what was not"""
    atlantic = switched_on(lab, more=REGION)
    lab.look_up("web.example")
    get(lab, "http://web.example/hello")
    lab.look_up("ads.example")
    found = wait_rows(atlantic, 1)
    check([row["name"] for row in found] == ["ads.example"], f"{found}")
    check(b"web.example" not in open(f"{atlantic.state_dir}/worker/query.db-wal", "rb").read(),
          "a name that passed is on the disk")
    lab.write("atlantic.yaml", config(lab, [DIRECT], "query_log: {mode: off}\n"))
    atlantic.reload()
    wait_for("the file to go",
             lambda: not os.path.exists(f"{atlantic.state_dir}/worker/query.db"))
    done = atlantic.cli("log")
    check(done.returncode == 1 and "query_log.mode" in done.stderr, f"{done}")


def hashed(lab):
    """Hashed names can be looked for, and no name is in the file"""
    atlantic = start(lab, "mode: all, names: hashed")
    lab.look_up("ads.example")
    lab.look_up("web.example")
    get(lab, "http://web.example/hello")
    wait_rows(atlantic, 3)
    found = rows(atlantic, "--name", "ads.example")
    check(len(found) == 1 and found[0]["name"].startswith("#"), f"{found}")
    for name in os.listdir(f"{atlantic.state_dir}/worker"):
        if name.startswith("query"):
            with open(f"{atlantic.state_dir}/worker/{name}", "rb") as file:
                data = file.read()
            check(b"web.example" not in data and b"ads.example" not in data, f"{name} has a name")


def open_page(lab, program, name, *options, user=0):
    """Ask for a page of that name and stay: a program that is gone cannot be found."""
    command = [f"{lab.dir}/{program}", "-sN", *options, f"telnet://{WEB4}:80"]
    identity = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
    process = lab.start(lab.host, identity + command, stdin=subprocess.PIPE)
    process.stdin.write(f"GET /hello HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    process.stdin.flush()


def copy_program(lab, program, name):
    shutil.copy(shutil.which(program), f"{lab.dir}/{name}")
    os.chmod(lab.dir, 0o755)


class Until:
    """Does something once, and again for each program that was not named since: what takes the service too
    long to find out is not waited for, which happens where a machine is busy."""

    def __init__(self, atlantic, do):
        self.atlantic, self.do, self.count = atlantic, do, 0
        self.before = status_apps(atlantic)

    def are_named(self, wanted=1):
        apps = status_apps(self.atlantic)
        while self.count < wanted + apps["unnamed"] - self.before["unnamed"]:
            self.do()
            self.count += 1
        return apps["named"] - self.before["named"] >= wanted


def page_is_named(lab, atlantic, program, *words, **options):
    pages = Until(atlantic, lambda: open_page(lab, program, *words, **options))
    wait_for(f"the name of {program}", pages.are_named)


def programs(lab):
    """Rows name the program that asked and whose it was, by whichever door, and are found by it"""
    atlantic = start(lab)
    for program, name in (("curl", "browser"), ("curl", "mail-reader"), ("curl", "by-proxy"),
                          ("dig", "resolver")):
        copy_program(lab, program, name)
    page_is_named(lab, atlantic, "browser", "web.example", user=12345)
    page_is_named(lab, atlantic, "mail-reader", "www.ads.example")
    page_is_named(lab, atlantic, "by-proxy", "other.example", "-p", "-x", "http://127.0.0.1:1080")
    unbound = next(process for process in lab.processes if "unbound" in process.args)
    os.kill(unbound.pid, signal.SIGSTOP)  # the one who asks has to wait
    asking = Until(atlantic, lambda: lab.start(lab.host, [f"{lab.dir}/resolver", "+time=60", "+tries=1",
                                                          "@192.0.2.1", "other.example"]))
    wait_for("the name of who asks", asking.are_named)
    os.kill(unbound.pid, signal.SIGCONT)
    for app, kind, name, verdict in (("browser", "http", "web.example", "pass"),
                                     ("mail-reader", "http", "www.ads.example", "block"),
                                     ("by-proxy", "http", "other.example", "pass"),
                                     ("resolver", "dns", "other.example", "pass")):
        row = wait_rows(atlantic, 1, "--app", app)[0]
        check((row["app"], row["kind"], row["name"], row["verdict"]) == (app, kind, name, verdict),
              f"{row}")
        check(row["user"] == (12345 if app == "browser" else 0), f"{row}")
    check("browser" in atlantic.cli("log", "--app", "browser").stdout, "the table")


class Confined(Atlantic):
    """With the capabilities that the unit file gives it, and no more."""

    with open(f"{os.path.dirname(__file__)}/../../packaging/systemd/atlanticd.service.in",
              encoding="ascii") as unit:
        names = next(line for line in unit if line.startswith("CapabilityBoundingSet=")).strip()
    rights = ",".join(f"+{name[4:].lower()}" for name in names.split("=")[1].split())
    wrapper = ("setpriv", "--bounding-set", f"-all,{rights}", "--no-new-privs")


def programs_by_the_unit(lab):
    """With the unit's capabilities alone users' programs are named; of root's the user is known"""
    lab.web()
    lab.dns()
    atlantic = Confined(lab, config(lab, [DIRECT], f"{REGION}query_log: {{mode: all}}\n"), (), True)
    atlantic.on()
    copy_program(lab, "curl", "browser")
    page_is_named(lab, atlantic, "browser", "web.example", user=12345)
    row = wait_rows(atlantic, 1, "--app", "browser")[0]
    check(row["user"] == 12345 and row["name"] == "web.example", f"{row}")
    open_page(lab, "browser", "other.example")
    row = wait_rows(atlantic, 1, "--name", "other.example", "--kind", "http")[0]
    check(row["app"] == "" and row["user"] == 0, f"{row}")


def several_workers(lab):
    """Each of several workers asks for itself, and status counts what all of them wrote"""
    atlantic = start(lab, more="workers: 2\n")
    copy_program(lab, "curl", "browser")
    pages = Until(atlantic, lambda: open_page(lab, "browser", "web.example"))
    wait_for("all eight to be named", lambda: pages.are_named(8))
    found = wait_rows(atlantic, 8, "--app", "browser")
    status = json.loads(atlantic.cli("status", "--json").stdout)
    check(len(status["workers"]) == 2, f"{status['workers']}")
    wait_for("all to be counted", lambda: json.loads(
        atlantic.cli("status", "--json").stdout)["log"]["written"] >= len(found))
    # More than one for each if some were slow: what was learned is kept for a moment only.
    check(status_apps(atlantic)["named"] < 2 * pages.count, f"{status_apps(atlantic)}")


def no_programs(lab):
    """A log that may not name programs does not ask for them"""
    atlantic = start(lab, "mode: all, apps: false")
    copy_program(lab, "curl", "browser")
    open_page(lab, "browser", "web.example")
    row = wait_rows(atlantic, 1, "--kind", "http")[0]
    check(row["app"] == "" and row["user"] is None and row["client"], f"{row}")
    check(status_apps(atlantic)["asked"] == 0, "asked all the same")


def survives(lab):
    """A killed worker loses no more than the last moment; a damaged log is begun anew, and said so"""
    atlantic = start(lab)
    lab.look_up("ads.example")
    wait_rows(atlantic, 1, "--name", "ads.example")
    atlantic.kill_worker()
    lab.look_up("tracker.test")
    wait_rows(atlantic, 1, "--name", "tracker.test")
    check(rows(atlantic, "--name", "ads.example"), "what was written before")
    path = f"{atlantic.state_dir}/worker/query.db"
    pid = int(atlantic.status()["worker_pid"])
    os.kill(pid, signal.SIGSTOP)
    with open(path, "r+b") as file:
        file.write(b"not a database" * 1000)
    os.unlink(f"{path}-wal")  # where a copy of the damaged pages may be
    os.kill(pid, signal.SIGKILL)
    wait_for("another worker", lambda: atlantic.status()["state"] == "on"
             and atlantic.status()["worker_pid"] not in (0, pid))
    lab.look_up("ads.example")
    wait_rows(atlantic, 1, "--name", "ads.example")
    log = json.loads(atlantic.cli("log", "--counts", "--json").stdout)["log"]
    check(log["was_damaged"] and os.path.exists(f"{path}.damaged"), f"{log}")
    check("put aside" in atlantic.cli("status").stdout, "status says so")


if __name__ == "__main__":
    sys.exit(main("log", [everything, by_default, hashed, programs, programs_by_the_unit,
                          several_workers, no_programs, survives]))
