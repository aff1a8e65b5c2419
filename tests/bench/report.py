"""The table of a run: on the terminal, and in docs/bench.md between its markers."""

import os
import platform
import statistics
import time

BEGIN, END = "<!-- tunnel_bench: begin -->", "<!-- tunnel_bench: end -->"


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def number(value):
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine():
    """What it ran on; the load of others before it began is measured by the caller."""
    cpu = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores of {cpu}, Linux {platform.release()}"


class Results:
    """figures[figure][candidate] is a list, one value a round."""

    def __init__(self):
        self.figures = {}

    def add(self, measurement, candidate, values):
        for part, value in values.items():
            figure = f"{measurement}.{part}" if part else measurement
            self.figures.setdefault(figure, {}).setdefault(candidate, []).append(value)

    def median(self, figure, candidate):
        return median(self.figures.get(figure, {}).get(candidate, []))

    def lines(self, rows, extra):
        """Cells of the table, without the rows that were not measured."""
        for row in rows:
            ours = self.median(row.figure, row.us)
            theirs = self.median(row.figure, row.them) if row.them else None
            if ours is None and theirs is None:
                continue
            compared, target, is_met = row.compare(ours, theirs)
            others = [number(self.median(row.figure, name)) if row.them == "plain" else ""
                      for name in extra]
            yield [row.label, row.unit, number(ours), number(theirs), *others, compared, target,
                   {True: "met", False: "MISSED", None: ""}[is_met]]


def head(extra):
    return ["", "unit", "Atlantic", "rival", *extra, "ratio", "target", ""]


def print_table(results, rows, extra):
    lines = [head(extra), *results.lines(rows, extra)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
    judged = [line[-1] for line in lines[1:] if line[-1]]
    print(f"{judged.count('met')} of {len(judged)} targets met")


def markdown(results, rows, extra, about):
    lines = [head(extra), ["---"] * len(head(extra)), *results.lines(rows, extra)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{BEGIN}\n{about}\n\n{text}\n{END}"


def write_docs(path, text):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + text + after)


def about(options, busy, extra):
    rivals = ["the plain relay (tests/bench/plain_relay.c)"]
    if "redsocks" in extra:
        rivals.append("Debian's redsocks")
    if "hev" in extra:
        rivals.append("hev-socks5-tunnel (MTU 8500, pipelined)")
    priority = ", hence real-time priority for all" if options.realtime else ""
    many = (f", with three workers {options.idle_many:,} and {options.flows_many:,} UDP flows"
            if options.flows_many else "")
    return (f"{time.strftime('%Y-%m-%d')}, {machine()}; others took {busy:.0f} % of it before the "
            f"run{priority}. Medians of {options.rounds} rounds of {options.seconds:g} s; \"the idle "
            f"ones\" are {options.idle:,} connections{many}. Rivals: {', '.join(rivals)}.")
