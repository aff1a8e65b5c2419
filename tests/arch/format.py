"""All C files are as clang-format leaves them.

    format.py ROOT | --self-test

Skipped without clang-format, and with a version for which .clang-format was not tried: versions
differ in details, and the tree cannot please all of them."""

import pathlib
import re
import shutil
import subprocess
import sys

import tree

TRIED_VERSIONS = {14}  # Debian 12


def version():
    tool = shutil.which("clang-format")
    if not tool:
        return None
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", said).group(1))


def check(root):
    names = tree.files(root, {".c", ".h"})
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=root,
                            capture_output=True, text=True, check=False)
    if result.returncode:
        yield from sorted(set(re.findall(r"^(\S+?:\d+):\d+: error: .*", result.stderr, re.M)))


def self_test():
    style = pathlib.Path(__file__).parents[2].joinpath(".clang-format").read_text(encoding="utf-8")
    good = {".clang-format": style, "base/a.c": "int f(void)\n{\n    return 1;\n}\n"}
    bad = [{".clang-format": style, "base/a.c": "int f(void) {\n    return 1;\n}\n"},
           {".clang-format": style, "base/a.h": "int f (void);\n"}]
    tree.must_find(check, good, bad)


if __name__ == "__main__":
    if version() not in TRIED_VERSIONS:
        print(f"skipped: clang-format version {version()}")
        sys.exit(tree.SKIPPED)
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        tree.report(check(sys.argv[1]))
