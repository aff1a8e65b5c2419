#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    *state = chunk_pool_new(16 << 20, 0);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    size_t used = chunk_pool_stats(*state).used_bytes;
    chunk_pool_free(*state);
    return used == 0 ? 0 : -1;
}

static struct span span_of(struct chunk *chunk, size_t from, size_t size)
{
    return (struct span){.data = chunk->data + from, .size = size, .chunk = chunk};
}

static struct chunk *filled_chunk(struct chunk_pool *pool, size_t size, int byte)
{
    struct chunk *chunk = chunk_new(pool, size);
    assert_non_null(chunk);
    memset(chunk->data, byte, size);
    return chunk;
}

static void an_empty_buf_holds_no_memory(void **state)
{
    struct buf buf;
    buf_init(&buf, *state, 100);
    assert_int_equal(buf_size(&buf), 0);
    assert_int_equal(buf_room(&buf), 100);
    assert_int_equal(buf_put(&buf, "hello", 5), 5);
    assert_int_equal(buf_size(&buf), 5);
    assert_int_equal(buf_room(&buf), 95);
    buf_consume(&buf, 5);
    assert_null(buf.spans);
    assert_int_equal(chunk_pool_stats(*state).used_bytes, 0);
    buf_done(&buf);
}

static void the_limit_cuts_what_is_put(void **state)
{
    struct buf buf;
    struct span span;
    buf_init(&buf, *state, 8);
    assert_int_equal(buf_put(&buf, "hello", 5), 5);
    assert_int_equal(buf_put(&buf, "world", 5), 3);
    assert_int_equal(buf_put(&buf, "!", 1), 0);
    assert_int_equal(buf_peek(&buf, &span, 1), 1);
    assert_int_equal(span.size, 8); /* in one piece: there was room behind */
    assert_memory_equal(span.data, "hellowor", 8);
    struct chunk *chunk = filled_chunk(*state, 1000, 'x');
    span = span_of(chunk, 0, 1000);
    assert_int_equal(buf_put_spans(&buf, &span, 1), 0);
    buf_consume(&buf, 8);
    assert_int_equal(buf_put_spans(&buf, &span, 1), 8);
    chunk_unref(chunk);
    buf_done(&buf);
}

static void small_puts_take_little_memory(void **state)
{
    struct buf buf;
    buf_init(&buf, *state, 1 << 20);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_put(&buf, "x", 1), 1);
    assert_true(chunk_pool_stats(*state).used_bytes < 1024);
    assert_int_equal(buf.count, 1);
    buf_done(&buf);
}

static void a_flood_ends_in_large_chunks(void **state)
{
    static uint8_t data[1 << 20];
    struct buf buf;
    struct span spans[64];
    buf_init(&buf, *state, sizeof(data));
    assert_int_equal(buf_put(&buf, data, sizeof(data)), sizeof(data));
    int count = buf_peek(&buf, spans, 64);
    assert_true(count <= 17);
    assert_int_equal(spans[count - 2].chunk->capacity, CHUNK_LARGE_BYTES);
    buf_done(&buf);
    assert_int_equal(buf_size(&buf), 0);
}

static void spans_in_chunks_are_kept_by_reference(void **state)
{
    struct buf buf;
    struct span span;
    struct chunk *chunk = filled_chunk(*state, 1000, 'x');
    buf_init(&buf, *state, 10000);
    span = span_of(chunk, 100, 500);
    assert_int_equal(buf_put_spans(&buf, &span, 1), 500);
    assert_int_equal(chunk->refs, 2);
    assert_int_equal(buf_peek(&buf, &span, 1), 1);
    assert_ptr_equal(span.data, chunk->data + 100);
    buf_consume(&buf, 499);
    assert_int_equal(chunk->refs, 2);
    buf_consume(&buf, 1);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
    buf_done(&buf);
}

static void borrowed_and_short_spans_are_copied(void **state)
{
    struct buf buf;
    struct span spans[2], span;
    char text[] = "borrowed";
    struct chunk *chunk = filled_chunk(*state, 1000, 'x');
    buf_init(&buf, *state, 10000);
    spans[0] = (struct span){.data = (const uint8_t *)text, .size = 8};
    spans[1] = span_of(chunk, 0, 3);
    assert_int_equal(buf_put_spans(&buf, spans, 2), 11);
    assert_int_equal(chunk->refs, 1);
    memset(text, '?', sizeof(text));
    chunk_unref(chunk);
    assert_int_equal(buf_peek(&buf, &span, 1), 1);
    assert_memory_equal(span.data, "borrowedxxx", 11);
    buf_done(&buf);
}

static void a_continued_span_becomes_one(void **state)
{
    struct buf buf;
    struct chunk *chunk = filled_chunk(*state, 1000, 'x');
    struct span spans[2] = {span_of(chunk, 0, 500), span_of(chunk, 500, 1)};
    buf_init(&buf, *state, 10000);
    assert_int_equal(buf_put_spans(&buf, spans, 2), 501);
    assert_int_equal(buf.count, 1);
    assert_int_equal(chunk->refs, 2);
    chunk_unref(chunk);
    buf_done(&buf);
}

/* The room behind a span is only ours when nobody else can see the chunk. */
static void shared_chunks_are_never_written(void **state)
{
    struct buf buf;
    struct span span;
    struct chunk *chunk = filled_chunk(*state, 1000, 'x');
    buf_init(&buf, *state, 10000);
    span = span_of(chunk, 0, 500);
    buf_put_spans(&buf, &span, 1);
    assert_int_equal(buf_put(&buf, "y", 1), 1);
    assert_int_equal(chunk->data[500], 'x');
    assert_int_equal(buf.count, 2);
    chunk_unref(chunk);
    buf_done(&buf);
}

static void without_memory_nothing_or_a_part_is_taken(void **state)
{
    static uint8_t data[200 * 1024];
    struct chunk_pool *pool = chunk_pool_new(CHUNK_LARGE_BYTES + 1000, 0);
    struct buf buf;
    (void)state;
    buf_init(&buf, pool, sizeof(data));
    assert_int_equal(buf_put(&buf, data, sizeof(data)), CHUNK_LARGE_BYTES);
    assert_int_equal(buf_put(&buf, data, sizeof(data)), -ENOMEM);
    assert_int_equal(buf_size(&buf), CHUNK_LARGE_BYTES);
    buf_done(&buf);
    chunk_pool_free(pool);
}

static size_t drain(struct buf *buf, uint8_t *to, size_t size)
{
    size_t at = 0;
    struct span spans[3];
    while (at < size) {
        int count = buf_peek(buf, spans, 3);
        assert_true(count > 0);
        size_t before = at;
        for (int i = 0; i < count && at < size; i++) {
            size_t part = spans[i].size < size - at ? spans[i].size : size - at;
            memcpy(to + at, spans[i].data, part);
            at += part;
        }
        buf_consume(buf, at - before);
    }
    return at;
}

/* Against a plain array, by chance but always the same. */
static void any_mix_of_calls_keeps_the_order(void **state)
{
    enum { ROUNDS = 4000, MOST = 3000 };
    static uint8_t model[ROUNDS * MOST], seen[MOST];
    struct chunk_pool *pool = *state;
    struct buf buf;
    size_t first = 0, last = 0;
    uint32_t random = 7;
    buf_init(&buf, pool, 100000);
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1664525 + 1013904223;
        size_t size = (random >> 8) % MOST;
        size_t room = buf_room(&buf);
        size_t taken = size < room ? size : room;
        for (size_t i = 0; i < size; i++)
            model[last + i] = (uint8_t)(last + i + (last >> 8));
        if (random >> 30 == 0) {
            assert_int_equal(buf_put(&buf, model + last, size), taken);
            last += taken;
        } else if (random >> 30 == 1) {
            struct chunk *chunk = chunk_new(pool, size + 1);
            memcpy(chunk->data, model + last, size);
            struct span span = span_of(chunk, 0, size);
            assert_int_equal(buf_put_spans(&buf, &span, 1), taken);
            chunk_unref(chunk);
            last += taken;
        } else {
            size_t part = size < last - first ? size : last - first;
            drain(&buf, seen, part);
            assert_memory_equal(seen, model + first, part);
            first += part;
        }
        assert_int_equal(buf_size(&buf), last - first);
    }
    buf_done(&buf);
}

static void all_or_nothing(void **state)
{
    char data[70000];
    struct buf buf;
    struct span span;
    memset(data, 'x', sizeof(data));
    buf_init(&buf, *state, 100000);
    assert_int_equal(buf_put_whole(&buf, "first", 5), 0);
    chunk_pool_set_limit(*state, chunk_pool_stats(*state).used_bytes);
    /* Its beginning fits behind what is there; the rest gets no memory. */
    assert_int_equal(buf_put_whole(&buf, data, sizeof(data)), -ENOMEM);
    assert_int_equal(buf_size(&buf), 5);
    assert_int_equal(buf_peek(&buf, &span, 1), 1);
    assert_int_equal(span.size, 5);
    assert_memory_equal(span.data, "first", 5);
    chunk_pool_set_limit(*state, 16 << 20);
    assert_int_equal(buf_put_whole(&buf, data, sizeof(data)), 0);
    assert_int_equal(buf_size(&buf), 5 + sizeof(data));
    assert_int_equal(buf_put_whole(&buf, data, sizeof(data)), -ENOBUFS);
    assert_int_equal(buf_size(&buf), 5 + sizeof(data));
    buf_consume(&buf, 5 + sizeof(data));
    chunk_pool_set_limit(*state, CHUNK_LARGE_BYTES + 1000); /* one large chunk, not two */
    assert_int_equal(buf_put_whole(&buf, data, sizeof(data)), -ENOMEM);
    assert_int_equal(buf_size(&buf), 0);
    assert_null(buf.spans);
    buf_done(&buf);
    chunk_pool_set_limit(*state, 16 << 20);
}

#define buf_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        buf_test(an_empty_buf_holds_no_memory),
        buf_test(the_limit_cuts_what_is_put),
        buf_test(all_or_nothing),
        buf_test(small_puts_take_little_memory),
        buf_test(a_flood_ends_in_large_chunks),
        buf_test(spans_in_chunks_are_kept_by_reference),
        buf_test(borrowed_and_short_spans_are_copied),
        buf_test(a_continued_span_becomes_one),
        buf_test(shared_chunks_are_never_written),
        buf_test(without_memory_nothing_or_a_part_is_taken),
        buf_test(any_mix_of_calls_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
