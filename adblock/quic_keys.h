/* The keys of a QUIC client's Initial packets, which anybody can make from the connection id that
 * the packets carry: they keep accidents out, not readers (RFC 9001 sec. 5, RFC 9369 sec. 3.3). */
#ifndef ADBLOCK_QUIC_KEYS_H
#define ADBLOCK_QUIC_KEYS_H

#include "adblock/quic_packet.h"

enum {
    QUIC_KEY_BYTES = 16,
    QUIC_IV_BYTES = 12,
    QUIC_SAMPLE_BYTES = 16,
    QUIC_MASK_BYTES = 5,
    QUIC_TAG_BYTES = 16,
};

struct quic_keys {
    uint8_t key[QUIC_KEY_BYTES], iv[QUIC_IV_BYTES], header[QUIC_KEY_BYTES];
};

/* 0 or -ENOMEM, as for all of them. */
int quic_keys_of_client(enum quic_version version, const struct quic_id *to, struct quic_keys *ret);
/* What hides the packet's number and parts of its first byte (RFC 9001 sec. 5.4). */
int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[QUIC_SAMPLE_BYTES],
                   uint8_t ret[QUIC_MASK_BYTES]);
/* Decrypt `size` bytes, the tag included, to size - QUIC_TAG_BYTES; `header` is the packet's, with
 * its number, in the clear. -EBADMSG: not sealed with these keys. */
int quic_keys_open(const struct quic_keys *keys, uint64_t number, const uint8_t *header,
                   size_t header_size, const uint8_t *data, size_t size, uint8_t *to);

#endif
