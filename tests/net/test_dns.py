"""DNS: whatever server is asked, Atlantic answers; nothing leaves in the clear."""

import sys
import time

from configs import DIRECT, config, http, socks5
from lab import AT_ONCE_MS, DNS4, DNS6, NET4, NET6, WEB4, WEB6, check, main, stop, to_upstream, wait_for
from test_tcp import app


def dig(lab, *words):
    done = lab.app(["dig", "+time=20", "+tries=1", *words])
    return done.stdout


def short(lab, *words):
    return dig(lab, "+short", *words).split()


def answers(lab):
    for server in (NET4, NET6, DNS4, "192.0.2.77", "8.8.8.8"):
        for transport in ("+notcp", "+tcp"):
            got = short(lab, f"@{server}", transport, "web.example", "A")
            check(got == [WEB4], f"@{server} {transport} web.example: {got}")
            got = short(lab, f"@{server}", transport, "web.example", "AAAA")
            check(got == [WEB6], f"@{server} {transport} web.example AAAA: {got}")
            got = short(lab, f"@{server}", transport, "ads.example", "A")
            check(got == ["0.0.0.0"], f"@{server} {transport} ads.example: {got}")
            got = short(lab, f"@{server}", transport, "ads.example", "AAAA")
            check(got == ["::"], f"@{server} {transport} ads.example AAAA: {got}")
    check("NXDOMAIN" in dig(lab, "@192.0.2.1", "nothing.example"), "a name that is not there")
    check(short(lab, "@192.0.2.1", "alias.example") == ["web.example.", WEB4], "an alias")
    got = short(lab, "@192.0.2.1", "cloaked.example")
    check(got == ["0.0.0.0"], f"an alias to a blocked name: {got}")
    out = dig(lab, "@192.0.2.1", "ads.example")
    check("EDE: 15" in out, f"no extended error in: {out}")


def no_clear_dns(lab, captured):
    clear = [p for p in captured.packets() if p[1] in (6, 17) and p[5] in (53, 5353, 5355)]
    check(not clear, f"DNS in the clear: {clear[:3]}")


def cached(lab, log):
    before = open(log).read().count("other.example. A IN")
    for _ in range(5):
        check(short(lab, "@192.0.2.1", "other.example") == [WEB4], "other.example")
    after = open(log).read().count("other.example. A IN")
    check(after - before == 1, f"asked upstream {after - before} times")


def over_tls_direct(lab):
    """Every question to port 53, UDP or TCP, is answered by us; upstream goes TLS (direct)"""
    lab.web()
    unbound = lab.dns()
    lab.atlantic(config(lab, [DIRECT])).on()
    with lab.capture() as captured:
        answers(lab)
        cached(lab, unbound.log_path)
        done = lab.app(["curl", "-sS", "--max-time", "30", "http://web.example/hello"])
        check(done.stdout == "hello from web.example\n", f"curl: {done.stdout}{done.stderr}")
    no_clear_dns(lab, captured)


def over_tcp_socks(lab):
    """DNS over TCP inside the upstream (SOCKS5)"""
    lab.web()
    unbound = lab.dns()
    lab.microsocks()
    dns = f"  servers: ['tcp://{DNS4}']\n"
    lab.atlantic(config(lab, [socks5()], dns=dns)).on()
    with lab.capture() as captured:
        answers(lab)
        cached(lab, unbound.log_path)
    no_clear_dns(lab, captured)


def over_tls_http(lab):
    """DNS over TLS inside the upstream (HTTP CONNECT)"""
    unbound = lab.dns()
    lab.tinyproxy()
    lab.atlantic(config(lab, [http()])).on()
    with lab.capture() as captured:
        answers(lab)
        cached(lab, unbound.log_path)
    no_clear_dns(lab, captured)
    leaks = captured.leaks(to_upstream(ports=(3128,)))
    check(not leaks, f"beside the upstream: {leaks}")


def time_to_live(lab):
    """An answer is kept for as long as it says, and its time runs down"""
    seconds = 6
    unbound = lab.dns([f"brief.example. {seconds} IN A 203.0.113.10"])
    lab.atlantic(config(lab, [DIRECT])).on()

    def asked():
        with open(unbound.log_path, encoding="utf-8") as log:
            return log.read().count("brief.example. A IN")

    def ttl():
        out = dig(lab, "+noall", "+answer", "@192.0.2.1", "brief.example")
        check(WEB4 in out, f"brief.example: {out!r}")
        return int(out.split()[1])
    check(ttl() == seconds and asked() == 1, f"the first answer; asked {asked()} times")
    known_at, seen = time.monotonic(), set()
    while True:
        sent_at, left = time.monotonic(), ttl()
        if asked() > 1:
            break
        check(sent_at < known_at + seconds, f"kept too long: {sent_at - known_at:.1f} s")
        seen.add(left)
        time.sleep(0.2)
    check(seen and min(seen) < seconds, f"its time does not run: {seen}")
    wait_for("an answer that is new", lambda: ttl() == seconds)


def over_https_direct(lab):
    """DNS over HTTPS, direct"""
    lab.web()
    unbound = lab.dns()
    dns = f"  servers: ['https://{DNS4}/dns-query#dns.example']\n  ca_file: {lab.dir}/ca.pem\n"
    lab.atlantic(config(lab, [DIRECT], dns=dns)).on()
    with lab.capture() as captured:
        answers(lab)
        cached(lab, unbound.log_path)
    no_clear_dns(lab, captured)
    ports = {packet[3] for packet in captured.packets() if packet[4:] == (DNS4, 443)}
    check(len(ports) == 1, f"{len(ports)} connections for a few questions")


def over_https_socks(lab):
    """DNS over HTTPS inside the upstream (SOCKS5); a server that is not who it says is not asked"""
    lab.web()
    lab.dns()
    lab.microsocks()
    dns = (f"  servers: ['https://[{DNS6}]/dns-query#wrong.invalid',"
           f" 'https://{DNS4}/dns-query#dns.example']\n  ca_file: {lab.dir}/ca.pem\n")
    lab.atlantic(config(lab, [socks5()], dns=dns)).on()
    with lab.capture() as captured:
        answers(lab)
    no_clear_dns(lab, captured)


def blocking_modes(lab):
    """Blocked names are answered by the configured mode, with its TTL"""
    lab.dns()
    base = f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n"
    atlantic = lab.atlantic(config(lab, [DIRECT], dns=base + "  blocking: nxdomain\n"))
    atlantic.on()
    check("NXDOMAIN" in dig(lab, "@192.0.2.1", "ads.example"), "nxdomain")
    for mode, word in (("blocking: refused", "REFUSED"),
                       ("blocking: custom\n  blocking_address4: 192.0.2.99\n"
                        "  blocking_ttl: 77s", "\t77\t|192.0.2.99")):
        with open(atlantic.config, "w") as file:
            file.write(config(lab, [DIRECT], dns=base + f"  {mode}\n"))
        atlantic.reload()
        out = dig(lab, "@192.0.2.1", "ads.example")
        for part in word.split("|"):
            check(part in out, f"{mode}: {out}")


def failing_resolver(lab):
    """A resolver that is away is passed over; without any the answer is SERVFAIL, not silence"""
    unbound = lab.dns()
    dns = (f"  servers: ['tls://203.0.113.99#dns.example', 'tls://{DNS4}#dns.example']\n"
           f"  ca_file: {lab.dir}/ca.pem\n")
    lab.atlantic(config(lab, [DIRECT], dns=dns)).on()
    got = short(lab, "@192.0.2.1", "web.example")
    check(got == [WEB4], f"second resolver: {got}")
    stop(unbound)
    out = dig(lab, "@192.0.2.1", "alias.example")
    check("status: SERVFAIL" in out, f"without a resolver: {out}")


def racing(lab):
    """In a race a resolver that is away costs a moment, not its whole share of the time"""
    lab.dns()
    dns = (f"  servers: ['tls://203.0.113.99#dns.example', 'tls://{DNS4}#dns.example']\n"
           f"  ca_file: {lab.dir}/ca.pem\n  strategy: race\n  timeout: 40s\n")
    lab.run(lab.net, "ip route add blackhole 203.0.113.99")
    lab.atlantic(config(lab, [DIRECT], dns=dns)).on()
    got = short(lab, "@192.0.2.1", "+time=10", "web.example")  # a share is 20
    check(got == [WEB4], f"second resolver: {got}")


def stale(lab):
    """Without any server, what is known serves beyond its time, for 30 seconds at once"""
    unbound = lab.dns(["brief.example. 1 IN A 192.0.2.33"])
    dns = f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n  timeout: 40s\n"
    lab.atlantic(config(lab, [DIRECT], dns=dns)).on()
    check(short(lab, "@192.0.2.1", "brief.example") == ["192.0.2.33"], "brief.example")
    stop(unbound)
    time.sleep(1.5)
    for _ in range(2):
        out = dig(lab, "@192.0.2.1", "+time=10", "brief.example")
        check("\t30\tIN\tA\t192.0.2.33" in out, f"beyond its time: {out}")
    check("SERVFAIL" in dig(lab, "@192.0.2.1", "other.example"), "what is not known")


def messages(lab):
    """EDNS or not, large or not: every client gets what it can read; nothing of it goes out"""
    many = [f"many.example. 300 IN A 192.0.2.{i}" for i in range(1, 120)]
    lab.dns(many + ["ech.example. 300 IN HTTPS 1 . alpn=h2 ech=AEX+DQBBpQAgACC"])
    dns = f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n"
    atlantic = lab.atlantic(config(lab, [DIRECT], dns=dns))
    atlantic.on()
    for words, count in (((), 119), (("+noedns",), 119), (("+bufsize=4096",), 119),
                         (("+ignore",), 0), (("+ignore", "+noedns"), 0), (("+tcp",), 119)):
        got = short(lab, "@192.0.2.1", *words, "many.example")
        check(len(got) == count, f"many.example {words}: {len(got)} addresses")
    for words in (("+noedns",), ("+dnssec",), ("+cdflag",), ("+cookie", "+subnet=192.0.2.0/24"),
                  ("+bufsize=512",), ("+norecurse",), ("+tcp", "+noedns")):
        out = dig(lab, "@192.0.2.1", *words, "web.example")
        check(WEB4 in out and "NOERROR" in out, f"{words}: {out}")
        check(("OPT PSEUDOSECTION" in out) == ("+noedns" not in words), f"{words}: {out}")
        check("CLIENT-SUBNET" not in out, f"the client's subnet was told: {out}")
    check("ech=" in dig(lab, "@192.0.2.1", "ech.example", "HTTPS"), "ech is kept")
    with open(atlantic.config, "w") as file:
        file.write(config(lab, [DIRECT], dns=dns + "  ech: strip\n"))
    atlantic.reload()
    out = dig(lab, "@192.0.2.1", "ech.example", "HTTPS")
    check("ech=" not in out and 'alpn="h2"' in out, f"ech is stripped: {out}")


RULES = """||search.example^$dnsrewrite=web.example
||here.example^$dnsrewrite=192.0.2.7
||mail.example^$dnsrewrite=NOERROR;MX;10 mx.example.
||gone.example^$dnsrewrite=NXDOMAIN
||203.0.113.66^
"""
LISTS = """
filter:
  builtin: false
  lists:
    - {name: what lists say, file: %s/rules.txt, format: adblock}
    - {name: mine, file: %s/hosts.txt, format: hosts}
    - {name: policy, file: %s/policy.rpz, format: rpz}
"""


def answered_otherwise(lab):
    """What lists say instead of an answer: $dnsrewrite, hosts with addresses, RPZ; bad addresses"""
    lab.dns(["bad.example. 300 IN A 203.0.113.66", "drop.example. 300 IN A 203.0.113.1",
             "bound.example. 300 IN HTTPS 0 ads.example.",
             f"hint.example. 300 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.66",
             f"good.example. 300 IN HTTPS 1 . alpn=h2 ipv4hint={WEB4}"])
    lab.write("rules.txt", RULES + "||ads.example^\n")
    lab.write("hosts.txt", "192.0.2.9 printer.example\n0.0.0.0 null.example\n")
    lab.write("policy.rpz", "@ SOA ns. me. 1 1 1 1 1\n NS ns.\ndrop.example CNAME rpz-drop.\n"
              "tcp.example CNAME rpz-tcp-only.\nnodata.example CNAME *.\n")
    lab.atlantic(config(lab, [DIRECT], filtered=False, more=LISTS % ((lab.dir,) * 3))).on()
    for name, qtype, expected in (
            ("search.example", "A", ["web.example.", WEB4]), ("here.example", "A", ["192.0.2.7"]),
            ("here.example", "AAAA", []), ("mail.example", "MX", ["10", "mx.example."]),
            ("printer.example", "A", ["192.0.2.9"]), ("null.example", "A", ["0.0.0.0"]),
            ("nodata.example", "A", []), ("bad.example", "A", ["0.0.0.0"]),
            ("bound.example", "TYPE65", []), ("hint.example", "TYPE65", [])):
        for _ in range(2):  # from the server, then from the cache
            got = short(lab, "@192.0.2.1", name, qtype)
            check(got == expected, f"{name} {qtype}: {got}")
    check(short(lab, "@192.0.2.1", "good.example", "TYPE65") != [], "a good binding")
    check("NXDOMAIN" in dig(lab, "@192.0.2.1", "gone.example"), "gone.example")
    out = dig(lab, "@192.0.2.1", "+time=1", "drop.example")
    check("no servers could be reached" in out, f"drop.example was answered: {out}")
    out = dig(lab, "@192.0.2.1", "+ignore", "tcp.example")
    check(" tc" in out.split("flags:")[1].split(";")[0], f"tcp.example: {out}")


def private_networks(lab):
    """Names of private networks never leave, names of the internet never lead into one"""
    unbound = lab.dns(["rebind.example. 300 IN A 192.168.1.1", "rebind6.example. 300 IN AAAA ::1",
                       "rebind.example. 300 IN HTTPS 1 . ipv4hint=10.0.0.1",
                       "nas.corp.example. 300 IN A 192.168.1.7"])
    dns = (f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n"
           "  private_names: [corp.example]\n")
    lab.atlantic(config(lab, [DIRECT], dns=dns)).on()
    for name, qtype in (("rebind.example", "A"), ("rebind6.example", "AAAA"),
                        ("rebind.example", "TYPE65")):
        for transport in ("+notcp", "+tcp"):
            out = dig(lab, "@192.0.2.1", transport, name, qtype)
            check("NOERROR" in out and "ANSWER: 0" in out, f"{name} {qtype}: {out}")
    got = short(lab, "@192.0.2.1", "nas.corp.example")
    check(got == ["192.168.1.7"], f"nas.corp.example: {got}")
    check(short(lab, "@192.0.2.1", "localhost") == ["127.0.0.1"], "localhost")
    check(short(lab, "@192.0.2.1", "app.localhost", "AAAA") == ["::1"], "app.localhost")
    for name in ("printer.local", "nas.lan", "x.internal", "x.home.arpa", "x.onion",
                 "1.1.168.192.in-addr.arpa", "use-application-dns.net"):
        check("NXDOMAIN" in dig(lab, "@192.0.2.1", name), name)
    log = open(unbound.log_path).read()
    for part in ("local", "lan.", "internal.", "home.arpa.", "onion.", "168.192", "use-app"):
        check(f"{part}" not in log, f"{part} went out")


def fetch(lab, address):
    done = lab.app(["curl", "-sS", "-g", "--max-time", "20", "-H", "Host: web.example",
                    f"http://{address}/hello"])
    return done.stdout + done.stderr


def stand_ins(lab):
    """Stand-ins: answered at once, dialed by name, also after the worker was killed; nobody's are refused"""
    lab.web()
    lab.dns()
    lab.server("udp_echo", WEB4, 7007)
    lab.dante()
    dns = (f"  servers: ['tls://{DNS4}#dns.example']\n  ca_file: {lab.dir}/ca.pem\n"
           "  mode: stand-in\n  stand_in_except: [other.example]\n")
    service = lab.atlantic(config(lab, [socks5(1081)], dns=dns))
    service.on()
    got = short(lab, "@192.0.2.1", "web.example", "A")
    check(len(got) == 1 and got[0].startswith("198.19."), f"web.example A: {got}")
    address = got[0]
    six = short(lab, "@192.0.2.1", "web.example", "AAAA")
    check(len(six) == 1 and six[0].startswith("fd00:6b73:0:5349:"), f"web.example AAAA: {six}")
    check(short(lab, "@192.0.2.1", "web.example", "TYPE65") == [], "hints past the stand-in")
    check(short(lab, "@192.0.2.1", "other.example") == [WEB4], "an exception")
    check(short(lab, "@192.0.2.1", "ads.example") == ["0.0.0.0"], "a blocked name")
    check(short(lab, "@192.0.2.1", "-x", address) == ["web.example."], "the reverse name")
    with lab.capture() as captured:
        for url in (address, f"[{six[0]}]"):
            check(fetch(lab, url) == "hello from web.example\n", f"{url}: {fetch(lab, url)}")
        app(lab, "udp", address, 7007, 1000, 20)
    leaks = captured.leaks(to_upstream(ports=(1081,), any_udp=True))
    check(not leaks, f"beside the upstream: {leaks}")
    began = time.monotonic()
    got = fetch(lab, "198.19.250.1")
    check("Couldn't connect" in got, f"an address that stands for nobody: {got}")
    check(time.monotonic() - began < AT_ONCE_MS / 1000, "it was not refused at once")
    service.kill_worker()
    check(fetch(lab, address) == "hello from web.example\n", f"remembered: {fetch(lab, address)}")
    got = fetch(lab, "198.19.250.1")
    check("Couldn't connect" in got, f"an address that stands for nobody, again: {got}")


if __name__ == "__main__":
    sys.exit(main("dns", [over_tls_direct, over_tcp_socks, over_tls_http, over_https_direct,
                          over_https_socks, time_to_live, blocking_modes, failing_resolver, racing,
                          answered_otherwise, private_networks, stale, messages, stand_ins]))
