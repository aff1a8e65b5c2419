#!/usr/bin/env python3
"""Score atlantic-filter on corpora of requests and names with known verdicts.

    filter_rows.py PROGRAM [DATA_FOLDER] [--show N]

DATA_FOLDER, or $ATLANTIC_TEST_DATA, holds lists/ and requests/ (see the README files there). Scored are rows on which all
oracles agree, all DNS rows, and conformance rows of the tiers core and common; the others are
counted, for information. Exit: 0 all scored rows are right, 1 not, 77 there is no such folder.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

BLOCKED = {"block", "host"}
SCORED_TIERS = {"core", "common", "recommended"}


def read_text(path):
    if not os.path.exists(path):
        path += ".gz"
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return file.read()


def read_table(path):
    head, *lines = read_text(path).rstrip("\n").split("\n")
    names = head.split("\t")
    return [dict(zip(names, line.split("\t"))) for line in lines]


class Tool:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.scratch = tempfile.TemporaryDirectory()

    def file(self, name, text):
        path = os.path.join(self.scratch.name, name)
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return path

    def list(self, name):
        return self.file(name, read_text(os.path.join(self.folder, "lists", name)))

    def ask(self, lists, lines, *options):
        psl = self.list("public_suffix_list.dat")
        run = subprocess.run(
            [self.program, "check", "--batch", "--list", *lists, "--psl", psl, *options],
            input="".join(line + "\n" for line in lines), capture_output=True, check=True,
            encoding="utf-8", errors="surrogateescape")
        answers = [line.split("\t") for line in run.stdout.rstrip("\n").split("\n")]
        assert len(answers) == len(lines), (len(answers), len(lines), run.stderr)
        return answers


class Score:
    def __init__(self, show):
        self.show, self.is_right = show, True

    def tell(self, title, results, is_scored=True):
        wrong = [text for right, text in results if not right]
        total = len(results)
        print(f"{title}: {total - len(wrong)} of {total}" + ("" if is_scored else " (not scored)"))
        for text in wrong[:self.show]:
            print("   ", text)
        if is_scored and wrong:
            self.is_right = False


def score_requests(tool, score, name):
    rows = read_table(os.path.join(tool.folder, "requests", name))
    lists = [tool.list("easylist.txt"), tool.list("easyprivacy.txt")]
    answers = tool.ask(lists, ["\t".join((r["url"], r["source_url"], r["type"])) for r in rows])
    for agreement in ("all", "split"):
        results = [(answer[0] == row["verdict"],
                    f"{row['verdict']} {row['blocked_by']} {row['rule'][:80]} | {answer[0]} "
                    f"{answer[1][:80]} | {row['url'][:120]} {row['source_url'][:60]} {row['type']}")
                   for row, answer in zip(rows, answers)
                   if row["agreement"] == agreement and row["verdict"] != "disputed"]
        score.tell(f"{name} {agreement}", results, agreement == "all")


def score_dns(tool, score):
    name = "dns_adguardsdn_stevenblack.tsv"
    rows = read_table(os.path.join(tool.folder, "requests", name))
    sdn, hosts = tool.list("adguard-sdn-2019.txt"), tool.list("stevenblack-hosts-2019.txt")
    for column, lists in (("sdn", [sdn]), ("hosts", [hosts]), ("both", [sdn, hosts])):
        answers = tool.ask(lists, [row["host"] + "\tA\t\t\t" for row in rows], "--dns")
        results = [(answer[0] == row["verdict_" + column],
                    f"{row['host']} {row['verdict_' + column]} | {answer}")
                   for row, answer in zip(rows, answers)]
        score.tell(f"{name} {column}", results)


def answer_text(expected):
    if "cname" in expected:
        return "NOERROR;CNAME;" + expected["cname"]
    return ";".join((expected["rcode"], expected.get("type", ""), expected.get("value", "")))


def is_answer_right(row, answer):
    if row["expect"] != "rewrite":
        return True
    given = answer[3].split(", ") if len(answer) > 3 else []
    wanted = [answer_text(one) for one in row.get("answer") or []]
    return len(given) == len(wanted) and all(
        any(g == w or (w.endswith(";") and g.startswith(w)) for g in given) for w in wanted)


def score_conformance(tool, score, kind):
    path = os.path.join(tool.folder, "requests", f"conformance_{kind}.jsonl")
    results = {}
    for row in map(json.loads, read_text(path).splitlines()):
        rules = tool.file("rules.txt", "".join(rule + "\n" for rule in row["rules"]))
        if kind == "dns":
            query = row["query"]
            line = "\t".join((query["host"], query["qtype"], query["client_ip"],
                              query["client_name"], ",".join(query["tags"])))
            answer = tool.ask([rules], [line], "--dns")[0]
            right = answer[0] == row["expect"] and is_answer_right(row, answer)
        else:
            answer = tool.ask([rules], ["\t".join((row["url"], row["source"], row["type"]))])[0]
            right = answer[0] == row["expect"]
        text = f"{row['id']} {row['feature']} {row['rules']} expected {row['expect']}: {answer}"
        results.setdefault(row["tier"], []).append((right, text))
    for tier, rows in results.items():
        score.tell(f"conformance {kind} {tier}", rows, tier in SCORED_TIERS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder", nargs="?", default="")
    parser.add_argument("--show", type=int, default=10)
    options = parser.parse_args()
    options.folder = options.folder or os.environ.get("ATLANTIC_TEST_DATA", "")
    if not os.path.isdir(os.path.join(options.folder, "requests")):
        print("no corpora: set ATLANTIC_TEST_DATA to their folder")
        return 77
    tool, score = Tool(options.program, options.folder), Score(options.show)
    for name in ("real", "rulederived"):
        score_requests(tool, score, f"{name}_easylist_easyprivacy.tsv")
    score_dns(tool, score)
    for kind in ("network", "dns"):
        score_conformance(tool, score, kind)
    return 0 if score.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
