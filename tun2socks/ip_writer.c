#include "tun2socks/ip_writer.h"

#include "tun2socks/checksum.h"

#include <netinet/in.h>
#include <string.h>

enum { HOP_LIMIT = 64, ICMP_HEADER_BYTES = 8, FRAGMENT_HEADER_BYTES = 8 };
enum { IPV4_MORE_FRAGMENTS = 0x2000, ICMPV4_QUOTE_MAX = 576 - IPV4_HEADER_BYTES };
enum { ICMPV4_ECHO_REPLY = 0, ICMPV4_UNREACHABLE = 3, ICMPV4_ECHO = 8 };
enum { ICMPV6_UNREACHABLE = 1, ICMPV6_PARAMETER = 4, ICMPV6_ECHO = 128, ICMPV6_ECHO_REPLY = 129 };

static void write16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write32(uint8_t *at, uint32_t value)
{
    write16(at, value >> 16);
    write16(at + 2, value);
}

/* Of both families; `at` is where the sum belongs and must be 0 while it is computed. */
static void write_sum(uint8_t *at, uint16_t sum)
{
    memcpy(at, &sum, sizeof(sum));
}

static size_t write_ipv4(uint8_t *to, const struct address *src, const struct address *dst,
                         uint8_t protocol, size_t payload_size,
                         const struct packet_fragment *fragment)
{
    memset(to, 0, IPV4_HEADER_BYTES);
    to[0] = 0x45;
    write16(to + 2, IPV4_HEADER_BYTES + payload_size);
    if (fragment) {
        write16(to + 4, fragment->id);
        write16(to + 6, (fragment->has_more ? IPV4_MORE_FRAGMENTS : 0) | fragment->offset / 8U);
    }
    to[8] = HOP_LIMIT;
    to[9] = protocol;
    memcpy(to + 12, src->ip, 4);
    memcpy(to + 16, dst->ip, 4);
    write_sum(to + 10, checksum_finish(checksum_add(0, to, IPV4_HEADER_BYTES)));
    return IPV4_HEADER_BYTES;
}

static size_t write_ipv6(uint8_t *to, const struct address *src, const struct address *dst,
                         uint8_t protocol, size_t payload_size)
{
    memset(to, 0, 8);
    to[0] = 0x60;
    write16(to + 4, payload_size);
    to[6] = protocol;
    to[7] = HOP_LIMIT;
    memcpy(to + 8, src->ip, 16);
    memcpy(to + 24, dst->ip, 16);
    return IPV6_HEADER_BYTES;
}

size_t ip_write_header(uint8_t *to, const struct address *src, const struct address *dst,
                       uint8_t protocol, size_t payload_size)
{
    if (src->family == 4)
        return write_ipv4(to, src, dst, protocol, payload_size, NULL);
    return write_ipv6(to, src, dst, protocol, payload_size);
}

size_t ip_write_fragment_header(uint8_t *to, const struct address *src, const struct address *dst,
                                uint8_t protocol, size_t size,
                                const struct packet_fragment *fragment)
{
    if (src->family == 4)
        return write_ipv4(to, src, dst, protocol, size, fragment);
    size_t header_size = write_ipv6(to, src, dst, IPPROTO_FRAGMENT, FRAGMENT_HEADER_BYTES + size);
    uint8_t *header = to + header_size;
    header[0] = protocol;
    header[1] = 0;
    write16(header + 2, (size_t)fragment->offset | (fragment->has_more ? 1 : 0));
    write32(header + 4, fragment->id);
    return header_size + FRAGMENT_HEADER_BYTES;
}

void udp_write_header(uint8_t *to, const struct address *src, const struct address *dst,
                      const void *data, size_t size, bool is_partial)
{
    size_t total = UDP_HEADER_BYTES + size;
    write16(to, src->port);
    write16(to + 2, dst->port);
    write16(to + 4, total);
    write16(to + 6, 0);
    uint64_t sum = checksum_pseudo(src, dst, IPPROTO_UDP, total);
    if (is_partial) {
        write_sum(to + 6, checksum_fold(sum));
        return;
    }
    uint16_t whole = checksum_finish(checksum_add(checksum_add(sum, to, 8), data, size));
    write_sum(to + 6, whole ? whole : 0xffff); /* 0 means "none": RFC 768 */
}

/* An error about an error, about a fragment other than the first, or to many: never. */
static bool may_answer(const struct packet *packet)
{
    if (packet->fragment.is_one && packet->fragment.offset > 0)
        return false;
    if (packet->protocol == IPPROTO_ICMP && packet->from.family == 4)
        return packet->payload_size > 0 && packet->payload[0] == ICMPV4_ECHO;
    if (packet->protocol == IPPROTO_ICMPV6 && packet->from.family == 6)
        return packet->payload_size > 0 && packet->payload[0] >= ICMPV6_ECHO;
    return true;
}

static void write_reason(uint8_t *icmp, const struct packet *packet, enum icmp_reason reason)
{
    static const uint8_t codes_v4[] = {[ICMP_REASON_PORT] = 3,
                                       [ICMP_REASON_HOST] = 1,
                                       [ICMP_REASON_REFUSED] = 13,
                                       [ICMP_REASON_PROTOCOL] = 2};
    static const uint8_t codes_v6[] = {[ICMP_REASON_PORT] = 4,
                                       [ICMP_REASON_HOST] = 3,
                                       [ICMP_REASON_REFUSED] = 1,
                                       [ICMP_REASON_PROTOCOL] = 1};
    memset(icmp, 0, ICMP_HEADER_BYTES);
    if (packet->from.family == 4) {
        icmp[0] = ICMPV4_UNREACHABLE;
        icmp[1] = codes_v4[reason];
        return;
    }
    icmp[0] = reason == ICMP_REASON_PROTOCOL ? ICMPV6_PARAMETER : ICMPV6_UNREACHABLE;
    icmp[1] = codes_v6[reason];
    if (reason == ICMP_REASON_PROTOCOL) /* pointer to the next header field */
        write32(icmp + 4, 6);
}

size_t icmp_write_error(uint8_t *to, const struct packet *packet, enum icmp_reason reason)
{
    bool is_ipv4 = packet->from.family == 4;
    size_t header_size = is_ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    size_t quote_max =
        (is_ipv4 ? ICMPV4_QUOTE_MAX : ICMP_ERROR_MAX_BYTES - IPV6_HEADER_BYTES) - ICMP_HEADER_BYTES;
    size_t quote = packet->size < quote_max ? packet->size : quote_max;
    size_t size = ICMP_HEADER_BYTES + quote;
    uint8_t protocol = is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    uint8_t *icmp = to + header_size;
    if (!may_answer(packet))
        return 0;
    ip_write_header(to, &packet->to, &packet->from, protocol, size);
    write_reason(icmp, packet, reason);
    memcpy(icmp + ICMP_HEADER_BYTES, packet->data, quote);
    uint64_t sum = is_ipv4 ? 0 : checksum_pseudo(&packet->to, &packet->from, protocol, size);
    write_sum(icmp + 2, checksum_finish(checksum_add(sum, icmp, size)));
    return header_size + size;
}

bool icmp_is_echo_request(const struct packet *packet)
{
    if (packet->from.family == 4)
        return packet->protocol == IPPROTO_ICMP && packet->payload[0] == ICMPV4_ECHO;
    return packet->protocol == IPPROTO_ICMPV6 && packet->payload[0] == ICMPV6_ECHO;
}

void icmp_turn_echo(struct packet *packet)
{
    bool is_ipv4 = packet->from.family == 4;
    uint8_t *icmp = packet->payload;
    uint8_t *addresses = packet->data + (is_ipv4 ? 12 : 8);
    size_t address_size = is_ipv4 ? 4 : 16;
    /* The IPv4 header's sum does not change when the addresses change places. */
    memcpy(addresses, packet->to.ip, address_size);
    memcpy(addresses + address_size, packet->from.ip, address_size);
    icmp[0] = is_ipv4 ? ICMPV4_ECHO_REPLY : ICMPV6_ECHO_REPLY;
    write16(icmp + 2, 0);
    uint64_t sum =
        is_ipv4 ? 0
                : checksum_pseudo(&packet->to, &packet->from, IPPROTO_ICMPV6, packet->payload_size);
    write_sum(icmp + 2, checksum_finish(checksum_add(sum, icmp, packet->payload_size)));
}

size_t tcp_write_reset(uint8_t *to, const struct packet *packet)
{
    size_t header_size =
        ip_write_header(to, &packet->to, &packet->from, IPPROTO_TCP, TCP_HEADER_BYTES);
    uint8_t *tcp = to + header_size;
    uint32_t length = (uint32_t)(packet->payload_size - packet->tcp_header_size) +
                      (packet->tcp_flags & TCP_FLAG_SYN ? 1U : 0U) +
                      (packet->tcp_flags & TCP_FLAG_FIN ? 1U : 0U);
    memset(tcp, 0, TCP_HEADER_BYTES);
    write16(tcp, packet->to.port);
    write16(tcp + 2, packet->from.port);
    tcp[12] = TCP_HEADER_BYTES / 4 << 4;
    if (packet->tcp_flags & TCP_FLAG_ACK) {
        write32(tcp + 4, packet->acknowledged);
        tcp[13] = TCP_FLAG_RST;
    } else {
        write32(tcp + 8, packet->sequence + length);
        tcp[13] = TCP_FLAG_RST | TCP_FLAG_ACK;
    }
    uint64_t sum = checksum_pseudo(&packet->to, &packet->from, IPPROTO_TCP, TCP_HEADER_BYTES);
    write_sum(tcp + 16, checksum_finish(checksum_add(sum, tcp, TCP_HEADER_BYTES)));
    return header_size + TCP_HEADER_BYTES;
}
