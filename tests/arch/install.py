"""What is installed fits together: each program finds what it starts and reads where it was put.

    install.py BUILD_FOLDER
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

WANTED = ("bin/atlantic", "sbin/atlanticd", "libexec/atlantic/atlantic-worker",
          "libexec/atlantic/atlantic-filter", "share/man/man1/atlantic.1",
          "share/man/man5/atlantic.yaml.5", "share/man/man8/atlanticd.8",
          "share/man/man8/atlantic-worker.8", "lib/systemd/system/atlanticd.service",
          "lib/systemd/system/atlantic-lockdown.service", "lib/sysusers.d/atlantic.conf",
          "share/bash-completion/completions/atlantic", "share/zsh/site-functions/_atlantic",
          "share/fish/vendor_completions.d/atlantic.fish")


def find(root, name):
    found = [path for path in root.rglob(os.path.basename(name)) if str(path).endswith("/" + name)]
    if len(found) != 1:
        sys.exit(f"{name}: installed as {found}")
    return found[0]


def must_exist(root, path, who):
    if not (root / path.lstrip("/")).exists():
        sys.exit(f"{who} names {path}, which is not installed")


def main(build):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        done = subprocess.run(["cmake", "--install", build], env={**os.environ, "DESTDIR": folder},
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        paths = {name: find(root, name) for name in WANTED}
        said = subprocess.run([paths["sbin/atlanticd"], "--help"], capture_output=True, text=True,
                              check=True).stdout
        for path in re.findall(r"default (/\S*(?:worker|\.yaml))", said):
            must_exist(root, path, "atlanticd --help")
        for name in WANTED:
            if name.endswith(".service"):
                for path in re.findall(r"ExecStart=(\S+)", paths[name].read_text(encoding="utf-8")):
                    must_exist(root, path, name)
        # As a person would: the command line finds the rule engine beside itself.
        subprocess.run([paths["bin/atlantic"], "filter", "explain", "--help"], check=True,
                       capture_output=True, env={})


if __name__ == "__main__":
    main(sys.argv[1])
