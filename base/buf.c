#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEWEST_SPANS = 4,
    SMALLEST_CHUNK = 512,
    /* A reference to fewer bytes than this would hold more memory than a copy. */
    KEEP_BYTES = 256,
};

void buf_init(struct buf *buf, struct chunk_pool *pool, size_t limit)
{
    *buf = (struct buf){.pool = pool, .limit = limit};
}

static struct span *span_at(const struct buf *buf, uint32_t index)
{
    return &buf->spans[(buf->first + index) & (buf->capacity - 1)];
}

static struct span *last_span(const struct buf *buf)
{
    return buf->count ? span_at(buf, buf->count - 1) : NULL;
}

static void drop_ring(struct buf *buf)
{
    free(buf->spans);
    buf->spans = NULL;
    buf->first = buf->count = buf->capacity = 0;
}

void buf_done(struct buf *buf)
{
    for (uint32_t i = 0; i < buf->count; i++)
        chunk_unref(span_at(buf, i)->chunk);
    drop_ring(buf);
    buf->size = 0;
}

size_t buf_size(const struct buf *buf)
{
    return buf->size;
}

size_t buf_room(const struct buf *buf)
{
    return buf->limit > buf->size ? buf->limit - buf->size : 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int grow_ring(struct buf *buf)
{
    uint32_t capacity = buf->capacity ? buf->capacity * 2 : FEWEST_SPANS;
    struct span *spans = malloc(capacity * sizeof(*spans));
    if (!spans)
        return -ENOMEM;
    for (uint32_t i = 0; i < buf->count; i++)
        spans[i] = *span_at(buf, i);
    free(buf->spans);
    buf->spans = spans;
    buf->first = 0;
    buf->capacity = capacity;
    return 0;
}

/* Takes over the caller's reference to the span's chunk, unless it fails. */
static int append_span(struct buf *buf, struct span span)
{
    if (buf->count == buf->capacity) {
        int err = grow_ring(buf);
        if (err < 0)
            return err;
    }
    buf->count++;
    *last_span(buf) = span;
    buf->size += span.size;
    return 0;
}

/* How many bytes may be written right behind the last span: none if anybody else holds its chunk.
 */
static size_t tail_room(const struct buf *buf)
{
    const struct span *last = last_span(buf);
    if (!last || last->chunk->refs != 1)
        return 0;
    return last->chunk->capacity - (size_t)(last->data + last->size - last->chunk->data);
}

static size_t put_in_tail(struct buf *buf, const uint8_t *data, size_t size)
{
    size_t part = smaller(size, tail_room(buf));
    if (part == 0)
        return 0;
    struct span *last = last_span(buf);
    memcpy((uint8_t *)last->data + last->size, data, part);
    last->size += part;
    buf->size += part;
    return part;
}

/* Small while little is queued, doubling with what is, so that a trickle stays cheap and a flood
 * ends in pooled chunks. */
static size_t next_capacity(const struct buf *buf, size_t size)
{
    size_t capacity = larger(larger(size, buf->size), SMALLEST_CHUNK);
    return capacity > CHUNK_LARGE_BYTES / 2 ? CHUNK_LARGE_BYTES : capacity;
}

static ssize_t put_in_new_chunk(struct buf *buf, const uint8_t *data, size_t size)
{
    struct chunk *chunk = chunk_new(buf->pool, next_capacity(buf, size));
    if (!chunk)
        return -ENOMEM;
    struct span span = {
        .data = chunk->data, .size = smaller(size, chunk->capacity), .chunk = chunk};
    memcpy(chunk->data, data, span.size);
    int err = append_span(buf, span);
    if (err < 0) {
        chunk_unref(chunk);
        return err;
    }
    return (ssize_t)span.size;
}

ssize_t buf_put(struct buf *buf, const void *data, size_t size)
{
    size_t wanted = smaller(size, buf_room(buf));
    size_t taken = put_in_tail(buf, data, wanted);
    while (taken < wanted) {
        ssize_t part = put_in_new_chunk(buf, (const uint8_t *)data + taken, wanted - taken);
        if (part < 0)
            return taken > 0 ? (ssize_t)taken : part;
        taken += (size_t)part;
    }
    return (ssize_t)taken;
}

static bool continues(const struct span *last, const struct span *span)
{
    return last && last->chunk == span->chunk && last->data + last->size == span->data;
}

/* Back to `count` spans, of which the last one had `last_size` bytes. */
static void take_back(struct buf *buf, uint32_t count, size_t last_size)
{
    for (; buf->count > count; buf->count--) {
        buf->size -= last_span(buf)->size;
        chunk_unref(last_span(buf)->chunk);
    }
    if (count == 0) {
        drop_ring(buf);
        return;
    }
    buf->size -= last_span(buf)->size - last_size;
    last_span(buf)->size = last_size;
}

int buf_put_whole(struct buf *buf, const void *data, size_t size)
{
    uint32_t count = buf->count;
    size_t last_size = count ? last_span(buf)->size : 0;
    if (buf_room(buf) < size)
        return -ENOBUFS;
    if (buf_put(buf, data, size) == (ssize_t)size)
        return 0;
    take_back(buf, count, last_size);
    return -ENOMEM;
}

static ssize_t put_span(struct buf *buf, struct span span)
{
    if (span.chunk && continues(last_span(buf), &span)) {
        last_span(buf)->size += span.size;
        buf->size += span.size;
        return (ssize_t)span.size;
    }
    if (!span.chunk || span.size < KEEP_BYTES)
        return buf_put(buf, span.data, span.size);
    int err = append_span(buf, span);
    if (err < 0)
        return err;
    chunk_ref(span.chunk);
    return (ssize_t)span.size;
}

ssize_t buf_put_spans(struct buf *buf, const struct span *spans, int count)
{
    size_t taken = 0;
    for (int i = 0; i < count && buf_room(buf) > 0; i++) {
        struct span span = spans[i];
        span.size = smaller(span.size, buf_room(buf));
        if (span.size == 0)
            continue;
        ssize_t part = put_span(buf, span);
        if (part < 0)
            return taken > 0 ? (ssize_t)taken : part;
        taken += (size_t)part;
        if ((size_t)part < span.size)
            break;
    }
    return (ssize_t)taken;
}

int buf_peek(const struct buf *buf, struct span *ret, int max)
{
    int count = 0;
    for (; count < max && (uint32_t)count < buf->count; count++)
        ret[count] = *span_at(buf, (uint32_t)count);
    return count;
}

void buf_consume(struct buf *buf, size_t size)
{
    assert(size <= buf->size);
    buf->size -= size;
    while (size > 0) {
        struct span *first = span_at(buf, 0);
        size_t part = smaller(size, first->size);
        first->data += part;
        first->size -= part;
        size -= part;
        if (first->size > 0)
            break;
        chunk_unref(first->chunk);
        buf->first = (buf->first + 1) & (buf->capacity - 1);
        buf->count--;
    }
    if (buf->count == 0)
        drop_ring(buf);
}
