"""What a program's output says of faults of its own. Its exit status alone is not enough: many
programs of a test are ended by a signal, and a worker's status goes to its supervisor."""

import re

SANITIZER = re.compile("ERROR: (Address|Leak)Sanitizer|LeakSanitizer has encountered|"
                       "WARNING: ThreadSanitizer|Sanitizer:DEADLYSIGNAL|runtime error:|"
                       r"Assertion `|ERROR SUMMARY: [1-9]")  # the last is valgrind's
# ILL, ABRT, BUS, FPE, SEGV, SYS: nobody sends these. The others: a worker that hangs.
SUPERVISOR = re.compile(r"was killed by signal (4|6|7|8|11|31)\b|showed no sign of life|"
                        "did not end when asked")


def findings(text, *patterns):
    """The first finding in the output, with the lines that follow it; None if there is none."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if any(pattern.search(line) for pattern in patterns or (SANITIZER, SUPERVISOR)):
            return "\n".join(lines[i:i + 40])
    return None


def is_sanitized(pid):
    """Its quarantine keeps what was freed."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return "asan" in maps.read()
