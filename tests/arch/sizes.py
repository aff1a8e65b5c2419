"""No C file over 500 lines, no function over 80.

    sizes.py ROOT | --self-test

Relies on clang-format: the brace that opens a function stands alone at the start of its line, as
does the one that closes it."""

import re
import sys

import tree

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 80  # between the braces


def functions(text):
    """(name, first line, number of lines) of each function."""
    lines = text.splitlines()
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{" and opened is None:
            opened = number
        elif line == "}" and opened is not None:
            yield name_of(lines[:opened - 1]), opened, number - opened - 1
            opened = None


def name_of(lines_before):
    """The identifier before the parameter list, which may take several lines."""
    for line in reversed(lines_before):
        match = re.match(r"\w[\w\s*]*?(\w+)\(", line)
        if match:
            return match.group(1)
    return "?"


def check(root):
    for path in tree.files(root, {".c", ".h"}):
        text = tree.text(root, path)
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}: {lines} lines, at most {FILE_LINES_MAX}"
        for name, number, size in functions(text):
            if size > FUNCTION_LINES_MAX:
                yield f"{path}:{number}: {name} has {size} lines, at most {FUNCTION_LINES_MAX}"


def self_test():
    def function(size):
        body = "    x();\n    if (x) {\n    }\n" + "    x();\n" * (size - 3)
        return f"static int f(int a,\n             int b)\n{{\n{body}}}\n"
    good = {"base/a.c": "struct a {\n    int b;\n};\n" + function(80) + function(80),
            "base/b.c": "\n" * 500}
    bad = [{"base/a.c": function(81)}, {"base/a.c": function(3) + function(81)},
           {"base/a.h": "\n" * 501}]
    tree.must_find(check, good, bad)
    assert [name for name, _, _ in functions(function(3))] == ["f"]


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        tree.report(check(sys.argv[1]))
