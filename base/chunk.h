/* Bytes in memory, counted. A chunk is filled once by whoever read the bytes; from then on it does
 * not change, so a stream that is handed a span of it may keep a reference instead of a copy: this
 * is how a byte gets from an upstream's socket into lwIP's retransmission queue without being
 * copied by us.
 *
 * Large chunks (CHUNK_LARGE_BYTES) come from a per-loop pool with a limit; small ones are sized
 * to their content. */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { CHUNK_LARGE_BYTES = 64 * 1024, CHUNK_SMALL_BYTES = 4096 };

struct chunk_pool;

struct chunk {
    struct chunk_pool *pool;
    uint32_t refs;
    uint32_t capacity;
    uint8_t data[];
};

/* A run of bytes. `chunk` is the counted memory it lies in, or NULL when it is only borrowed for
 * the length of a call. */
struct span {
    const uint8_t *data;
    size_t size;
    struct chunk *chunk;
};

static inline size_t spans_size(const struct span *spans, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    return size;
}

/* `limit_bytes` bounds everything the pool has handed out; beyond it chunk_new returns NULL and
 * the caller waits (a stream stops reading). Up to `keep_bytes` of free large chunks are kept. */
struct chunk_pool *chunk_pool_new(size_t limit_bytes, size_t keep_bytes);
void chunk_pool_free(struct chunk_pool *pool);
/* Free what is kept for the next chunks. */
void chunk_pool_trim(struct chunk_pool *pool);
void chunk_pool_set_limit(struct chunk_pool *pool, size_t limit_bytes);

/* How many bytes one holder may keep: a part of what is free, so that many who have stopped leave
 * something for others. Whoever has more takes no more. At least CHUNK_SMALL_BYTES: for those that
 * have nothing a part of the pool is set aside, which is handed out in pieces of this size. */
size_t chunk_pool_share(const struct chunk_pool *pool);

struct chunk_pool_stats {
    size_t used_bytes, kept_bytes;
    uint64_t refusals;
};
struct chunk_pool_stats chunk_pool_stats(const struct chunk_pool *pool);

/* One reference, held by the caller; NULL at the limit or out of memory. */
struct chunk *chunk_new(struct chunk_pool *pool, size_t capacity);
struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk *chunk); /* NULL is accepted */

#endif
