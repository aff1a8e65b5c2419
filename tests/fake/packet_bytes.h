/* Packets for tests, written and read without any code of tun2socks/: a wrong checksum there cannot
 * hide here. */
#ifndef TESTS_FAKE_PACKET_BYTES_H
#define TESTS_FAKE_PACKET_BYTES_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_BYTES_MAX = 65535 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct segment {
    struct address from, to;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
    const void *options; /* a multiple of 4 bytes */
    size_t options_size;
    const void *data;
    size_t size;
};

/* Each writes a whole IP packet and returns its size. */
size_t packet_tcp(uint8_t *to, const struct segment *segment);
size_t packet_udp(uint8_t *to, const struct address *from, const struct address *target,
                  const void *data, size_t size);
size_t packet_echo(uint8_t *to, const struct address *from, const struct address *target,
                   const void *data, size_t size);
/* Any payload under a plain IP header. */
size_t packet_ip(uint8_t *to, const struct address *from, const struct address *target,
                 uint8_t protocol, const void *payload, size_t size);
/* Part [offset, offset + size) of a packet's payload as a fragment of it. */
size_t packet_fragment_of(uint8_t *to, const uint8_t *whole, size_t offset, size_t size,
                          bool has_more, uint32_t id);
/* After a test has changed bytes of an IPv4 header. */
void packet_fix_header(uint8_t *packet);

/* What came back. */
struct seen {
    uint8_t bytes[PACKET_BYTES_MAX];
    size_t total;
    struct address from, to;
    uint8_t protocol;
    bool is_fragment, has_more;
    size_t fragment_offset;
    uint8_t *payload; /* after the IP header */
    size_t payload_size;
    uint32_t seq, ack; /* TCP */
    uint8_t flags;
    uint16_t window;
    uint16_t mss;        /* of the option; 0 none */
    int window_scale;    /* -1 none */
    const uint8_t *data; /* of TCP and UDP */
    size_t size;
};

/* Reads seen->bytes; false when anything is wrong with them, the checksums included. */
bool seen_read(struct seen *seen);

#endif
