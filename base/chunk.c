#include "base/chunk.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SHARES = 8, SET_ASIDE = 8 }; /* parts of what is free; of the whole */

/* A free chunk of the pool; lies where the chunk's own fields were. */
struct free_chunk {
    struct free_chunk *next;
};

struct chunk_pool {
    size_t limit_bytes, keep_bytes;
    size_t used_bytes, kept_bytes;
    uint64_t refusals;
    struct free_chunk *free_list; /* large ones only */
    bool is_closed;               /* its owner is gone; the last chunk frees it */
};

static size_t footprint(size_t capacity)
{
    return sizeof(struct chunk) + capacity;
}

static void trim(struct chunk_pool *pool, size_t keep_bytes)
{
    while (pool->free_list && pool->kept_bytes > keep_bytes) {
        struct free_chunk *chunk = pool->free_list;
        pool->free_list = chunk->next;
        pool->kept_bytes -= footprint(CHUNK_LARGE_BYTES);
        free(chunk);
    }
}

struct chunk_pool *chunk_pool_new(size_t limit_bytes, size_t keep_bytes)
{
    struct chunk_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pool->limit_bytes = limit_bytes;
    pool->keep_bytes = keep_bytes;
    return pool;
}

static void free_if_unused(struct chunk_pool *pool)
{
    if (!pool->is_closed || pool->used_bytes > 0)
        return;
    trim(pool, 0);
    free(pool);
}

void chunk_pool_free(struct chunk_pool *pool)
{
    if (!pool)
        return;
    pool->is_closed = true;
    free_if_unused(pool);
}

void chunk_pool_trim(struct chunk_pool *pool)
{
    trim(pool, 0);
}

void chunk_pool_set_limit(struct chunk_pool *pool, size_t limit_bytes)
{
    pool->limit_bytes = limit_bytes;
}

static size_t room(const struct chunk_pool *pool)
{
    return pool->limit_bytes > pool->used_bytes ? pool->limit_bytes - pool->used_bytes : 0;
}

size_t chunk_pool_share(const struct chunk_pool *pool)
{
    size_t set_aside = pool->limit_bytes / SET_ASIDE;
    size_t share = room(pool) > set_aside ? (room(pool) - set_aside) / SHARES : 0;
    return share > CHUNK_SMALL_BYTES ? share : CHUNK_SMALL_BYTES;
}

struct chunk_pool_stats chunk_pool_stats(const struct chunk_pool *pool)
{
    return (struct chunk_pool_stats){
        .used_bytes = pool->used_bytes,
        .kept_bytes = pool->kept_bytes,
        .refusals = pool->refusals,
    };
}

static struct chunk *take_memory(struct chunk_pool *pool, size_t capacity)
{
    struct free_chunk *kept = pool->free_list;
    if (capacity != CHUNK_LARGE_BYTES || !kept)
        return malloc(footprint(capacity));
    pool->free_list = kept->next;
    pool->kept_bytes -= footprint(CHUNK_LARGE_BYTES);
    return (struct chunk *)(void *)kept;
}

struct chunk *chunk_new(struct chunk_pool *pool, size_t capacity)
{
    struct chunk *chunk = NULL;
    if (capacity <= UINT32_MAX && footprint(capacity) <= room(pool))
        chunk = take_memory(pool, capacity);
    if (!chunk) {
        pool->refusals++;
        return NULL;
    }
    chunk->pool = pool;
    chunk->refs = 1;
    chunk->capacity = (uint32_t)capacity;
    pool->used_bytes += footprint(capacity);
    return chunk;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    assert(chunk->refs > 0 && chunk->refs < UINT32_MAX);
    chunk->refs++;
    return chunk;
}

static void give_back(struct chunk_pool *pool, struct chunk *chunk)
{
    size_t size = footprint(chunk->capacity);
    pool->used_bytes -= size;
    if (chunk->capacity != CHUNK_LARGE_BYTES || pool->kept_bytes + size > pool->keep_bytes) {
        free(chunk);
        return;
    }
    struct free_chunk *kept = (struct free_chunk *)(void *)chunk;
    kept->next = pool->free_list;
    pool->free_list = kept;
    pool->kept_bytes += size;
}

void chunk_unref(struct chunk *chunk)
{
    if (!chunk)
        return;
    assert(chunk->refs > 0);
    if (--chunk->refs > 0)
        return;
    struct chunk_pool *pool = chunk->pool;
    give_back(pool, chunk);
    free_if_unused(pool);
}
