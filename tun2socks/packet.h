/* One IP packet, read: who, to whom, which protocol, where its header lies. IPv4 with options,
 * IPv6 with extension headers. Trusts nothing: whatever it points to lies inside the given bytes.
 * Nothing is copied or changed. RFC 791, RFC 8200, RFC 9293, RFC 768. */
#ifndef TUN2SOCKS_PACKET_H
#define TUN2SOCKS_PACKET_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_MAX_BYTES = 65535 };
enum {
    IPV4_HEADER_BYTES = 20,
    IPV6_HEADER_BYTES = 40,
    TCP_HEADER_BYTES = 20,
    UDP_HEADER_BYTES = 8
};
enum { TCP_FLAGS_AT = 13 }; /* in the header */
enum tcp_flag {
    TCP_FLAG_FIN = 1,
    TCP_FLAG_SYN = 2,
    TCP_FLAG_RST = 4,
    TCP_FLAG_PSH = 8,
    TCP_FLAG_ACK = 16
};

struct packet_fragment {
    bool is_one; /* a fragment: `payload` is a part of what `protocol` says, ports are unknown */
    bool has_more;
    uint32_t id;
    uint16_t offset; /* in bytes */
};

struct packet {
    uint8_t *data;           /* the IP header */
    size_t size;             /* without what may follow the packet */
    struct address from, to; /* ports of TCP and UDP, else 0 */
    uint8_t protocol;        /* IPPROTO_*: the first that is no extension header */
    uint8_t *payload;        /* its header */
    size_t payload_size;
    struct packet_fragment fragment;
    /* TCP */
    uint32_t sequence, acknowledged;
    uint8_t tcp_flags;
    uint8_t tcp_header_size; /* with options */
};

/* 0; -EBADMSG malformed; -EPROTONOSUPPORT a well-formed packet of another protocol than TCP, UDP,
 * ICMP; -EADDRNOTAVAIL addresses that no conversation of ours can have (unspecified, loopback,
 * multicast, broadcast, our own reflection). `ret` is filled in the last two cases, too. */
int packet_parse(uint8_t *data, size_t size, struct packet *ret);

/* The start of a packet of ours as an ICMP error quotes it: headers only, lengths and checksums
 * that point beyond the quote. Fills in protocol, addresses and ports. 0 or -EBADMSG. */
int packet_parse_quote(const uint8_t *data, size_t size, struct packet *ret);

/* Of the whole payload. A fragment cannot be judged; a UDP checksum of 0 over IPv4 is right. */
bool packet_has_valid_checksum(const struct packet *packet);

#endif
