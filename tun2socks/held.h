/* Chunks that lwIP still points into: they were written without a copy and are let go in the order
 * in which the client acknowledges their bytes. No memory while empty. */
#ifndef TUN2SOCKS_HELD_H
#define TUN2SOCKS_HELD_H

#include "base/chunk.h"

struct held_item;

struct held {
    struct held_item *items; /* ring */
    uint32_t first, count, capacity;
};

/* Make room for one more item. 0 or -ENOMEM. */
int held_reserve(struct held *held);
/* `size` more bytes were written; from `chunk`, or NULL when lwIP has its own copy. */
void held_add(struct held *held, struct chunk *chunk, size_t size);
/* The oldest `size` bytes were acknowledged. */
void held_release(struct held *held, size_t size);
void held_clear(struct held *held);

#endif
