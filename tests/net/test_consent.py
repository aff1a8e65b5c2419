"""Consent to the query log: nothing is kept before it is given, it survives, and it can be taken back."""

import glob
import json
import os
import pty
import signal
import sys
import time

from configs import DIRECT, config, switched_on
from lab import check, main, wait_for

NOBODY = 65534
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def consent(atlantic, *words, status=0):
    done = atlantic.cli("consent", *words, "--json")
    check(done.returncode == status, f"consent {words}: {done.returncode} {done.stdout}{done.stderr}")
    return json.loads(done.stdout) if done.stdout else None


def files(atlantic):
    return glob.glob(f"{atlantic.state_dir}/worker/query.db*")


def check_nothing_kept(lab, atlantic, why):
    check(lab.look_up("ads.example") == "0.0.0.0", "what is blocked stays blocked")
    done = atlantic.cli("log")
    check(done.returncode == 1 and "atlantic consent" in done.stderr, f"log: {done.stdout}{done.stderr}")
    said = atlantic.cli("status").stdout
    check("query log" in said and why in said, f"status: {said}")
    check(not files(atlantic), f"there are {files(atlantic)}")


def wait_entry(lab, atlantic):
    check(lab.look_up("ads.example") == "0.0.0.0", "what is blocked stays blocked")
    wait_for("an entry", lambda: "ads.example" in atlantic.cli("log", "--json").stdout)


def kill_all(atlantic):
    """Both halves at once, as a power failure does; then the service again."""
    pid = atlantic.worker_pid()
    for victim in (atlantic.process.pid, pid):
        os.kill(victim, signal.SIGKILL)
    atlantic.process.wait(60)
    wait_for("the worker's end", lambda: not os.path.exists(f"/proc/{pid}"))
    atlantic.start()
    atlantic.wait_state("on")


def at_terminal(lab, atlantic, answer):
    """`atlantic consent give`, as a person sees and answers it."""
    terminal, inside = pty.openpty()
    os.write(terminal, answer)
    done = atlantic.cli("consent", "give", stdin=inside)
    os.close(inside)
    os.close(terminal)
    return done


def as_member(lab, atlantic, *words):
    """The command line of a user who is in the group atlantic."""
    os.chmod(lab.dir, 0o755)
    return lab.app(["setpriv", "--reuid", str(NOBODY), "--regid", "atlantic", "--clear-groups",
                    f"{atlantic.build}/bin/atlantic", "--run-dir", atlantic.run_dir, *words])


def life(lab):
    """Without consent there is no log, and people are told; given, it outlives kills; withdrawn, all is gone"""
    atlantic = switched_on(lab)
    check_nothing_kept(lab, atlantic, "needs your consent")
    text = atlantic.cli("consent").stdout
    check("query log on this computer" in text and "not set: consent is required" in text, text)
    done = atlantic.cli("consent", "give", stdin=open(os.devnull, encoding="ascii"))
    check(done.returncode == 2 and "--yes" in done.stderr, f"nobody was asked: {done}")
    done = at_terminal(lab, atlantic, b"\n")
    check(done.returncode == 1 and "Do you agree?" in done.stdout, f"no answer is no yes: {done}")
    check(consent(atlantic)["state"] == "none", "and nothing was recorded")
    done = at_terminal(lab, atlantic, b"yes\n")
    check(done.returncode == 0 and "given" in done.stdout, f"yes: {done}")
    wait_entry(lab, atlantic)
    kill_all(atlantic)
    given = consent(atlantic)
    check(given["state"] == "given" and given["event"]["uid"] == 0 and
          given["event"]["version"] == given["version"], f"after a kill: {given}")
    check("ads.example" in atlantic.cli("log", "--json").stdout, "what was kept before")
    again = consent(atlantic, "give", "--yes")
    check(again["history"] == given["history"], "to say it twice changes nothing")
    check(consent(atlantic, "withdraw")["state"] == "withdrawn", "withdrawn")
    wait_for("the files to go", lambda: not files(atlantic))
    check_nothing_kept(lab, atlantic, "was withdrawn")
    kill_all(atlantic)
    check(consent(atlantic)["state"] == "withdrawn", "withdrawn for good")
    check_nothing_kept(lab, atlantic, "was withdrawn")
    done = as_member(lab, atlantic, "consent", "give", "--yes")
    check(done.returncode == 0, f"a member of the group: {done}")
    last = consent(atlantic)
    check([event["what"] for event in last["history"]] == ["given", "withdrawn", "given"], f"{last}")
    check(last["event"]["uid"] == NOBODY, f"who it was: {last['event']}")
    wait_entry(lab, atlantic)


def damage(lab):
    """A record that was damaged is no consent: what was kept goes, and it is said how to mend it"""
    atlantic = switched_on(lab)
    consent(atlantic, "give", "--yes")
    wait_entry(lab, atlantic)
    path = f"{atlantic.state_dir}/worker/consent"
    with open(path, "r+b") as file:
        file.seek(30)
        file.write(b"9")
    kill_all(atlantic)
    wait_for("the files to go", lambda: not files(atlantic))
    check_nothing_kept(lab, atlantic, "record of your consent cannot be read")
    check("the record of consent" in atlantic.log(), "the service's log says so")
    check(consent(atlantic)["state"] == "damaged", "damaged")
    check(consent(atlantic, "give", "--yes")["state"] == "given", "given anew")
    check(os.path.exists(f"{path}.damaged"), "the old one is put aside")
    wait_entry(lab, atlantic)


def regions(lab):
    """Each region's row of the table says whether a log is kept without consent; a reload counts"""
    with open(f"{ROOT}/blocklists/regions.json", encoding="utf-8") as file:
        rows = json.load(file)["regions"]
    lab.dns()
    text = config(lab, [DIRECT])
    atlantic = lab.atlantic(text)
    check(rows[-1]["codes"] == [] and rows[-1]["log_consent"], "the unknown region is strict")
    check({row["log_consent"] for row in rows} == {True, False}, "there are both kinds")
    for row in rows:
        for code in (row["codes"] or ["ZZ"])[:2]:
            with open(atlantic.config, "w", encoding="utf-8") as file:
                file.write(f"region: {code}\n{text}")
            atlantic.reload()
            log = wait_for(f"region {code}", lambda: consent(atlantic)["region"] == code and
                           consent(atlantic)["log"])
            asks = row["log_consent"]
            check(log["needs_consent"] == asks and log["mode"] == ("off" if asks else "blocked"),
                  f"{code}: {log}")
    check(atlantic.cli("log").returncode == 1, "no log for the last of them")


def workers(lab):
    """All workers obey what the first one was told, at once"""
    atlantic = switched_on(lab, more="workers: 3\nquery_log: {mode: all}\n")

    def fetch():
        for _ in range(12):  # of several ports, so for several workers
            lab.app(["curl", "-s", "--max-time", "30", "http://web.example/hello"])
    fetch()
    check_nothing_kept(lab, atlantic, "needs your consent")
    consent(atlantic, "give", "--yes")

    def requests():
        text = atlantic.cli("log", "--json", "--kind", "http", "--limit", "500").stdout
        return len(json.loads(text)) if text else 0
    wait_for("all requests", lambda: fetch() or requests() >= 24)
    consent(atlantic, "withdraw")
    fetch()
    wait_for("the files to go", lambda: not files(atlantic))
    fetch()
    time.sleep(1.5)  # entries are written after a second; nobody may do so
    check_nothing_kept(lab, atlantic, "was withdrawn")


if __name__ == "__main__":
    sys.exit(main("consent", [life, damage, regions, workers]))
