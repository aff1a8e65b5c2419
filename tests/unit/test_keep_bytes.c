#include "proxy/keep_bytes.h"

#include "base/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 1024 * 1024 };

struct fixture {
    struct chunk_pool *pool;
    struct buf buf;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->pool = chunk_pool_new(LIMIT, 0);
    buf_init(&f->buf, f->pool, LIMIT);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_done(&f->buf);
    assert_int_equal(chunk_pool_stats(f->pool).used_bytes, 0);
    chunk_pool_free(f->pool);
    free(f);
    return 0;
}

static struct chunk *read_chunk(struct fixture *f, size_t size)
{
    struct chunk *chunk = chunk_new(f->pool, CHUNK_LARGE_BYTES);
    assert_non_null(chunk);
    memset(chunk->data, 'x', size);
    return chunk;
}

static struct span last_span(struct fixture *f)
{
    struct span spans[64];
    int count = buf_peek(&f->buf, spans, 64);
    assert_true(count > 0);
    return spans[count - 1];
}

static void test_few_bytes_do_not_pin_a_large_chunk(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(keep_bytes(&f->buf, read_chunk(f, 4096), 4096, false), 0);
    assert_true(chunk_pool_stats(f->pool).used_bytes < 8192);
    assert_int_equal(buf_size(&f->buf), 4096);
}

static void test_many_bytes_are_not_copied(void **state)
{
    struct fixture *f = *state;
    struct chunk *chunk = read_chunk(f, 5000);
    assert_int_equal(keep_bytes(&f->buf, chunk, 5000, false), 0);
    assert_ptr_equal(last_span(f).chunk, chunk);
}

/* Several chunks of one read: what came behind the first did not wait. */
static void test_one_read_stays_in_its_chunks(void **state)
{
    struct fixture *f = *state;
    struct chunk *first = read_chunk(f, STREAM_PIECE_BYTES), *second = read_chunk(f, 5000);
    struct span spans[2];
    assert_int_equal(keep_bytes(&f->buf, first, STREAM_PIECE_BYTES, false), 0);
    assert_int_equal(keep_bytes(&f->buf, second, 5000, false), 0);
    assert_int_equal(buf_peek(&f->buf, spans, 2), 2);
    assert_int_equal(spans[0].size, STREAM_PIECE_BYTES);
    assert_ptr_equal(spans[1].chunk, second);
}

/* A flow that its reader slows down takes at most twice the memory that its bytes do. */
static void test_what_has_to_wait_is_packed(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++)
        assert_int_equal(keep_bytes(&f->buf, read_chunk(f, 5000), 5000, i > 0), 0);
    assert_int_equal(buf_size(&f->buf), 200000);
    assert_true(chunk_pool_stats(f->pool).used_bytes < 2 * 200000 + CHUNK_LARGE_BYTES);
}

/* No room for a copy, of whatever size: nothing is lost all the same. */
static void test_at_the_limit_of_the_pool(void **state)
{
    static const size_t sizes[] = {1, 200, 255, 256, 511, 512, 513, 4096};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct chunk *chunk = read_chunk(f, sizes[i]);
        chunk_pool_set_limit(f->pool, chunk_pool_stats(f->pool).used_bytes);
        assert_int_equal(keep_bytes(&f->buf, chunk, sizes[i], false), 0);
        assert_int_equal(buf_size(&f->buf), sizes[i]);
        buf_consume(&f->buf, sizes[i]);
        chunk_pool_set_limit(f->pool, LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_few_bytes_do_not_pin_a_large_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_bytes_are_not_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_read_stays_in_its_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_to_wait_is_packed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_at_the_limit_of_the_pool, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
