/* The headers of packets that we write ourselves, without lwIP: IP, UDP, ICMP errors and echoes,
 * TCP resets. `from` is always the far end, on whose behalf we answer, `to` the application. */
#ifndef TUN2SOCKS_IP_WRITER_H
#define TUN2SOCKS_IP_WRITER_H

#include "tun2socks/packet.h"

enum {
    IP_WRITER_HEADER_MAX = IPV6_HEADER_BYTES + 8, /* with a fragment header */
    /* The largest ICMP error: RFC 1812 sec. 4.3.2.3 for IPv4, RFC 4443 sec. 2.4 for IPv6. */
    ICMP_ERROR_MAX_BYTES = 1280,
    TCP_RESET_MAX_BYTES = IPV6_HEADER_BYTES + TCP_HEADER_BYTES,
};

/* Each returns how many bytes were written. */
size_t ip_write_header(uint8_t *to, const struct address *src, const struct address *dst,
                       uint8_t protocol, size_t payload_size);
/* `size` is that of this piece; both families want it a multiple of 8 but in the last one. */
size_t ip_write_fragment_header(uint8_t *to, const struct address *src, const struct address *dst,
                                uint8_t protocol, size_t size,
                                const struct packet_fragment *fragment);

/* UDP header with a checksum over `data`, or with just the pseudo header's sum when the device
 * finishes it. */
void udp_write_header(uint8_t *to, const struct address *src, const struct address *dst,
                      const void *data, size_t size, bool is_partial);

/* What an answer to `packet` says. */
enum icmp_reason {
    ICMP_REASON_PORT,    /* nobody is there */
    ICMP_REASON_HOST,    /* cannot be reached */
    ICMP_REASON_REFUSED, /* administratively prohibited */
    ICMP_REASON_PROTOCOL /* we do not carry this protocol */
};
/* `to` holds ICMP_ERROR_MAX_BYTES. 0: this packet gets no answer (RFC 1122 sec. 3.2.2). */
size_t icmp_write_error(uint8_t *to, const struct packet *packet, enum icmp_reason reason);
/* Turn an echo request into its reply, in place. The size stays. */
void icmp_turn_echo(struct packet *packet);
bool icmp_is_echo_request(const struct packet *packet);

/* RFC 9293 sec. 3.5.2; `to` holds TCP_RESET_MAX_BYTES. */
size_t tcp_write_reset(uint8_t *to, const struct packet *packet);

#endif
