#include "tun2socks/held.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void add(struct held *held, struct chunk *chunk, size_t size)
{
    assert_int_equal(held_reserve(held), 0);
    held_add(held, chunk, size);
}

static void lets_go_in_order(void **state)
{
    struct chunk_pool *pool = chunk_pool_new(1 << 20, 0);
    struct chunk *a = chunk_new(pool, 100);
    struct chunk *b = chunk_new(pool, 100);
    struct held held = {0};
    (void)state;
    add(&held, a, 60);
    add(&held, a, 40);
    add(&held, NULL, 10);
    add(&held, b, 100);
    assert_int_equal(a->refs, 2);
    held_release(&held, 99);
    assert_int_equal(a->refs, 2);
    held_release(&held, 1);
    assert_int_equal(a->refs, 1);
    held_release(&held, 10);
    assert_int_equal(b->refs, 2);
    held_release(&held, 100);
    assert_int_equal(b->refs, 1);
    assert_null(held.items);
    chunk_unref(a);
    chunk_unref(b);
    chunk_pool_free(pool);
}

static void grows_and_wraps(void **state)
{
    struct chunk_pool *pool = chunk_pool_new(1 << 20, 0);
    struct chunk *chunks[50];
    struct held held = {0};
    (void)state;
    for (int i = 0; i < 50; i++)
        chunks[i] = chunk_new(pool, 10);
    for (int i = 0; i < 50; i++) {
        add(&held, chunks[i], 10);
        if (i % 3 == 2)
            held_release(&held, 10);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(chunks[i]->refs, i < 16 ? 1 : 2);
    held_clear(&held);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(chunks[i]->refs, 1);
        chunk_unref(chunks[i]);
    }
    chunk_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_go_in_order),
        cmocka_unit_test(grows_and_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
