#include "proxy/keep_bytes.h"

#include <errno.h>
#include <string.h>

enum {
    /* Reads up to this size are moved to a chunk of their own size, so that a few bytes do not pin
     * 64 KB until the other side has acknowledged them. */
    REPACK_BYTES = 4 * 1024,
    /* The same while older bytes wait: the flow is slowed down by its reader, a copy costs nothing
     * and the memory stays within twice the limit. */
    REPACK_WAITING_BYTES = CHUNK_LARGE_BYTES / 2,
    /* Queues copy what is smaller than a fraction of this, whatever they are told. */
    FEW_BYTES = 512,
};

/* The pool is at its limit: keep the chunk itself or, where the queue would copy, make room for the
 * copy first. Takes the chunk. */
static int keep_without_copy(struct buf *to, struct chunk *chunk, size_t at, size_t size)
{
    uint8_t few[FEW_BYTES];
    struct span span = {.data = chunk->data + at, .size = size, .chunk = chunk};
    if (size <= sizeof(few)) {
        memcpy(few, span.data, size);
        span = (struct span){.data = few, .size = size};
        chunk_unref(chunk);
        chunk = NULL;
    }
    ssize_t kept = buf_put_spans(to, &span, 1);
    chunk_unref(chunk);
    return kept == (ssize_t)size ? 0 : -ENOMEM;
}

int keep_bytes(struct buf *to, struct chunk *chunk, size_t size, bool is_waiting)
{
    size_t repack = is_waiting ? REPACK_WAITING_BYTES : REPACK_BYTES;
    ssize_t copied = size <= repack ? buf_put(to, chunk->data, size) : 0;
    size_t done = copied > 0 ? (size_t)copied : 0;
    if (done < size)
        return keep_without_copy(to, chunk, done, size - done);
    chunk_unref(chunk);
    return 0;
}
