"""What the scripts of this folder share: the list of our files, and a tree in a temporary folder
on which each of them shows that it can fail."""

import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77  # CTest's word, see CMakeLists.txt
NOT_OURS = {"build", ".git", ".cache"}


def files(root, suffixes):
    """Our files below `root` with these suffixes, relative: tracked ones in a checkout, all there
    are in an unpacked tarball."""
    root = pathlib.Path(root)
    names = tracked(root) or [path.relative_to(root) for path in root.rglob("*")]
    return sorted(name for name in names
                  if name.suffix in suffixes and name.parts[0] not in NOT_OURS
                  and (root / name).is_file())


def tracked(root):
    """What git lists below `root`; nothing where there is no git or no checkout."""
    try:
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [pathlib.Path(name) for name in listed.stdout.split("\0") if name]


def text(root, name):
    return (pathlib.Path(root) / name).read_text(encoding="utf-8", errors="replace")


def must_find(check, good, bad):
    """Self-test: `check(root)` finds nothing in the tree `good` and something in each tree of
    `bad`. A tree is a dictionary of file names and texts."""
    def found(tree):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in tree.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
            return list(check(folder))
    complaints = found(good)
    if complaints:
        sys.exit(f"self-test: a good tree was refused: {complaints}")
    for tree in bad:
        if not found(tree):
            sys.exit(f"self-test: nothing was found in {tree}")


def report(complaints):
    """Print them and end the program accordingly."""
    complaints = list(complaints)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
