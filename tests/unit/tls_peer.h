/* The other end of TLS for tests: a server by mbedTLS on a non-blocking descriptor, and the
 * certificates it needs, made on the spot. */
#ifndef TESTS_TLS_PEER_H
#define TESTS_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_peer;

struct tls_peer_options {
    const char *name; /* in the certificate: a DNS name, or an IPv4 address */
    bool is_address;
    bool is_expired;
    bool is_tls12;    /* no newer version */
    const char *alpn; /* the one protocol it speaks; NULL: any */
};

/* Writes the certificate that signs all others to a new file; returns its path. */
const char *tls_peer_ca_file(void);

struct tls_peer *tls_peer_new(int fd, const struct tls_peer_options *options);
void tls_peer_free(struct tls_peer *peer); /* closes the descriptor */

/* Bytes taken, 0 nothing now, < 0 broken. */
ssize_t tls_peer_send(struct tls_peer *peer, const void *data, size_t size);
/* > 0 bytes, 0 nothing now, ERR_EOF, other < 0 broken. */
ssize_t tls_peer_receive(struct tls_peer *peer, void *to, size_t capacity);
void tls_peer_finish(struct tls_peer *peer);
void tls_peer_reset(struct tls_peer *peer);
bool tls_peer_is_open(const struct tls_peer *peer); /* the handshake is over */
const char *tls_peer_alpn(const struct tls_peer *peer);
int tls_peer_fd(const struct tls_peer *peer);

#endif
