#include "tests/fake/packet_bytes.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { TTL = 64, MORE = 0x2000 };

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The obvious way, sixteen bits at a time. 32 bits hold the sum of a whole packet. */
static uint32_t add(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    if (size % 2)
        sum += (uint32_t)data[size - 1] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

static uint16_t transport_sum(const struct address *from, const struct address *to,
                              uint8_t protocol, const uint8_t *payload, size_t size)
{
    size_t ip_size = from->family == 4 ? 4 : 16;
    uint32_t sum = add(0, from->ip, ip_size);
    sum = add(sum, to->ip, ip_size);
    sum += protocol;
    sum += (uint32_t)size; /* below 2^16 */
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~add(sum, payload, size);
}

size_t packet_ip(uint8_t *to, const struct address *from, const struct address *target,
                 uint8_t protocol, const void *payload, size_t size)
{
    if (from->family == 4) {
        memset(to, 0, 20);
        to[0] = 0x45;
        put16(to + 2, 20 + size);
        to[8] = TTL;
        to[9] = protocol;
        memcpy(to + 12, from->ip, 4);
        memcpy(to + 16, target->ip, 4);
        packet_fix_header(to);
        if (size > 0)
            memmove(to + 20, payload, size);
        return 20 + size;
    }
    memset(to, 0, 8);
    to[0] = 0x60;
    put16(to + 4, size);
    to[6] = protocol;
    to[7] = TTL;
    memcpy(to + 8, from->ip, 16);
    memcpy(to + 24, target->ip, 16);
    if (size > 0)
        memmove(to + 40, payload, size);
    return 40 + size;
}

void packet_fix_header(uint8_t *packet)
{
    put16(packet + 10, 0);
    put16(packet + 10, (uint16_t)~add(0, packet, (size_t)(packet[0] & 15) * 4));
}

size_t packet_tcp(uint8_t *to, const struct segment *segment)
{
    static uint8_t tcp[PACKET_BYTES_MAX];
    size_t header = 20 + segment->options_size;
    size_t size = header + segment->size;
    memset(tcp, 0, 20);
    put16(tcp, segment->from.port);
    put16(tcp + 2, segment->to.port);
    put32(tcp + 4, segment->seq);
    put32(tcp + 8, segment->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = segment->flags;
    put16(tcp + 14, segment->window);
    if (segment->options_size)
        memcpy(tcp + 20, segment->options, segment->options_size);
    if (segment->size)
        memcpy(tcp + header, segment->data, segment->size);
    put16(tcp + 16, transport_sum(&segment->from, &segment->to, IPPROTO_TCP, tcp, size));
    return packet_ip(to, &segment->from, &segment->to, IPPROTO_TCP, tcp, size);
}

size_t packet_udp(uint8_t *to, const struct address *from, const struct address *target,
                  const void *data, size_t size)
{
    static uint8_t udp[PACKET_BYTES_MAX];
    put16(udp, from->port);
    put16(udp + 2, target->port);
    put16(udp + 4, 8 + size);
    put16(udp + 6, 0);
    if (size)
        memcpy(udp + 8, data, size);
    put16(udp + 6, transport_sum(from, target, IPPROTO_UDP, udp, 8 + size));
    return packet_ip(to, from, target, IPPROTO_UDP, udp, 8 + size);
}

size_t packet_echo(uint8_t *to, const struct address *from, const struct address *target,
                   const void *data, size_t size)
{
    static uint8_t icmp[PACKET_BYTES_MAX];
    bool is_ipv4 = from->family == 4;
    uint8_t protocol = is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    memset(icmp, 0, 8);
    icmp[0] = is_ipv4 ? 8 : 128;
    put16(icmp + 4, 77);
    memcpy(icmp + 8, data, size);
    put16(icmp + 2, is_ipv4 ? (uint16_t)~add(0, icmp, 8 + size)
                            : transport_sum(from, target, protocol, icmp, 8 + size));
    return packet_ip(to, from, target, protocol, icmp, 8 + size);
}

size_t packet_fragment_of(uint8_t *to, const uint8_t *whole, size_t offset, size_t size,
                          bool has_more, uint32_t id)
{
    bool is_ipv4 = whole[0] >> 4 == 4;
    size_t header = is_ipv4 ? 20 : 40;
    memcpy(to, whole, header);
    if (is_ipv4) {
        put16(to + 2, header + size);
        put16(to + 4, id);
        put16(to + 6, (has_more ? MORE : 0) | offset / 8);
        packet_fix_header(to);
    } else {
        put16(to + 4, 8 + size);
        to[6] = IPPROTO_FRAGMENT;
        to[40] = whole[6];
        to[41] = 0;
        put16(to + 42, offset | (has_more ? 1 : 0));
        put32(to + 44, id);
    }
    memcpy(to + header + (is_ipv4 ? 0 : 8), whole + header + offset, size);
    return header + (is_ipv4 ? 0 : 8) + size;
}

static bool read_ip(struct seen *seen)
{
    const uint8_t *ip = seen->bytes;
    bool is_ipv4 = ip[0] == 0x45;
    size_t header = is_ipv4 ? 20 : 40;
    if (seen->total < header || (!is_ipv4 && ip[0] != 0x60))
        return false;
    size_t total = is_ipv4 ? get16(ip + 2) : get16(ip + 4) + header;
    if (total != seen->total || (is_ipv4 && (uint16_t)~add(0, ip, 20) != 0))
        return false;
    seen->from = seen->to = (struct address){.family = is_ipv4 ? 4 : 6};
    memcpy(seen->from.ip, ip + (is_ipv4 ? 12 : 8), is_ipv4 ? 4 : 16);
    memcpy(seen->to.ip, ip + (is_ipv4 ? 16 : 24), is_ipv4 ? 4 : 16);
    seen->protocol = ip[is_ipv4 ? 9 : 6];
    seen->is_fragment = seen->has_more = false;
    if (is_ipv4) {
        seen->has_more = (get16(ip + 6) & MORE) != 0;
        seen->fragment_offset = (size_t)(get16(ip + 6) & 0x1fff) * 8;
    } else if (seen->protocol == IPPROTO_FRAGMENT) {
        seen->protocol = ip[40];
        seen->has_more = ip[43] & 1;
        seen->fragment_offset = get16(ip + 42) & ~7U;
        header += 8;
    }
    seen->is_fragment = seen->has_more || (seen->fragment_offset && header != 40);
    seen->payload = seen->bytes + header;
    seen->payload_size = total - header;
    return true;
}

static bool read_tcp(struct seen *seen)
{
    const uint8_t *tcp = seen->payload;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    seen->from.port = get16(tcp);
    seen->to.port = get16(tcp + 2);
    seen->seq = get32(tcp + 4);
    seen->ack = get32(tcp + 8);
    seen->flags = tcp[13];
    seen->window = get16(tcp + 14);
    seen->mss = 0;
    seen->window_scale = -1;
    for (size_t at = 20; at + 1 < header && tcp[at] != 0; at += tcp[at] == 1 ? 1 : tcp[at + 1]) {
        if (tcp[at] != 1 && tcp[at + 1] < 2)
            return false;
        if (tcp[at] == 2)
            seen->mss = get16(tcp + at + 2);
        if (tcp[at] == 3)
            seen->window_scale = tcp[at + 2];
    }
    seen->data = tcp + header;
    seen->size = seen->payload_size - header;
    return header >= 20 && header <= seen->payload_size;
}

bool seen_read(struct seen *seen)
{
    if (!read_ip(seen))
        return false;
    if (seen->is_fragment)
        return true;
    if (seen->protocol == IPPROTO_ICMP)
        return (uint16_t)~add(0, seen->payload, seen->payload_size) == 0;
    if (transport_sum(&seen->from, &seen->to, seen->protocol, seen->payload, seen->payload_size))
        return false;
    if (seen->protocol == IPPROTO_TCP)
        return seen->payload_size >= 20 && read_tcp(seen);
    if (seen->protocol == IPPROTO_UDP) {
        seen->from.port = get16(seen->payload);
        seen->to.port = get16(seen->payload + 2);
        seen->data = seen->payload + 8;
        seen->size = seen->payload_size - 8;
        return get16(seen->payload + 4) == seen->payload_size;
    }
    return true;
}
