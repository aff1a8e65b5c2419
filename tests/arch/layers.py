"""Who may include whom, and which file may know which library.

    layers.py ROOT | --self-test

The arrows are those of ARCHITECTURE.md; a folder may always include itself. Third-party headers
are fenced: a library is known to the one or two files that turn it into our own terms."""

import re
import sys

import tree

# The whole of service/ that is neither a half nor the hall between them.
CONFIG, IPC = "service/config", "service/ipc"

ARROWS = {
    "base": set(),
    "tun2socks": {"base"},
    "proxy": {"base"},
    "adblock": {"blocklists", "base"},
    "blocklists": set(),  # data that is compiled in, no code
    "killswitch": {"base"},
    CONFIG: {"blocklists", "base"},
    IPC: {"base"},
    "service/engine": {"tun2socks", "proxy", "adblock", CONFIG, "base"},
    "service/control": {"service/engine", "blocklists", "base"},
    "service/worker": {"service/control", "service/engine", IPC, CONFIG, "blocklists", "base"},
    "service/supervisor": {"killswitch", CONFIG, IPC, "base"},
    "ui": {"blocklists", "base"},
}

# Library -> (its headers, the files that may include them).
FENCES = {
    "lwIP": (r"lwip/|netif/|arch/", r"tun2socks/"),
    "mbedTLS": (r"mbedtls/|psa/", r"proxy/tls_(stream|trust)\.c|adblock/quic_keys\.c"),
    "c-ares": (r"ares", r"proxy/resolve\.c"),
    "ldns": (r"ldns/", r"adblock/dns_message[a-z_]*\.[ch]"),
    "libcurl": (r"curl/", r"adblock/(fetch|curl_loop)\.[ch]|service/engine/doh_link\.c"),
    "YAML": (r"cyaml/|yaml\.h", r"service/config[a-z_]*\.[ch]"),
    "cJSON": (r"cjson/", r"service/control/|ui/"),
    "SQLite": (r"sqlite3", r"service/control/(usage|query)[a-z_]*\.[ch]"),
    "libmicrohttpd": (r"microhttpd", r"service/control/"),
    "netlink": (r"libmnl/|linux/(netlink|rtnetlink|netfilter)", r"killswitch/|service/supervisor/"),
    "libnftables": (r"nftables/", r"killswitch/|service/supervisor/"),
    "libseccomp": (r"seccomp", r"service/worker/"),
    "libuv": (r"uv\.h", r"base/"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(name):
    """The layer that a file belongs to; None for what this table does not govern (tests)."""
    if re.match(r"service/config[a-z_]*\.[ch]$", name):
        return CONFIG
    if re.match(r"service/ipc[a-z_]*\.[ch]$", name):
        return IPC
    for layer in sorted(ARROWS, key=len, reverse=True):
        if name.startswith(layer + "/"):
            return layer
    return "?" if "/" in name and not name.startswith("tests/") else None


def check_arrow(name, header):
    layer, target = layer_of(name), layer_of(header)
    if layer == "?":
        return f"{name}: belongs to no layer of the table"
    if target == layer or target in ARROWS[layer]:
        return None
    if target is None:
        return f'{name}: "{header}" is not written from the root'
    return f"{name}: {layer} may not include {header}"


def check_fences(name, header):
    for library, (headers, allowed) in FENCES.items():
        if re.match(headers, header) and not re.match(allowed, name):
            yield f"{name}: {library} ({header}) is not for this file"


def check(root):
    for path in tree.files(root, {".c", ".h"}):
        name = path.as_posix()
        if layer_of(name) is None:
            continue
        for kind, header in INCLUDE.findall(tree.text(root, path)):
            if kind == '"' and not re.match(FENCES["lwIP"][0], header):
                complaint = check_arrow(name, header)
                if complaint:
                    yield complaint
            yield from check_fences(name, header)


def self_test():
    good = {
        "base/a.c": '#include "base/a.h"\n#include <uv.h>\n#include <stdio.h>\n',
        "proxy/tls_stream.c": '#include "base/a.h"\n#include <mbedtls/ssl.h>\n',
        "service/engine/flow.c": '#include "proxy/pool.h"\n#include "service/config.h"\n',
        "service/supervisor/main.c": '#include "killswitch/fence.h"\n#include "service/ipc.h"\n',
        "tests/unit/test_a.c": '#include "proxy/pool.h"\n#include "adblock/filter.h"\n',
    }
    bad = [{name: f"#include {header}\n"} for name, header in [
        ("base/a.c", '"proxy/pool.h"'),
        ("base/a.c", "<ares.h>"),
        ("proxy/pool.c", '"adblock/filter.h"'),
        ("proxy/pool.c", '"service/config.h"'),
        ("proxy/pool.c", '"pool.h"'),
        ("proxy/pool.c", "<mbedtls/ssl.h>"),
        ("proxy/pool.c", "<uv.h>"),
        ("service/config.c", '"service/ipc.h"'),
        ("service/control/control.c", '"proxy/pool.h"'),
        ("service/supervisor/main.c", '"service/engine/flow.h"'),
        ("service/supervisor/main.c", '"tun2socks/tun.h"'),
        ("service/worker/main.c", '"killswitch/fence.h"'),
        ("ui/client.c", '"service/ipc.h"'),
        ("adblock/filter.c", '"lwip/tcp.h"'),
        ("helpers/a.c", '"base/a.h"'),
    ]]
    tree.must_find(check, good, bad)


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        tree.report(check(sys.argv[1]))
