"""Lists in the running service: compiled once, swapped without a question lost, never half of one."""

import glob
import os
import sys

from configs import DIRECT, config
from lab import check, main, wait_for

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.py")
NAMES = 100000

FILTER = """
filter:
  builtin: false
  lists:
    - {name: large, file: %s/large.txt, format: domains}
"""


def write_large(lab, *first):
    lab.write("large.txt", "".join(f"{name}\n" for name in first) +
              "".join(f"host{i}.zone{i % 977}.example\n" for i in range(NAMES)))


def start(lab, *first):
    lab.dns()
    write_large(lab, *first)
    atlantic = lab.atlantic(config(lab, [DIRECT], FILTER % lab.dir, filtered=False))
    atlantic.on()
    return atlantic


def images(atlantic):
    return sorted(glob.glob(f"{atlantic.state_dir}/worker/filter-*"))


def compiled(lab):
    """A large set is compiled once, found again by the next worker, and made again when damaged"""
    atlantic = start(lab, "ads.example")
    check(len(images(atlantic)) == 1, f"compiled lists: {images(atlantic)}")
    image = images(atlantic)[0]
    made = os.stat(image)
    atlantic.kill_worker()
    check(lab.look_up("www.ads.example") == "0.0.0.0", "after the worker's death")
    check(os.stat(image).st_mtime_ns == made.st_mtime_ns, "it was compiled again")
    for damage in ("cut", "altered"):
        with open(image, "r+b") as file:
            if damage == "cut":
                # As a new file: the worker has the old one mapped.
                data = file.read()[:made.st_size // 2]
            else:
                data = bytearray(file.read())
                data[made.st_size // 2] ^= 1
        with open(image + "~", "wb") as file:
            file.write(data)
        os.chown(image + "~", made.st_uid, made.st_gid)
        os.rename(image + "~", image)
        damaged_ns = os.stat(image).st_mtime_ns
        atlantic.kill_worker()
        check(lab.look_up("www.ads.example") == "0.0.0.0", f"{damage}: not blocked")
        check(os.path.getsize(image) == made.st_size and os.stat(image).st_mtime_ns > damaged_ns,
              f"{damage}: not made again")


def swapped(lab):
    """While lists are replaced again and again, every question is answered, and by the lists"""
    atlantic = start(lab, "tracker.test")
    until = f"{lab.dir}/until"
    asking = lab.start(lab.host, [sys.executable, CLIENTS, "ask_steadily", "192.0.2.1",
                                  "tracker.test", until])
    for turn in range(4):
        former = images(atlantic)
        write_large(lab, "tracker.test", f"turn{turn}.test")
        atlantic.reload()
        wait_for("the new lists", lambda name=f"turn{turn}.test": lab.look_up(name) == "0.0.0.0")
        # What is out of use goes a moment later.
        wait_for("the old form to go", lambda: len(images(atlantic)) == 1)
        check(images(atlantic) != former, f"{former} -> {images(atlantic)}")
    lab.write("until", "")
    check(asking.wait(60) == 0, f"asking: {open(asking.log_path, encoding='utf-8').read()}")


def killed(lab):
    """A kill in the middle of compiling leaves the old form or the new one"""
    atlantic = start(lab, "ads.example")
    for turn in range(4):
        write_large(lab, "ads.example", f"turn{turn}.test")
        atlantic.cli("reload")
        atlantic.kill_worker()
        check(lab.look_up("ads.example") == "0.0.0.0", "ads.example")
        check(lab.look_up(f"turn{turn}.test") == "0.0.0.0", "the newest lists")
        # What is out of use goes when the worker that found it has answered already.
        wait_for("the old form to go",
                 lambda: len([p for p in images(atlantic) if not p.endswith(".new")]) == 1)


if __name__ == "__main__":
    sys.exit(main("lists", [compiled, swapped, killed]))
