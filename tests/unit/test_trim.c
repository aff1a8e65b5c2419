/* When memory is given back: after a rush, once, and not while it goes on. */
#include "base/trim.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t times_after(const uint32_t *counts, size_t size)
{
    struct loop *loop = loop_new();
    struct trim trim;
    loop_fake_clock(loop, 1000);
    trim_init(&trim, loop);
    for (size_t i = 0; i < size; i++) {
        trim_note(&trim, counts[i]);
        loop_fake_clock(loop, loop_now_ms(loop) + 2000);
        loop_run_once(loop, 0);
    }
    trim_done(&trim);
    loop_free(loop);
    return trim.times;
}

#define TIMES(...)                                                                                 \
    times_after((const uint32_t[]){__VA_ARGS__},                                                   \
                sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void test_after_a_rush(void **state)
{
    (void)state;
    assert_int_equal(TIMES(1000, 400), 1);
    assert_int_equal(TIMES(1000, 400, 390, 10, 0), 1);
    /* Once more when the last of them have closed, and then no more. */
    assert_int_equal(TIMES(1000, 400, 0, 0, 0, 0, 0), 2);
    assert_int_equal(TIMES(1000, 400, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 2);
    assert_int_equal(TIMES(1000, 10, 1000, 10, 0, 0, 0), 2); /* the next rush at the same time */
}

static void test_not_for_a_few(void **state)
{
    (void)state;
    assert_int_equal(TIMES(10, 0, 400, 0), 0);
    assert_int_equal(TIMES(10000, 9000, 5001), 0); /* most of them stay */
}

/* Within the second of grace the next rush begins. */
static void test_not_before_the_next_rush(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct trim trim;
    loop_fake_clock(loop, 1000);
    trim_init(&trim, loop);
    trim_note(&trim, 2000);
    trim_note(&trim, 100);
    trim_note(&trim, 1900);
    loop_fake_clock(loop, 5000);
    loop_run_once(loop, 0);
    assert_int_equal(trim.times, 0);
    trim_done(&trim);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_rush),
        cmocka_unit_test(test_not_for_a_few),
        cmocka_unit_test(test_not_before_the_next_rush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
