"""The root half parses nothing that came from the network: neither its libraries nor its symbols
know lwIP, mbedTLS, ldns, c-ares or curl, nor our own parsers.

    root_half.py EXECUTABLE | --self-test COMPILER"""

import os
import re
import subprocess
import sys
import tempfile

import tree

FORBIDDEN_LIBRARIES = re.compile(r"lib(lwip|mbed|ldns|cares|curl|microhttpd|sqlite3|cjson)")
FORBIDDEN_SYMBOLS = re.compile(
    r"(lwip_init|pbuf_alloc|ip4_input|ip6_input|tcp_input|tcp_write|udp_input"  # lwIP
    r"|mbedtls_\w+|psa_\w+|ldns_\w+|ares_\w+|curl_\w+|cJSON_\w+|MHD_\w+|sqlite3_\w+"
    r"|http_head_parse_\w+|http_body_\w+|socks5_\w+|dns_message_\w+|tls_hello_\w+|sniff_\w+)$")


def libraries(executable):
    """All that are loaded, also by other libraries."""
    said = subprocess.run(["ldd", executable], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in said.splitlines() if line.strip()]


def symbols(executable):
    """Defined or wanted; those of a stripped executable are the dynamic ones."""
    names = set()
    for table in (["nm"], ["nm", "-D"]):
        said = subprocess.run([*table, executable], capture_output=True, text=True, check=False)
        names.update(line.split()[-1].split("@")[0] for line in said.stdout.splitlines() if line)
    if not names:
        sys.exit(f"{executable}: no symbols at all; is it an executable?")
    return sorted(names)


def check(executable):
    for library in libraries(executable):
        if FORBIDDEN_LIBRARIES.match(os.path.basename(library)):
            yield f"{executable} loads {library}"
    for symbol in symbols(executable):
        if FORBIDDEN_SYMBOLS.match(symbol):
            yield f"{executable} contains {symbol}"


def self_test(compiler):
    programs = [
        ("int main(void) { return 0; }", [], False),
        ("int ares_init(void) { return 1; } int main(void) { return ares_init(); }", [], True),
        ("int pbuf_alloc(void) { return 1; } int main(void) { return pbuf_alloc(); }", [], True),
        ("extern int curl_version(void); int main(void) { return curl_version(); }",
         ["-lcurl"], True),
    ]
    for source, flags, is_bad in programs:
        with tempfile.TemporaryDirectory() as folder:
            executable = os.path.join(folder, "program")
            subprocess.run([compiler, "-x", "c", "-", "-o", executable, *flags], input=source,
                           text=True, check=True)
            if bool(list(check(executable))) != is_bad:
                sys.exit(f"self-test: wrong about: {source}")


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test(sys.argv[2])
    else:
        tree.report(check(sys.argv[1]))
