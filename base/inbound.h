/* A connection that knocks at a door and waits for an answer: a TCP SYN from the TUN that lwIP has
 * not seen yet, a SOCKS5 or HTTP CONNECT request at the local endpoint. Whoever receives it owns it
 * and ends it with exactly one of admit, refuse. Both may be called at once or much later; a knock
 * that the client gave up meanwhile says so by on_gone and must then be refused. */
#ifndef BASE_INBOUND_H
#define BASE_INBOUND_H

#include "base/endpoint.h"
#include "base/stream.h"

struct inbound;

struct inbound_ops {
    /* Answer yes: the handshake goes on and the stream is usable at once (writes may have to wait).
     * The inbound is gone afterwards. Returns 0 and the stream, or < 0 (the client was reset). */
    int (*admit)(struct inbound *inbound, struct stream **ret);
    /* Answer no with the nearest thing the door's protocol can say for `err`: TCP reset or ICMP
     * unreachable, a SOCKS5 reply code, an HTTP status. The inbound is gone afterwards. */
    void (*refuse)(struct inbound *inbound, int err);
};

/* Embedded first in each implementation. */
struct inbound {
    const struct inbound_ops *ops;
    const char *door;       /* "tun", "socks5", "http": for logs; static */
    struct address client;  /* who knocks */
    struct address local;   /* where it knocks, if not at the target itself; else family 0 */
    struct endpoint target; /* whom it wants */
    loop_fn *on_gone;       /* set by the owner; may stay NULL */
    void *owner;
};

static inline int inbound_admit(struct inbound *inbound, struct stream **ret)
{
    return inbound->ops->admit(inbound, ret);
}

static inline void inbound_refuse(struct inbound *inbound, int err)
{
    inbound->ops->refuse(inbound, err);
}

#endif
