/* Asks an upstream, over a connected stream, for what a dial wants: SOCKS5 (RFC 1928, 1929) or HTTP
 * CONNECT (RFC 9110 sec. 9.3.6). Consumes exactly the server's part of the handshake: what follows
 * is still in the stream (base/stream.h, rule 7). Deadlines are the owner's business. */
#ifndef PROXY_HANDSHAKE_H
#define PROXY_HANDSHAKE_H

#include "base/stream.h"
#include "proxy/http_connect.h"
#include "proxy/socks5.h"
#include "proxy/upstream.h"

struct handshake;

/* 0 or why not. The owner may free everything inside. */
typedef void handshake_done_fn(void *owner, int err);

/* Embedded in its owner. */
struct handshake {
    struct stream *stream;
    const struct upstream *upstream;
    const struct endpoint *target;
    enum socks5_command command;
    int (*step)(struct handshake *handshake); /* what the next bytes of the server are */
    handshake_done_fn *on_done;
    void *owner;
    struct address bound; /* SOCKS5: of the reply; family 0: unknown */
    size_t size, sent;    /* of our part */
    uint8_t bytes[HTTP_CONNECT_REQUEST_MAX];
    /* The beginning of the server's next message, taken out of the stream: bytes that stayed there
     * would hide the end that may follow them. */
    uint8_t *begun;
    size_t begun_size, begun_max;
};

/* Becomes the stream's owner until on_done, which comes once, from the loop. `stream`, `upstream`
 * and `target` are borrowed. For UPSTREAM_HTTP and _HTTPS only SOCKS5_CONNECT. Returns 0;
 * ERR_UNSUPPORTED; ERR_AUTH for credentials that the protocol cannot carry. */
int handshake_start(struct handshake *handshake, struct stream *stream,
                    const struct upstream *upstream, enum socks5_command command,
                    const struct endpoint *target, handshake_done_fn *on_done, void *owner);
/* No on_done from now on; the stream has no owner. Harmless when it has ended or never began. */
void handshake_stop(struct handshake *handshake);

#endif
