/* Conversations counted by whom they are with. */
#include "service/engine/destinations.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LIMIT = 3, MANY = 1000 };

static struct destinations destinations;

static int set_up(void **state)
{
    (void)state;
    destinations_init(&destinations);
    destinations.limit = LIMIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(destinations.map.count, 0);
    destinations_done(&destinations);
    return 0;
}

static int enter(const char *text, struct destination **ret)
{
    struct endpoint target;
    assert_int_equal(endpoint_parse(text, 0, &target), 0);
    return destinations_enter(&destinations, &target, ret);
}

static void test_the_limit_is_of_each_and_of_all_ports(void **state)
{
    static const char *const texts[] = {"192.0.2.1:80", "192.0.2.1:443", "192.0.2.1:80"};
    struct destination *held[LIMIT], *other, *none = NULL;
    (void)state;
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(enter(texts[i], &held[i]), 0);
    assert_int_equal(enter("192.0.2.1:8080", &none), ERR_LIMIT);
    assert_null(none);
    assert_int_equal(enter("[2001:db8::1]:80", &other), 0);
    destinations_leave(&destinations, held[0]);
    assert_int_equal(enter("192.0.2.1:8080", &held[0]), 0);
    destinations_leave(&destinations, other);
    for (int i = 0; i < LIMIT; i++)
        destinations_leave(&destinations, held[i]);
}

static void test_a_name_is_a_destination(void **state)
{
    struct destination *held[LIMIT], *other, *none = NULL;
    (void)state;
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(enter("web.example:443", &held[i]), 0);
    assert_int_equal(enter("web.example:80", &none), ERR_LIMIT);
    assert_int_equal(enter("web.example.org:443", &other), 0);
    destinations_leave(&destinations, other);
    for (int i = 0; i < LIMIT; i++)
        destinations_leave(&destinations, held[i]);
}

static void test_many(void **state)
{
    static struct destination *held[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char text[64];
        snprintf(text, sizeof(text), "198.18.%d.%d:80", i / 250, i % 250 + 1);
        assert_int_equal(enter(text, &held[i]), 0);
    }
    assert_int_equal(destinations.map.count, MANY);
    for (int i = 0; i < MANY; i++)
        destinations_leave(&destinations, held[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_limit_is_of_each_and_of_all_ports, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_is_a_destination, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
