"""Nobody takes what is another's: a crowd beside the greedy, and readers that have stopped."""

import os
import subprocess
import sys
import time

from configs import DIRECT, config
from lab import BUILD, WEB4, check, main, wait_for
from test_limits import rss_mib
from test_tcp import app

PORT = 7010
GREEDY, CROWD, QUESTION_BYTES, ENOUGH = 10, 1000, 1000, 8
STOPPED = 60
KIB = 1024


def start(lab, more=""):
    lab.dns()
    lab.serve([f"{BUILD}/bin/bench_load", "serve", WEB4, str(PORT), "1"], WEB4, PORT)
    lab.server("source", WEB4, 7002)
    service = lab.atlantic(config(lab, [DIRECT], more))
    service.on()
    return service


def program(lab, name, *words):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    process = lab.start(lab.host, [sys.executable, path, *map(str, words)],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def crowd_answers(lab, count, seconds):
    """The fewest, the median and the most answers of each in a crowd. It takes longer where it is too slow
    to tell."""
    process, word = program(lab, "crowd.py", WEB4, PORT, count, QUESTION_BYTES, ENOUGH)
    check(word == "ready", f"the crowd is not there: {word}")
    process.stdin.write("\n")
    process.stdin.flush()
    time.sleep(seconds)
    check(process.stdout.readline() == "enough\n", "the crowd has ended")
    return [float(word) for word in process.communicate("\n")[0].split()]


def beside_greedy(lab, direction):
    start(lab)
    # The crowd takes its time to gather; it counts only once it is told to.
    greedy = lab.start(lab.host, [f"{BUILD}/bin/bench_load", direction, WEB4, str(PORT), str(GREEDY), "900"])
    fewest, median, most = crowd_answers(lab, CROWD, 8)
    check(greedy.poll() is None, "the greedy have gone before the end")
    print(f"        {CROWD} beside {GREEDY} {direction}: {fewest:.0f} to {most:.0f} answers, median {median:.0f}")
    check(median >= 4, f"the crowd got {median} answers each")
    check(fewest >= median / 2, f"one got {fewest} answers where others got {median}")


def greedy_downloads(lab):
    """Each of 1,000 connections gets its share while 10 download as fast as they can"""
    beside_greedy(lab, "down")


def greedy_uploads(lab):
    """The same beside 10 uploads"""
    beside_greedy(lab, "up")


def used_bytes(service):
    return service.status()["counters"]["buffers"]["used_bytes"]


def grows_no_more(service):
    before = used_bytes(service)
    time.sleep(1)
    return used_bytes(service) <= before


def stop_reading(lab, service, buffer_bytes):
    """Applications that ask for much and read nothing; servers that read nothing."""
    before = rss_mib(service.worker_pid())
    holders = [program(lab, "clients.py", "stopped_reader", WEB4, 7002, STOPPED),
               program(lab, "clients.py", "unread_writer", WEB4, 7005, STOPPED)]
    for _, word in holders:
        check(word == "stopped", word)
    wait_for("the buffers to be as full as they get", lambda: grows_no_more(service))
    buffers = service.status()["counters"]["buffers"]
    # Of what goes up there is one buffer, of what comes down one on either side; and the last chunk of each.
    most = STOPPED * 3 * (buffer_bytes + 64 * KIB)
    print(f"        {2 * STOPPED} connections hold {buffers['used_bytes'] / KIB:.0f} KiB, at most {most / KIB:.0f}")
    check(buffers["used_bytes"] <= most, f"{buffers}, where {most} would be right")
    grown = (rss_mib(service.worker_pid()) - before) * KIB * KIB
    check(grown <= 1.5 * most + 8 * KIB * KIB, f"the worker has grown by {grown} bytes")
    return [process for process, _ in holders], buffers["used_bytes"]


def others_go_on(lab, service, buffer_bytes):
    lab.server("deaf", WEB4, 7005)
    idle = used_bytes(service)
    alone = crowd_answers(lab, 10, 3)[1]
    holders, held = stop_reading(lab, service, buffer_bytes)
    beside = crowd_answers(lab, 10, 3)
    print(f"        median of 10 others: {alone:.0f} answers before, {beside[1]:.0f} beside them")
    check(beside[0] >= alone / 4, f"{beside} answers beside those who stopped, {alone} before")
    app(lab, "download", WEB4, 7002, 20 << 20)
    for holder in holders:
        holder.communicate("\n")
    wait_for(f"the buffers to be free: {service.status()['counters']}",
             lambda: used_bytes(service) <= idle + 256 * KIB)
    return held


def stopped_readers(lab):
    """A stopped reader costs at most the configured buffer, on either side, and holds up nobody"""
    service = start(lab, "limits: {buffer_size: 128KiB}\n")
    others_go_on(lab, service, 128 * KIB)


def no_room_for_all(lab):
    """The same where all of them together want more than limits.memory_size"""
    service = start(lab, "limits: {buffer_size: 512KiB, memory_size: 16MiB}\n")
    held = others_go_on(lab, service, 512 * KIB)
    check(held > 12 * KIB * KIB, f"only {held} bytes were wanted")


if __name__ == "__main__":
    sys.exit(main("fairness", [greedy_downloads, greedy_uploads, stopped_readers, no_room_for_all]))
