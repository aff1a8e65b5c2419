/* The first datagrams of a QUIC client -> whom it asks for. The ClientHello lies in CRYPTO frames
 * (RFC 9000 sec. 19.6) of Initial packets, in any order, in pieces, over several packets of one or
 * more datagrams. Nothing is consumed; the keys are everybody's (quic_keys.h). */
#ifndef ADBLOCK_QUIC_HELLO_H
#define ADBLOCK_QUIC_HELLO_H

#include "adblock/quic_packet.h"
#include "adblock/tls_hello.h"

enum quic_hello_result {
    QUIC_HELLO_MORE,    /* the hello goes on in a datagram to come */
    QUIC_HELLO_NAME,    /* in *ret */
    QUIC_HELLO_NO_NAME, /* a hello without one */
    QUIC_HELLO_NONE,    /* no beginning of a connection, or none that can be read */
};

/* What has been read of one connection's hello: about 20 KB, no more whatever comes. */
struct quic_hello;

/* Does the datagram begin with an Initial packet of a version that can be read? Whether it is a
 * client's first only its decryption shows: the server's choice of an id makes no keys. */
bool quic_hello_is_initial(const void *data, size_t size, struct quic_id *ret_to);

/* Of the connection that the client begins with this id. NULL: out of memory. */
struct quic_hello *quic_hello_new(void);
void quic_hello_free(struct quic_hello *hello); /* NULL is accepted */
/* The next datagram. Packets for another id than the first are passed over. `ret` is written with
 * NAME and NO_NAME; then, and after NONE, nothing more may be fed. */
enum quic_hello_result quic_hello_feed(struct quic_hello *hello, const void *data, size_t size,
                                       struct tls_hello *ret);

#endif
