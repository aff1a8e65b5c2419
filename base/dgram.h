/* A datagram pipe: one application's UDP socket seen from our side, or one association with an
 * upstream. `peer` is always the far endpoint, the one on the internet: on the application's side
 * it is whom the datagram is meant for (on_datagram) or said to come from (send).
 *
 * Datagrams are taken whole or dropped and counted, never queued without bound. The bytes of
 * on_datagram are borrowed until it returns. dgram_send never calls back; on_datagram and
 * on_end come from the loop. */
#ifndef BASE_DGRAM_H
#define BASE_DGRAM_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

enum { DGRAM_MAX_BYTES = 65507 };

struct dgram;

struct dgram_ops {
    /* 0 taken; -EAGAIN dropped because something is full (counted); -EMSGSIZE; other < 0 dead. */
    int (*send)(struct dgram *dgram, const struct endpoint *peer, const void *data, size_t size);
    /* Only inside on_datagram, about that very datagram: tell the sender that nobody takes it
     * (ICMP port unreachable). Where the other side has no such word it is a silent drop. */
    void (*refuse)(struct dgram *dgram);
    /* The same later, about a datagram whose bytes were kept. NULL where there is no such word. */
    void (*refuse_late)(struct dgram *dgram, const struct endpoint *peer, const void *data,
                        size_t size);
    void (*close)(struct dgram *dgram);
};

/* Embedded first in each implementation. */
struct dgram {
    const struct dgram_ops *ops;
    void (*on_datagram)(void *owner, const struct endpoint *peer, const void *data, size_t size);
    void (*on_end)(void *owner, int err); /* broken, or gone by its own timeout; close it now */
    void *owner;
    struct address client; /* application's side: the socket's own address; else family 0 */
    struct address local;  /* where it sends to, if not to the peers themselves; else family 0 */
};

static inline int dgram_send(struct dgram *dgram, const struct endpoint *peer, const void *data,
                             size_t size)
{
    return dgram->ops->send(dgram, peer, data, size);
}

static inline void dgram_refuse(struct dgram *dgram)
{
    dgram->ops->refuse(dgram);
}

static inline void dgram_refuse_late(struct dgram *dgram, const struct endpoint *peer,
                                     const void *data, size_t size)
{
    if (dgram->ops->refuse_late)
        dgram->ops->refuse_late(dgram, peer, data, size);
}

/* The owner lets go: no callback afterwards, the pointer is dead. NULL is accepted. */
static inline void dgram_close(struct dgram *dgram)
{
    if (dgram)
        dgram->ops->close(dgram);
}

#endif
