#include "tun2socks/half_open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct address parse(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), 0);
    return address;
}

static struct half_open_destination *enter(struct half_open *half_open, const char *target)
{
    struct address address = parse(target);
    struct half_open_destination *destination = NULL;
    assert_int_equal(half_open_enter(half_open, &address, &destination), 0);
    return destination;
}

static bool is_full_for(struct half_open *half_open, const char *target)
{
    struct address address = parse(target);
    return half_open_is_full_for(half_open, &address);
}

static void without_limits_there_is_room(void **state)
{
    struct half_open half_open;
    struct half_open_destination *entered[1000];
    (void)state;
    half_open_init(&half_open);
    for (int i = 0; i < 1000; i++)
        entered[i] = enter(&half_open, "192.0.2.1:80");
    assert_false(half_open_is_full(&half_open));
    assert_false(is_full_for(&half_open, "192.0.2.1:80"));
    for (int i = 0; i < 1000; i++)
        half_open_leave(&half_open, entered[i]);
    half_open_done(&half_open);
}

static void a_destination_is_an_address_with_all_its_ports(void **state)
{
    struct half_open half_open;
    (void)state;
    half_open_init(&half_open);
    half_open.limit_each = 2;
    struct half_open_destination *first = enter(&half_open, "192.0.2.1:80");
    assert_false(is_full_for(&half_open, "192.0.2.1:81"));
    struct half_open_destination *second = enter(&half_open, "192.0.2.1:443");
    assert_true(is_full_for(&half_open, "192.0.2.1:81"));
    assert_false(is_full_for(&half_open, "192.0.2.2:80"));
    assert_false(is_full_for(&half_open, "[c000:201::]:80")); /* the same bytes */
    half_open_leave(&half_open, first);
    assert_false(is_full_for(&half_open, "192.0.2.1:80"));
    half_open_leave(&half_open, second);
    assert_int_equal(half_open.destinations.count, 0);
    half_open_done(&half_open);
}

static void all_together_have_a_limit_too(void **state)
{
    struct half_open half_open;
    (void)state;
    half_open_init(&half_open);
    half_open.limit = 2;
    struct half_open_destination *first = enter(&half_open, "192.0.2.1:80");
    assert_false(half_open_is_full(&half_open));
    struct half_open_destination *second = enter(&half_open, "[2001:db8::1]:80");
    assert_true(half_open_is_full(&half_open));
    half_open_leave(&half_open, first);
    half_open_leave(&half_open, second);
    half_open_done(&half_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_there_is_room),
        cmocka_unit_test(a_destination_is_an_address_with_all_its_ports),
        cmocka_unit_test(all_together_have_a_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
