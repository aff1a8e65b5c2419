/* What a client sent and nobody has consumed yet: lwIP's buffers as they came, linked. Small pieces
 * that have to wait are packed together, so that the window bounds the memory, too. */
#ifndef TUN2SOCKS_UNREAD_H
#define TUN2SOCKS_UNREAD_H

#include "base/chunk.h"

struct pbuf;

struct unread {
    struct pbuf *first, *last;
    size_t size;
    size_t packing_room; /* left in `last`, when that one is ours to pack into */
};

/* Takes the buffers. */
void unread_put(struct unread *unread, struct pbuf *chain);
int unread_peek(const struct unread *unread, struct span *ret, int max);
void unread_consume(struct unread *unread, size_t size);
void unread_clear(struct unread *unread);
size_t unread_size(const struct unread *unread);

#endif
