#include "base/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

enum { OVERHEAD = sizeof(struct chunk) };

static void a_chunk_holds_what_was_asked_for(void **state)
{
    struct chunk_pool *pool = chunk_pool_new(1 << 20, 0);
    (void)state;
    struct chunk *chunk = chunk_new(pool, 100);
    assert_int_equal(chunk->capacity, 100);
    memset(chunk->data, 1, 100);
    assert_int_equal(chunk_pool_stats(pool).used_bytes, 100 + OVERHEAD);
    assert_ptr_equal(chunk_ref(chunk), chunk);
    chunk_unref(chunk);
    assert_int_equal(chunk_pool_stats(pool).used_bytes, 100 + OVERHEAD);
    chunk_unref(chunk);
    assert_int_equal(chunk_pool_stats(pool).used_bytes, 0);
    chunk_unref(NULL);
    chunk_pool_free(pool);
    chunk_pool_free(NULL);
}

static void the_limit_is_kept_and_refusals_are_counted(void **state)
{
    struct chunk_pool *pool = chunk_pool_new((size_t)2 * (1000 + OVERHEAD), 0);
    (void)state;
    struct chunk *first = chunk_new(pool, 1000);
    struct chunk *second = chunk_new(pool, 1000);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(chunk_new(pool, 1));
    assert_null(chunk_new(pool, SIZE_MAX));
    assert_int_equal(chunk_pool_stats(pool).refusals, 2);
    chunk_unref(first);
    first = chunk_new(pool, 1000);
    assert_non_null(first);
    chunk_pool_set_limit(pool, 10); /* below what is out: nothing more until it came back */
    chunk_unref(first);
    assert_null(chunk_new(pool, 1));
    chunk_pool_set_limit(pool, 1 << 20);
    first = chunk_new(pool, 1);
    assert_non_null(first);
    chunk_unref(first);
    chunk_unref(second);
    chunk_pool_free(pool);
}

/* Holders that take what they may, one after the other, never get at what is set aside. */
static void many_holders_leave_something(void **state)
{
    enum { LIMIT = 16 << 20, HOLDERS = 150, EACH_MAX = LIMIT / CHUNK_LARGE_BYTES };
    static struct chunk *chunks[HOLDERS][EACH_MAX];
    struct chunk_pool *pool = chunk_pool_new(LIMIT, 0);
    (void)state;
    assert_int_equal(chunk_pool_share(pool), (LIMIT - LIMIT / 8) / 8);
    for (int i = 0; i < HOLDERS; i++)
        for (size_t held = 0; held + CHUNK_LARGE_BYTES <= chunk_pool_share(pool);
             held += CHUNK_LARGE_BYTES)
            chunks[i][held / CHUNK_LARGE_BYTES] = chunk_new(pool, CHUNK_LARGE_BYTES);
    size_t used = chunk_pool_stats(pool).used_bytes;
    assert_true(used > (size_t)LIMIT / 4 * 3 && used < LIMIT - LIMIT / 8);
    assert_int_equal(chunk_pool_stats(pool).refusals, 0);
    assert_true(chunk_pool_share(pool) >= CHUNK_SMALL_BYTES);
    for (int i = 0; i < HOLDERS; i++)
        for (size_t j = 0; j < EACH_MAX; j++)
            chunk_unref(chunks[i][j]);
    chunk_pool_free(pool);
}

static void large_chunks_are_kept_up_to_a_bound(void **state)
{
    const size_t large = CHUNK_LARGE_BYTES + OVERHEAD;
    struct chunk_pool *pool = chunk_pool_new(10 * large, 2 * large);
    struct chunk *chunks[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        chunks[i] = chunk_new(pool, CHUNK_LARGE_BYTES);
    for (int i = 0; i < 3; i++)
        chunk_unref(chunks[i]);
    assert_int_equal(chunk_pool_stats(pool).kept_bytes, 2 * large);
    assert_int_equal(chunk_pool_stats(pool).used_bytes, 0);
    struct chunk *again = chunk_new(pool, CHUNK_LARGE_BYTES);
    assert_ptr_equal(again, chunks[1]);
    assert_int_equal(chunk_pool_stats(pool).kept_bytes, large);
    chunk_unref(again);
    chunk_pool_free(pool);
}

static void a_pool_outlives_its_owner_until_the_last_chunk(void **state)
{
    struct chunk_pool *pool = chunk_pool_new(1 << 20, 1 << 20);
    (void)state;
    struct chunk *large = chunk_new(pool, CHUNK_LARGE_BYTES);
    struct chunk *small = chunk_new(pool, 10);
    chunk_pool_free(pool);
    memset(large->data, 1, CHUNK_LARGE_BYTES);
    chunk_unref(large);
    chunk_unref(small); /* the leak sanitizer sees whether the pool went with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_holds_what_was_asked_for),
        cmocka_unit_test(many_holders_leave_something),
        cmocka_unit_test(the_limit_is_kept_and_refusals_are_counted),
        cmocka_unit_test(large_chunks_are_kept_up_to_a_bound),
        cmocka_unit_test(a_pool_outlives_its_owner_until_the_last_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
