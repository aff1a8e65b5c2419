/* Bounded byte queue: a ring of spans over counted chunks. Cannot be made without a maximum; holds
 * no memory while it is empty. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/chunk.h"

#include <stdbool.h>
#include <sys/types.h>

struct buf {
    struct chunk_pool *pool;
    struct span *spans; /* ring; NULL while empty */
    uint32_t first, count, capacity;
    size_t size;  /* bytes queued */
    size_t limit; /* bytes at most */
};

void buf_init(struct buf *buf, struct chunk_pool *pool, size_t limit);
void buf_done(struct buf *buf); /* drops everything; init again to use again */

size_t buf_size(const struct buf *buf);
size_t buf_room(const struct buf *buf);

/* Copy bytes in. Returns how many were taken, from 0 (full) to `size`, or -ENOMEM. */
ssize_t buf_put(struct buf *buf, const void *data, size_t size);
/* The same, all of it or nothing. 0, -ENOBUFS (no room), -ENOMEM. */
int buf_put_whole(struct buf *buf, const void *data, size_t size);
/* Queue spans: those in a chunk are kept by reference, others, and very short ones, are copied.
 * Returns like buf_put. */
ssize_t buf_put_spans(struct buf *buf, const struct span *spans, int count);

/* Up to `max` spans of the queued bytes, valid until the next call on this buf. */
int buf_peek(const struct buf *buf, struct span *ret, int max);
void buf_consume(struct buf *buf, size_t size);

#endif
