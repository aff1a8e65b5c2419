#!/usr/bin/env python3
"""The batch mode of atlantic-filter: one line out for each line in, whatever stands in it.

Usage: test_filter_batch.py ATLANTIC_FILTER
"""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = sys.argv.pop(1)


class Batch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def list(self, name, data):
        path = Path(self.folder.name) / name
        path.write_bytes(data)
        return str(path)

    def ask(self, lines, *arguments):
        got = subprocess.run([TOOL, "check", "--batch", *arguments], input=lines, check=False,
                             capture_output=True, timeout=60)
        self.assertGreaterEqual(got.returncode, 0, "ended by a signal")
        return got.returncode, got.stdout.decode().splitlines(), got.stderr.decode()

    def verdicts(self, lines, *arguments):
        status, rows, _ = self.ask(lines, *arguments)
        self.assertEqual(status, 0)
        for row in rows:
            self.assertGreaterEqual(row.count("\t"), 2)
        return [row.split("\t")[0] for row in rows]

    def test_requests(self):
        rules = self.list("rules", "||ads.example^\n||b\u00fccher.example^\n".encode())
        rows = [
            (b"https://ads.example/x\thttps://n.com/\tscript", "block"),
            (b"https://ads.example/x\thttps://n.com/\tscript\r", "block"),
            (b"https://ads.example/x", "block"),
            (b"https://ads.example/x\t\tno-such-type", "block"),
            (b"https://ads.example/x\t\tSCRIPT\tmore\tcolumns\tthan\tknown", "block"),
            (b"HTTPS://ADS.EXAMPLE", "block"),
            ("https://b\u00fccher.example/\u00e9".encode(), "block"),
            (b"https://xn--bcher-kva.example/\xff\xfe", "block"),
            (b"https://b\xff.example/", "none"),
            (b"", "none"),
            (b"\r", "none"),
            (b"\t\t", "none"),
            (b"\t\tscript", "none"),
            (b"no url\tnor page\timage", "none"),
            (b"https://[::1/x\t:::\t", "none"),
            (b"://", "none"),
            (b"https://n.com/\0/x", "none"),
            (b"https://n.com/" + b"a" * 200000, "none"),
            (b"https://n.com/without-an-end-of-line", "none"),
        ]
        lines = b"\n".join(row for row, _ in rows)
        for header in (b"", b"url\tsource_url\ttype\n", b"\xef\xbb\xbfurl\tsource_url\ttype\r\n"):
            got = self.verdicts(header + lines, "--list", rules)
            self.assertEqual(got, [verdict for _, verdict in rows])

    def test_names(self):
        first = self.list("first", b"\xef\xbb\xbf||ads.example^\r\n||xn--bcher-kva.example^\r\n")
        second = self.list("second", b"0.0.0.0 tracker.example other.example\r\n")
        rows = [
            (b"ads.example\tA\t192.0.2.1\tpc\tuser_child", "block"),
            (b"ads.example", "block"),
            (b" ADS.Example. \tno-such-type\tno address\t\t\r", "block"),
            ("b\u00fccher.example".encode(), "block"),
            (b"other.example\tAAAA", "host"),
            (b"", "none"),
            (b".", "none"),
            (b"..\tA", "none"),
            (b"x..example", "none"),
            (b"a" * 600, "none"),
            (b"a." * 300, "none"),
            (b"192.0.2.1", "none"),
            (b"2001:db8::1", "none"),
        ]
        lines = b"\n".join(row for row, _ in rows)
        for header in (b"", b"host\tqtype\tclient_ip\tclient_name\ttags\n"):
            got = self.verdicts(header + lines, "--dns", "--list", first, "--list", second)
            self.assertEqual(got, [verdict for _, verdict in rows])

    def test_types(self):
        for option, words in (
            ("document", "document doc main_frame"),
            ("subdocument", "subdocument frame iframe sub_frame"),
            ("image", "image imageset Image"),
            ("stylesheet", "stylesheet css style"),
            ("xmlhttprequest", "xmlhttprequest xhr fetch"),
            ("media", "media audio video"),
            ("ping", "ping beacon"),
            ("object", "object embed"),
            ("other", "other csp_report no-such-type"),
        ):
            rules = self.list("rules", f"||ads.example^${option}\n".encode())
            lines = "".join(f"https://ads.example/\t https://n.com/\t{word} \n"
                            for word in words.split())
            got = self.verdicts(lines.encode(), "--list", rules)
            self.assertEqual(got, ["block"] * len(words.split()))

    def test_clients(self):
        rules = self.list("rules", b"||a.example^$client=192.0.2.0/24|2001:db8::/32|'Frank\\'s pc'\n"
                                   b"||b.example^$ctag=user_child\n")
        rows = [
            (b"a.example\tA\t192.0.2.9", "block"),
            (b"a.example\tA\t 192.0.2.9 ", "block"),
            (b"a.example\tA\t2001:DB8:0:0::9", "block"),
            (b"a.example\tA\t192.0.3.9", "none"),
            (b"a.example\tA\t\tFrank's pc", "block"),
            (b"a.example\tA\t\tFrank", "none"),
            (b"b.example\tA\t\t\tos_linux, user_child", "block"),
            (b"b.example\tA\t\t\tuser_children", "none"),
        ]
        got = self.verdicts(b"\n".join(row for row, _ in rows), "--dns", "--list", rules)
        self.assertEqual(got, [verdict for _, verdict in rows])

    def test_first_name(self):
        rules = self.list("rules", b"|host^\n")
        for line, verdicts in ((b"host\tA", ["block"]), (b"host\t28\n", ["block"]), (b"host", []),
                               (b"HOST\tqtype\nhost", ["block"])):
            self.assertEqual(self.verdicts(line, "--dns", "--list", rules), verdicts)

    def test_bad_lists(self):
        good = self.list("good", b"||ads.example^\n")
        for name, data, word in (
            ("page", b"<!doctype html><html>", "web page"),
            ("packed", b"\x1f\x8b\x08\0\0", "unpack"),
            ("wide", "||ads.example^".encode("utf-16"), "UTF-16"),
            ("noise", bytes(range(256)) * 8, "not text"),
        ):
            bad = self.list(name, data)
            status, rows, said = self.ask(b"https://ads.example/\n", "--list", bad)
            self.assertEqual((status, rows), (1, []))
            self.assertIn(bad, said)
            self.assertIn(word, said)
            status, rows, said = self.ask(b"https://ads.example/\n", "--list", good, bad)
            self.assertEqual(status, 0, "the others are in force")
            self.assertTrue(rows[0].startswith("block\t"))
            self.assertIn(bad, said)

    def test_wrong_format(self):
        rules = self.list("rules", b"||ads.example^\n||tracker.example^\n")
        _, _, said = self.ask(b"", "--format", "hosts", "--list", rules)
        self.assertIn(rules, said)
        self.assertIn('"hosts"', said)


if __name__ == "__main__":
    unittest.main()
