/* The Internet checksum (RFC 1071), as used by IPv4, ICMP, TCP and UDP. */
#ifndef TUN2SOCKS_CHECKSUM_H
#define TUN2SOCKS_CHECKSUM_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

/* A running one's complement sum, not yet folded; start with 0. Pieces but the last must be of even
 * size. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t size);
/* The pseudo header that TCP and UDP (both families) and ICMPv6 include: RFC 9293 sec. 3.1,
 * RFC 8200 sec. 8.1. */
uint64_t checksum_pseudo(const struct address *from, const struct address *to, uint8_t protocol,
                         size_t payload_size);
/* 16 bits in network order, ready to be stored: the sum itself, and its complement. */
uint16_t checksum_fold(uint64_t sum);
uint16_t checksum_finish(uint64_t sum);

#endif
