#!/usr/bin/env python3
"""Compare the filter with its peers in one run on one machine.

    filter_bench.py BUILD_FOLDER DATA_FOLDER [--rounds N] [--peers ghostery,ubo,dnsmasq,unbound]

Browser engines come from npm, into a folder that is deleted afterwards; dnsmasq and unbound are
Debian's. Programs take turns; of each figure the best round counts. DATA_FOLDER is described in
tests/data/filter_rows.py. Names: how long a server takes to answer after its start with a million
blocked names, and its memory then.
"""
import argparse
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PACKAGES = {"ghostery": "@ghostery/adblocker", "ubo": "@gorhill/ubo-core"}
LISTS = ("easylist.txt", "easyprivacy.txt", "public_suffix_list.dat", "domains-1m.txt")
PORT = 53535
HERE = os.path.dirname(os.path.abspath(__file__))


def prepare(data, folder):
    for name in LISTS:
        with gzip.open(f"{data}/lists/{name}.gz") as source, open(f"{folder}/{name}", "wb") as to:
            shutil.copyfileobj(source, to)
    with gzip.open(f"{data}/requests/real_easylist_easyprivacy.tsv.gz", "rt") as source, \
            open(f"{folder}/requests.tsv", "w", encoding="utf-8") as to:
        next(source)
        for line in source:
            to.write("\t".join(line.split("\t")[:3]) + "\t\n")


def run_json(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{command[0]} failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return {}
    return json.loads(done.stdout)


def query():
    """A question for the address of doubleclick.net, which the list has."""
    header = bytes((0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    return header + b"\x0bdoubleclick\x03net\x00\x00\x01\x00\x01"


def wait_for_answer(process, deadline_s=120):
    end = time.monotonic() + deadline_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.02)
        while time.monotonic() < end and process.poll() is None:
            try:
                client.sendto(query(), ("127.0.0.1", PORT))
                client.recv(512)
                return True
            except OSError:
                time.sleep(0.005)
    return False


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def start_server(name, folder):
    conf = f"{folder}/{name}.conf"
    with open(f"{folder}/domains-1m.txt", encoding="utf-8") as source, \
            open(conf, "w", encoding="utf-8") as to:
        if name == "dnsmasq":
            to.write(f"no-resolv\nno-hosts\nport={PORT}\nlisten-address=127.0.0.1\n"
                     "bind-interfaces\n")
            to.writelines(f"address=/{line.strip()}/0.0.0.0\n" for line in source)
        else:
            to.write(f'server:\n  interface: 127.0.0.1@{PORT}\n  chroot: ""\n  username: ""\n'
                     '  do-daemonize: no\n  use-syslog: no\n  pidfile: ""\n'
                     '  module-config: "iterator"\n')
            to.writelines(f'  local-zone: "{line.strip()}" always_null\n' for line in source)
    command = {"dnsmasq": ["dnsmasq", "-k", "-C", conf, "-u", "root"],
               "unbound": ["unbound", "-d", "-c", conf]}[name]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        answered = wait_for_answer(process)
        result = {"names": {"compile_ms": (time.monotonic() - begin) * 1e3,
                            "bytes": resident_mb(process.pid) * 2**20}} if answered else {}
        process.terminate()
    return result


def keep_best(best, name, result):
    for kind, figures in result.items():
        to = best.setdefault(kind, {}).setdefault(name, {})
        for key, value in figures.items():
            if value is not None:
                better = max if key == "per_second" else min
                to[key] = better(to.get(key, value), value)


def show(best):
    columns = ("bytes", "compile_ms", "compile_file_ms", "open_ms", "per_second", "mean_ns", "p50_ns", "p99_ns")
    for kind, rows in best.items():
        print(f"\n{kind:<12}" + "".join(f"{column:>16}" for column in columns))
        for name, figures in rows.items():
            cells = (figures.get(column) for column in columns)
            print(f"{name:<12}" + "".join(
                f"{'-' if cell is None else format(cell, ',.2f' if cell < 10 else ',.0f'):>16}"
                for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="ghostery,ubo,dnsmasq,unbound")
    parser.add_argument("--json")
    options = parser.parse_args()
    peers = [peer for peer in options.peers.split(",") if peer]
    program = next(os.path.join(root, "filter_bench") for root, _, files in os.walk(options.build)
                   if "filter_bench" in files)
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        prepare(options.data, folder)
        packages = [PACKAGES[peer] for peer in peers if peer in PACKAGES]
        if packages:
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", folder,
                            *packages], check=True, stdout=subprocess.DEVNULL)
        for _ in range(options.rounds):
            keep_best(best, "atlantic", run_json(program, folder))
            for peer in peers:
                if peer in PACKAGES:
                    result = run_json("node", f"{HERE}/filter_bench_peer.mjs", peer, folder)
                else:
                    result = start_server(peer, folder) if shutil.which(peer) else {}
                keep_best(best, peer, result)
    show(best)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as to:
            json.dump(best, to, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
