#include "tun2socks/packet.h"

#include "tun2socks/checksum.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { EXTENSION_HEADERS_MAX = 8, ICMP_HEADER_BYTES = 8 };
enum { IPV4_OFFSET_MASK = 0x1fff, IPV4_MORE_FRAGMENTS = 0x2000 };

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static int parse_ipv4(struct packet *packet)
{
    const uint8_t *header = packet->data;
    if (packet->size < IPV4_HEADER_BYTES)
        return -EBADMSG;
    size_t header_size = (size_t)(header[0] & 0xf) * 4;
    size_t total = read16(header + 2);
    if (header_size < IPV4_HEADER_BYTES || total < header_size || total > packet->size)
        return -EBADMSG;
    if (checksum_finish(checksum_add(0, header, header_size)) != 0)
        return -EBADMSG;
    uint16_t offset = read16(header + 6);
    packet->size = total;
    packet->fragment.has_more = (offset & IPV4_MORE_FRAGMENTS) != 0;
    packet->fragment.offset = (uint16_t)((offset & IPV4_OFFSET_MASK) * 8);
    packet->fragment.is_one = packet->fragment.has_more || packet->fragment.offset > 0;
    packet->fragment.id = read16(header + 4);
    packet->protocol = header[9];
    packet->from.family = packet->to.family = 4;
    memcpy(packet->from.ip, header + 12, 4);
    memcpy(packet->to.ip, header + 16, 4);
    packet->payload = packet->data + header_size;
    packet->payload_size = total - header_size;
    return 0;
}

static int parse_fragment_header(struct packet *packet)
{
    const uint8_t *header = packet->payload;
    uint16_t offset = read16(header + 2);
    packet->fragment.has_more = (offset & 1) != 0;
    packet->fragment.offset = (uint16_t)(offset & ~7U);
    packet->fragment.id = read32(header + 4);
    /* An "atomic" fragment (RFC 6946) is a whole packet. */
    packet->fragment.is_one = packet->fragment.has_more || packet->fragment.offset > 0;
    return 0;
}

/* RFC 8200 sec. 4.1: the order is recommended, not promised, but hop-by-hop options come first. */
static int skip_extension_headers(struct packet *packet)
{
    for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
        uint8_t kind = packet->protocol;
        size_t header_size = 8;
        if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS &&
            kind != IPPROTO_FRAGMENT)
            return 0;
        if (packet->payload_size < header_size || (kind == IPPROTO_HOPOPTS && i > 0))
            return -EBADMSG;
        if (kind == IPPROTO_FRAGMENT)
            parse_fragment_header(packet);
        else
            header_size = ((size_t)packet->payload[1] + 1) * 8;
        /* A routing header that is not at its end asks us to forward (RFC 5095). */
        if (kind == IPPROTO_ROUTING && packet->payload[3] > 0)
            return -EBADMSG;
        if (header_size > packet->payload_size)
            return -EBADMSG;
        packet->protocol = packet->payload[0];
        packet->payload += header_size;
        packet->payload_size -= header_size;
        if (packet->fragment.is_one)
            return 0;
    }
    return -EBADMSG;
}

static int parse_ipv6(struct packet *packet)
{
    const uint8_t *header = packet->data;
    if (packet->size < IPV6_HEADER_BYTES)
        return -EBADMSG;
    size_t payload_size = read16(header + 4);
    if (payload_size > packet->size - IPV6_HEADER_BYTES)
        return -EBADMSG;
    packet->size = IPV6_HEADER_BYTES + payload_size;
    packet->protocol = header[6];
    packet->from.family = packet->to.family = 6;
    memcpy(packet->from.ip, header + 8, 16);
    memcpy(packet->to.ip, header + 24, 16);
    packet->payload = packet->data + IPV6_HEADER_BYTES;
    packet->payload_size = payload_size;
    return skip_extension_headers(packet);
}

/* RFC 9293 sec. 3.1: kind 0 ends the list, 1 stands alone, all others have a length. lwIP believes
 * that a length is there. */
static bool has_sane_options(const uint8_t *options, size_t size)
{
    for (size_t at = 0; at < size && options[at] != 0;) {
        size_t left = size - at;
        size_t length = options[at] == 1 ? 1 : left < 2 ? 0 : options[at + 1];
        if (length > left || length < (options[at] == 1 ? 1U : 2U))
            return false;
        at += length;
    }
    return true;
}

static int parse_tcp(struct packet *packet)
{
    const uint8_t *header = packet->payload;
    if (packet->payload_size < TCP_HEADER_BYTES)
        return -EBADMSG;
    size_t header_size = (size_t)(header[12] >> 4) * 4;
    if (header_size < TCP_HEADER_BYTES || header_size > packet->payload_size ||
        !has_sane_options(header + TCP_HEADER_BYTES, header_size - TCP_HEADER_BYTES))
        return -EBADMSG;
    packet->from.port = read16(header);
    packet->to.port = read16(header + 2);
    packet->sequence = read32(header + 4);
    packet->acknowledged = read32(header + 8);
    packet->tcp_flags = header[TCP_FLAGS_AT];
    packet->tcp_header_size = (uint8_t)header_size;
    return packet->from.port && packet->to.port ? 0 : -EBADMSG;
}

static int parse_udp(struct packet *packet)
{
    const uint8_t *header = packet->payload;
    if (packet->payload_size < UDP_HEADER_BYTES)
        return -EBADMSG;
    size_t size = read16(header + 4);
    if (size < UDP_HEADER_BYTES || size > packet->payload_size)
        return -EBADMSG;
    packet->from.port = read16(header);
    packet->to.port = read16(header + 2);
    packet->payload_size = size;
    return packet->from.port && packet->to.port ? 0 : -EBADMSG;
}

static int parse_transport(struct packet *packet)
{
    if (packet->fragment.is_one)
        return 0;
    switch (packet->protocol) {
    case IPPROTO_TCP: return parse_tcp(packet);
    case IPPROTO_UDP: return parse_udp(packet);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        if ((packet->protocol == IPPROTO_ICMP) != (packet->from.family == 4))
            return -EPROTONOSUPPORT;
        return packet->payload_size < ICMP_HEADER_BYTES ? -EBADMSG : 0;
    default: return -EPROTONOSUPPORT;
    }
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zeros[16];
    /* 0.0.0.0/8 is "this network" as a whole (RFC 1122 sec. 3.2.1.3). */
    return memcmp(address->ip, zeros, address->family == 4 ? 1 : 16) == 0;
}

static bool is_foreign(const struct address *address)
{
    if (is_unspecified(address) || address_is_loopback(address) || address_is_multicast(address))
        return true;
    if (address->family == 4)
        return address->ip[0] >= 240; /* reserved, and the limited broadcast */
    return address_unmapped(address).family == 4;
}

static bool is_link_local(const struct address *address)
{
    return address->family == 6 && address->ip[0] == 0xfe && (address->ip[1] & 0xc0) == 0x80;
}

static bool is_same_host(const struct address *a, const struct address *b)
{
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

int packet_parse(uint8_t *data, size_t size, struct packet *ret)
{
    struct packet packet = {.data = data, .size = size};
    int err = -EBADMSG;
    if (size > 0 && data[0] >> 4 == 4)
        err = parse_ipv4(&packet);
    else if (size > 0 && data[0] >> 4 == 6)
        err = parse_ipv6(&packet);
    if (err == 0)
        err = parse_transport(&packet);
    if (err < 0 && err != -EPROTONOSUPPORT)
        return err;
    *ret = packet;
    if (is_foreign(&packet.from) || is_foreign(&packet.to) || is_link_local(&packet.to) ||
        is_same_host(&packet.from, &packet.to))
        return -EADDRNOTAVAIL;
    return err;
}

/* Our own packets have neither options nor extension headers but the fragment header. */
int packet_parse_quote(const uint8_t *data, size_t size, struct packet *ret)
{
    struct packet quote = {0};
    bool is_ipv4 = size > 0 && data[0] >> 4 == 4;
    size_t header_size = is_ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    if (size < header_size + 4 || (is_ipv4 ? data[0] != 0x45 : data[0] >> 4 != 6))
        return -EBADMSG;
    quote.protocol = data[is_ipv4 ? 9 : 6];
    quote.from.family = quote.to.family = is_ipv4 ? 4 : 6;
    memcpy(quote.from.ip, data + (is_ipv4 ? 12 : 8), is_ipv4 ? 4 : 16);
    memcpy(quote.to.ip, data + (is_ipv4 ? 16 : 24), is_ipv4 ? 4 : 16);
    quote.from.port = read16(data + header_size);
    quote.to.port = read16(data + header_size + 2);
    *ret = quote;
    return 0;
}

bool packet_has_valid_checksum(const struct packet *packet)
{
    uint64_t sum = 0;
    if (packet->protocol == IPPROTO_UDP && read16(packet->payload + 6) == 0)
        return packet->from.family == 4; /* RFC 8200 sec. 8.1: not optional over IPv6 */
    if (packet->protocol != IPPROTO_ICMP)
        sum = checksum_pseudo(&packet->from, &packet->to, packet->protocol, packet->payload_size);
    return checksum_finish(checksum_add(sum, packet->payload, packet->payload_size)) == 0;
}
