/* Where the packets of a QUIC datagram begin and end, and whom they are for: what can be read
 * without keys (RFC 8999, RFC 9000 sec. 17.2, RFC 9369). Knows nothing of what is inside. */
#ifndef ADBLOCK_QUIC_PACKET_H
#define ADBLOCK_QUIC_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quic_version { QUIC_V1 = 0x00000001, QUIC_V2 = 0x6b3343cf };

enum { QUIC_ID_MAX = 20 }; /* RFC 9000 sec. 17.2 */

/* A connection id. Zeroed behind its end, so that ids can be compared as bytes. */
struct quic_id {
    uint8_t size;
    uint8_t bytes[QUIC_ID_MAX];
};

/* A packet with a long header, of a version that is known. */
struct quic_packet {
    enum quic_version version;
    bool is_initial;
    struct quic_id to; /* whom it is for: of a client's first Initials, chosen by the client */
    size_t number_at;  /* where its protected part begins, with the packet number */
    size_t size;       /* in the datagram; the next packet follows */
};

/* The packet at `data`. False: this is none, or one with a short header, or of another version;
 * nothing behind it in the datagram can be found. */
bool quic_packet_parse(const uint8_t *data, size_t size, struct quic_packet *ret);

/* A number of 1, 2, 4 or 8 bytes at data[*at] (RFC 9000 sec. 16), and *at behind it. */
bool quic_read_number(const uint8_t *data, size_t size, size_t *at, uint64_t *ret);

#endif
