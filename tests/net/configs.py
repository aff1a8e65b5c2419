"""Configurations for the network tests: how Atlantic gets out."""

from lab import DNS4, PROXY4

FILTER = """
filter:
  builtin: false
  lists:
    - {name: test list, file: %s/blocked.txt, format: domains}
  allow: [good.ads.example]
"""


def config(lab, upstreams, more="", filtered=True, dns=None):
    """YAML with these upstreams; DNS by TLS to the lab's resolver."""
    lab.write("blocked.txt", "# a test list\nads.example\ntracker.test\n")
    text = "upstreams:\n" + "".join(f"  - {upstream}\n" for upstream in upstreams)
    text += "dns:\n" + (dns or f"  servers: ['tls://{DNS4}#dns.example']\n"
                        f"  ca_file: {lab.dir}/ca.pem\n")
    if filtered:
        text += FILTER % lab.dir
    return text + more


def socks5(port=1080, user=None, password=None, name="socks", udp=True):
    login = f", user: {user}, password: {password}" if user else ""
    return (f"{{name: {name}, kind: socks5, server: '{PROXY4}:{port}'{login}, "
            f"udp: {'true' if udp else 'false'}}}")


def http(port=3128, user=None, password=None, name="http"):
    login = f", user: {user}, password: {password}" if user else ""
    return f"{{name: {name}, kind: http, server: '{PROXY4}:{port}'{login}}}"


def https(lab, port=8443, user=None, password=None, name="https", tls_name="proxy.example"):
    login = f", user: {user}, password: {password}" if user else ""
    return (f"{{name: {name}, kind: https, server: '{PROXY4}:{port}'{login}, "
            f"tls: {{name: {tls_name}, ca_file: {lab.dir}/ca.pem}}}}")


DIRECT = "{name: direct, kind: direct}"


def switched_on(lab, upstream=DIRECT, more=""):
    """Atlantic in front of the web server and the resolver that everybody knows."""
    lab.web()
    lab.dns()
    atlantic = lab.atlantic(config(lab, [upstream], more))
    atlantic.on()
    return atlantic
