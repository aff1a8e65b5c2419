/* At most so many in each second. */
#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_limit(void **state)
{
    struct rate rate = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(rate_take(&rate, 5000 + (uint64_t)i, 3));
    assert_false(rate_take(&rate, 5003, 3));
    assert_false(rate_take(&rate, 5999, 3));
}

static void test_next_second(void **state)
{
    struct rate rate = {0};
    (void)state;
    assert_true(rate_take(&rate, 5999, 1));
    assert_false(rate_take(&rate, 5999, 1));
    assert_true(rate_take(&rate, 6000, 1));
    assert_false(rate_take(&rate, 6000, 1));
}

static void test_first_second(void **state)
{
    struct rate rate = {0};
    (void)state;
    assert_true(rate_take(&rate, 0, 1));
    assert_false(rate_take(&rate, 999, 1));
}

static void test_refusals_count_for_nothing(void **state)
{
    struct rate rate = {0};
    (void)state;
    assert_true(rate_take(&rate, 5000, 1));
    for (int i = 0; i < 10; i++)
        assert_false(rate_take(&rate, 5000, 1));
    assert_int_equal(rate.taken, 1);
    assert_true(rate_take(&rate, 5000, 2));
}

static void test_none(void **state)
{
    struct rate rate = {0};
    (void)state;
    assert_false(rate_take(&rate, 5000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_next_second),
        cmocka_unit_test(test_first_second), cmocka_unit_test(test_refusals_count_for_nothing),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
