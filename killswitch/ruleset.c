/* From what may leave to the text nftables reads. Pure: no system call is made here, and the same
 * description gives the same text. What each chain is for stands beside it.
 *
 * Exceptions, all of them: loopback; the TUN; the worker's flows to admitted endpoints; what a link
 * itself needs (ARP, EAPOL, PPP control, DHCP, neighbour discovery); the LAN, if the user says so.
 */
#include "killswitch/fence.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the clear, or names told to the neighbours: never beside the tunnel. */
#define DNS_PORTS       "{ 53, 853, 5353, 5355 }"
#define CLEAR_DNS_PORTS "{ 53, 5353, 5355 }"
#define ENDPOINT4       "ip daddr . meta l4proto . th dport @admitted4"
#define ENDPOINT6       "ip6 daddr . meta l4proto . th dport @admitted6"
#define RELAY4          "ip daddr @relays4 udp dport != " CLEAR_DNS_PORTS
#define RELAY6          "ip6 daddr @relays6 udp dport != " CLEAR_DNS_PORTS

static const char *protocol_text(int protocol)
{
    return protocol == IPPROTO_UDP ? "udp" : "tcp";
}

/* Any UDP port of an address, in a set of its own. */
static bool is_relay(const struct fence_admitted *admitted)
{
    return admitted->protocol == IPPROTO_UDP && admitted->address.port == 0;
}

static void put_endpoint(FILE *out, const struct fence_admitted *admitted)
{
    char text[ADDRESS_TEXT_MAX];
    fputs(address_format_ip(&admitted->address, text), out);
    if (!is_relay(admitted))
        fprintf(out, " . %s . %u", protocol_text(admitted->protocol),
                (unsigned)admitted->address.port);
}

static void put_admitted_elements(FILE *out, const struct fence *fence, uint8_t family,
                                  bool of_relays)
{
    const char *between = "    elements = { ";
    for (size_t i = 0; i < fence->admitted_count; i++) {
        const struct fence_admitted *admitted = &fence->admitted[i];
        if (admitted->address.family != family || is_relay(admitted) != of_relays)
            continue;
        fputs(between, out);
        put_endpoint(out, admitted);
        between = ", ";
    }
    fputs(between[0] == ',' ? " }\n  }\n" : "  }\n", out);
}

static void put_admitted_sets(FILE *out, const struct fence *fence, uint8_t family)
{
    fprintf(out, "  set admitted%u {\n    type ipv%u_addr . inet_proto . inet_service\n",
            (unsigned)family, (unsigned)family);
    put_admitted_elements(out, fence, family, false);
    fprintf(out, "  set relays%u {\n    type ipv%u_addr\n", (unsigned)family, (unsigned)family);
    put_admitted_elements(out, fence, family, true);
}

typedef bool prefix_choice_fn(const struct fence *fence, const struct fence_prefix *prefix);

static bool is_admitted_lan(const struct fence *fence, const struct fence_prefix *prefix)
{
    return fence->admits_lan && fence_prefix_is_lan(prefix);
}

static bool is_any(const struct fence *fence, const struct fence_prefix *prefix)
{
    (void)fence;
    (void)prefix;
    return true;
}

/* auto-merge: two devices on one network give overlapping intervals. */
static void put_prefix_set(FILE *out, const struct fence *fence, const char *name, uint8_t family,
                           prefix_choice_fn *is_wanted)
{
    fprintf(out, "  set %s%u {\n    type ipv%u_addr\n    flags interval\n    auto-merge\n", name,
            (unsigned)family, (unsigned)family);
    const char *between = "    elements = { ";
    for (size_t i = 0; i < fence->onlink_count; i++) {
        const struct fence_prefix *prefix = &fence->onlink[i];
        if (prefix->network.family != family || !is_wanted(fence, prefix))
            continue;
        char text[ADDRESS_TEXT_MAX];
        fprintf(out, "%s%s/%u", between, address_format_ip(&prefix->network, text),
                (unsigned)prefix->bits);
        between = ", ";
    }
    fputs(between[0] == ',' ? " }\n  }\n" : "  }\n", out);
}

static void put_sets(FILE *out, const struct fence *fence)
{
    put_admitted_sets(out, fence, 4);
    put_admitted_sets(out, fence, 6);
    put_prefix_set(out, fence, "lan", 4, is_admitted_lan);
    put_prefix_set(out, fence, "lan", 6, is_admitted_lan);
    put_prefix_set(out, fence, "onlink", 6, is_any);
}

/* CVE-2019-14899: nothing from outside may speak to the TUN's address, or it could probe what runs
 * inside the tunnel. */
static void put_tunnel_address(FILE *out, const struct fence *fence)
{
    char text[ADDRESS_TEXT_MAX];
    fputs(
        "  chain tunnel_address {\n    type filter hook prerouting priority raw; policy accept;\n",
        out);
    if (fence->tun4.family == 4)
        fprintf(out, "    iifname != { \"lo\", \"%s\" } ip daddr %s fib saddr type != local drop\n",
                fence->tun, address_format_ip(&fence->tun4, text));
    if (fence->tun6.family == 6)
        fprintf(out,
                "    iifname != { \"lo\", \"%s\" } ip6 daddr %s fib saddr type != local drop\n",
                fence->tun, address_format_ip(&fence->tun6, text));
    fputs("  }\n", out);
}

/* The worker's rules, wherever they are needed: `who` selects its packets, `verdict` is what
 * becomes of those that may leave. */
static void put_worker(FILE *out, const struct fence *fence, const char *who, const char *verdict)
{
    const char *const endpoints[] = {ENDPOINT4, ENDPOINT6, RELAY4, RELAY6};
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
        fprintf(out, "    %s %s %s\n", who, endpoints[i], verdict);
    if (!fence->admits_all)
        return;
    const char *const targets[] = {"ip daddr != { 224.0.0.0/4, 255.255.255.255 }",
                                   "ip6 daddr != ff00::/8"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        fprintf(out, "    %s %s meta l4proto { tcp, udp } th dport != " CLEAR_DNS_PORTS " %s\n",
                who, targets[i], verdict);
}

/* The worker is known by its uid when a flow begins, and from then on by the mark of the flow: the
 * kernel forgets the user of a closed socket while its last bytes are still under way, and a packet
 * mark alone could be set by any root program.
 *
 * mark_replies: strict rp_filter (with src_valid_mark) must look the reply up as our own.
 * mark_sent:    what the worker itself sends in a marked flow is on the right way already (its uid
 * has a routing rule): marked here, it is not routed a second time by the next chain. mark_flows:
 * plain DNS that was aimed at a device (IP_UNICAST_IF, as systemd-resolved does, or a LAN prefix)
 * is routed again, by its mark, into the TUN. What is frequent comes first: applications' packets
 * on their way into the TUN, and flows that are marked. */
static void put_worker_marks(FILE *out, const struct fence *fence)
{
    char who[64], verdict[64];
    snprintf(who, sizeof(who), "meta skuid %u", (unsigned)fence->worker);
    snprintf(verdict, sizeof(verdict), "ct mark set %#x", FENCE_MARK_WORKER);
    fprintf(out,
            "    oifname \"%s\" ct mark 0 meta skuid != %u accept\n"
            "    ct direction original ct mark %#x meta mark set %#x accept\n",
            fence->tun, (unsigned)fence->worker, FENCE_MARK_WORKER, FENCE_MARK_WORKER);
    put_worker(out, fence, who, verdict);
    fprintf(out,
            "    ct direction original ct mark %#x meta mark set %#x accept\n"
            "    meta skuid %u accept\n",
            FENCE_MARK_WORKER, FENCE_MARK_WORKER, (unsigned)fence->worker);
}

static void put_marks(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "  chain mark_replies {\n"
            "    type filter hook prerouting priority mangle; policy accept;\n"
            "    iifname != \"%s\" ct mark %#x meta mark set %#x\n"
            "  }\n",
            fence->tun, FENCE_MARK_WORKER, FENCE_MARK_WORKER);
    if (fence->worker != FENCE_NOBODY)
        fprintf(out,
                "  chain mark_sent {\n"
                "    type filter hook output priority mangle - 1; policy accept;\n"
                "    ct mark %#x ct direction original meta skuid %u meta mark set %#x\n"
                "  }\n",
                FENCE_MARK_WORKER, (unsigned)fence->worker, FENCE_MARK_WORKER);
    fputs("  chain mark_flows {\n"
          "    type route hook output priority mangle; policy accept;\n"
          "    oif lo accept\n",
          out);
    if (fence->worker != FENCE_NOBODY)
        put_worker_marks(out, fence);
    fprintf(out,
            "    oifname != \"%s\" meta l4proto { tcp, udp } th dport 53 meta mark set %#x\n"
            "  }\n",
            fence->tun, FENCE_MARK_DNS);
}

/* What the link itself needs. DHCP: its ports are privileged, its clients are system users. */
static void put_link_upkeep(FILE *out)
{
    fputs("  chain link_upkeep {\n"
          "    meta skuid < 1000 udp sport 68 udp dport 67 ip daddr { 255.255.255.255, 10.0.0.0/8, "
          "172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16 } accept\n"
          "    meta skuid < 1000 ip6 saddr fe80::/10 udp sport 546 udp dport 547 ip6 daddr "
          "{ ff02::1:2, ff05::1:3 } accept\n"
          "    icmpv6 type nd-router-solicit ip6 daddr ff02::2 ip6 hoplimit 255 accept\n"
          "    icmpv6 type nd-neighbor-solicit ip6 daddr { ff02::1:ff00:0/104, fe80::/10 } "
          "ip6 hoplimit 255 accept\n"
          "    icmpv6 type nd-neighbor-solicit ip6 daddr @onlink6 ip6 hoplimit 255 accept\n"
          "    icmpv6 type nd-neighbor-advert ip6 hoplimit 255 accept\n"
          "  }\n",
          out);
}

/* Fail fast: applications hear no at once instead of waiting. */
static void put_refuse(FILE *out)
{
    fputs("  chain refuse {\n"
          "    counter\n"
          "    meta l4proto tcp reject with tcp reset\n"
          "    ip daddr { 224.0.0.0/4, 255.255.255.255 } drop\n"
          "    ip6 daddr ff00::/8 drop\n"
          "    reject with icmpx admin-prohibited\n"
          "  }\n",
          out);
}

static void put_lan(FILE *out, const struct fence *fence)
{
    if (fence->admits_lan)
        fputs("    ip daddr @lan4 accept\n    ip6 daddr @lan6 accept\n", out);
}

static void put_worker_leaving(FILE *out, const struct fence *fence)
{
    char who[64];
    snprintf(who, sizeof(who), "ct mark %#x ct direction original", FENCE_MARK_WORKER);
    if (fence->worker != FENCE_NOBODY)
        put_worker(out, fence, who, "accept");
}

/* output is there to say no politely. It still sees the device from before mark_flows, so it cannot
 * have the last word; `leave` has. */
static void put_output(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "  chain output {\n"
            "    type filter hook output priority filter; policy drop;\n"
            "    oif lo accept\n"
            "    oifname \"%s\" accept\n",
            fence->tun);
    put_worker_leaving(out, fence);
    fprintf(out,
            "    jump link_upkeep\n"
            "    meta mark & %#x == %#x meta l4proto { tcp, udp } th dport 53 accept\n"
            "    meta l4proto { tcp, udp } th dport " DNS_PORTS " goto refuse\n",
            FENCE_MARK_MASK, FENCE_MARK_DNS);
    put_lan(out, fence);
    fputs("    goto refuse\n  }\n", out);
}

/* The last word: here the device is the one the packet really leaves by. */
static void put_leave(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "  chain leave {\n"
            "    type filter hook postrouting priority filter; policy drop;\n"
            "    meta mark set meta mark or %#x\n"
            "    oif lo accept\n"
            "    oifname \"%s\" accept\n",
            FENCE_MARK_SEEN, fence->tun);
    put_worker_leaving(out, fence);
    fprintf(out,
            "    jump link_upkeep\n"
            "    meta l4proto { tcp, udp } th dport " DNS_PORTS " counter drop\n"
            "    iifname \"%s\" ct direction reply accept\n",
            fence->tun);
    put_lan(out, fence);
    fputs("    counter drop\n  }\n", out);
}

/* No blanket "established": flows older than the fence are cut, in both directions. */
static void put_input(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "  chain input {\n"
            "    type filter hook input priority filter; policy drop;\n"
            "    iif lo accept\n"
            "    iifname \"%s\" accept\n"
            "    ct mark %#x ct direction reply accept\n"
            "    ct state related ct mark %#x icmp type { destination-unreachable, time-exceeded } "
            "accept\n"
            "    ct state related ct mark %#x icmpv6 type { packet-too-big, "
            "destination-unreachable, time-exceeded } accept\n"
            "    udp sport 67 udp dport 68 accept\n"
            "    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept\n"
            "    icmpv6 type nd-router-advert ip6 saddr fe80::/10 ip6 hoplimit 255 accept\n"
            "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept\n",
            fence->tun, FENCE_MARK_WORKER, FENCE_MARK_WORKER, FENCE_MARK_WORKER);
    if (fence->admits_lan)
        fputs("    ip saddr @lan4 accept\n    ip6 saddr @lan6 accept\n", out);
    fputs("  }\n", out);
}

/* Containers and virtual machines of this host take the tunnel too, or nothing. */
static void put_forward(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "  chain forward {\n"
            "    type filter hook forward priority filter; policy drop;\n"
            "    oifname \"%s\" accept\n"
            "    iifname \"%s\" ct direction reply accept\n"
            "    meta l4proto { tcp, udp } th dport " DNS_PORTS " goto refuse\n",
            fence->tun, fence->tun);
    put_lan(out, fence);
    if (fence->admits_lan)
        fputs("    ip saddr @lan4 ct direction reply accept\n"
              "    ip6 saddr @lan6 ct direction reply accept\n",
              out);
    fputs("    goto refuse\n  }\n", out);
}

/* nftables has no way to write a name with a quotation mark in it. */
static bool is_plain(const char *name)
{
    return name[0] && !strpbrk(name, "\"\\\n*");
}

/* Frames that programs put on the wire themselves (AF_PACKET) never meet the chains above: whatever
 * did not pass `leave` is dropped here, but for what keeps a link up. `ether type` and not `meta
 * protocol`, because a program can lie about the latter. 0x888e and 0x88c7: EAPOL (Wi-Fi keys,
 * 802.1X); 0x8863 and PPP protocols from 0x8000 on: PPPoE's own affairs. */
static void put_layer2(FILE *out, const struct fence *fence)
{
    fprintf(out,
            "table netdev " FENCE_TABLE " {\n"
            "  chain frames {\n"
            "    meta mark & %#x == %#x accept\n"
            "    ether type arp accept\n"
            "    ether type 8021q vlan type arp accept\n"
            "    ether type { 0x888e, 0x88c7, 0x8863 } accept\n"
            "    ether type 0x8864 @nh,48,16 >= 0x8000 accept\n"
            "    ether type ip ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept\n"
            "    counter drop\n"
            "  }\n",
            FENCE_MARK_SEEN, FENCE_MARK_SEEN);
    for (size_t i = 0; i < fence->device_count; i++)
        if (is_plain(fence->devices[i]))
            fprintf(out,
                    "  chain egress%zu {\n"
                    "    type filter hook egress device \"%s\" priority 0; policy drop;\n"
                    "    jump frames\n"
                    "  }\n",
                    i, fence->devices[i]);
    fputs("}\n", out);
}

/* Create if missing, then delete: the delete cannot fail, and what follows replaces it all in the
 * same transaction. */
static void put_removal(FILE *out, const char *family)
{
    fprintf(out, "table %s " FENCE_TABLE " {}\ndelete table %s " FENCE_TABLE "\n", family, family);
}

static void put_ruleset(FILE *out, const struct fence *fence)
{
    put_removal(out, "inet");
    fputs("table inet " FENCE_TABLE " {\n", out);
    put_sets(out, fence);
    put_tunnel_address(out, fence);
    put_marks(out, fence);
    put_link_upkeep(out);
    put_refuse(out);
    put_output(out, fence);
    put_leave(out, fence);
    put_input(out, fence);
    put_forward(out, fence);
    fputs("}\n", out);
    if (fence->device_count > 0) {
        put_removal(out, "netdev");
        put_layer2(out, fence);
    }
}

static char *finish(FILE *out, char **text)
{
    bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return *text;
    free(*text);
    return NULL;
}

char *ruleset_format(const struct fence *fence)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    put_ruleset(out, fence);
    return finish(out, &text);
}

char *ruleset_format_off(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    put_removal(out, "inet");
    put_removal(out, "netdev");
    return finish(out, &text);
}

char *ruleset_format_admit(const struct fence_admitted *admitted, bool withdraw)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "%s element inet " FENCE_TABLE " %s%u { ", withdraw ? "delete" : "add",
            is_relay(admitted) ? "relays" : "admitted", (unsigned)admitted->address.family);
    put_endpoint(out, admitted);
    fputs(" }\n", out);
    return finish(out, &text);
}
