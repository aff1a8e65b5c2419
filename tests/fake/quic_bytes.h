/* A QUIC client's first packets, as they go over the wire (RFC 9000, RFC 9001): sealed by what the
 * test says, which shares only mbedTLS with the code that opens them. */
#ifndef TESTS_FAKE_QUIC_BYTES_H
#define TESTS_FAKE_QUIC_BYTES_H

#include "adblock/quic_packet.h"

enum { QUIC_DATAGRAM_BYTES = 1200, QUIC_BYTES_MAX = 4096 };

struct quic_bytes {
    uint8_t data[QUIC_BYTES_MAX];
    size_t size;
};

/* A CRYPTO frame, added. */
void quic_bytes_crypto(struct quic_bytes *frames, size_t offset, const void *data, size_t size);
/* An Initial packet with these frames, padded so that it ends at `end` bytes of the datagram (0: as
 * long as it is), added to it. */
void quic_bytes_initial(struct quic_bytes *datagram, enum quic_version version, const char *id,
                        uint32_t number, const struct quic_bytes *frames, size_t end);
/* A TLS 1.3 ClientHello that asks for `name` (NULL: nobody), with so many bytes of another
 * extension in front of the name. */
void quic_bytes_hello(struct quic_bytes *hello, const char *name, size_t before);
/* The whole: one datagram. */
void quic_bytes_first(struct quic_bytes *datagram, enum quic_version version, const char *id,
                      const char *name);

#endif
