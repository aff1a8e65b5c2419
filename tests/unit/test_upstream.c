#include "proxy/upstream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct upstream_options options_of(const char *server)
{
    struct upstream_options options = {
        .name = "one", .kind = UPSTREAM_SOCKS5, .user = "u", .password = "p"};
    assert_int_equal(endpoint_parse(server, 0, &options.server), 0);
    return options;
}

static void test_an_address_needs_no_resolving(void **state)
{
    struct upstream_options options = options_of("192.0.2.1:1080");
    struct upstream *upstream;
    (void)state;
    assert_int_equal(upstream_new(&options, &upstream), 0);
    assert_int_equal(upstream->address_count, 1);
    assert_int_equal(upstream->addresses[0].port, 1080);
    assert_string_equal(upstream->user, "u");
    assert_true(upstream_is_same(upstream, &options));
    upstream_unref(upstream_ref(upstream));
    upstream_unref(upstream);
    upstream_unref(NULL);
}

static void test_resolved_addresses_get_the_port(void **state)
{
    struct upstream_options options = options_of("proxy.example:7777");
    struct address found[UPSTREAM_ADDRESSES_MAX + 2] = {{.family = 4, .ip = {192, 0, 2, 9}}};
    struct upstream *upstream;
    (void)state;
    assert_int_equal(upstream_new(&options, &upstream), 0);
    assert_int_equal(upstream->address_count, 0);
    upstream_set_addresses(upstream, found, UPSTREAM_ADDRESSES_MAX + 2);
    assert_int_equal(upstream->address_count, UPSTREAM_ADDRESSES_MAX);
    assert_int_equal(upstream->addresses[0].port, 7777);
    upstream_unref(upstream);
}

static void test_is_same(void **state)
{
    struct upstream_options options = options_of("proxy.example:7777"), other;
    struct upstream *upstream;
    (void)state;
    assert_int_equal(upstream_new(&options, &upstream), 0);
    other = options;
    other.password = "q";
    assert_false(upstream_is_same(upstream, &other));
    other = options;
    other.user = other.password = NULL;
    assert_false(upstream_is_same(upstream, &other));
    other = options_of("proxy.example:7778");
    assert_false(upstream_is_same(upstream, &other));
    other = options;
    other.has_udp = true;
    assert_false(upstream_is_same(upstream, &other));
    upstream_unref(upstream);
}

static void test_refuses_nonsense(void **state)
{
    struct upstream_options options = options_of("proxy.example:7777");
    struct upstream *upstream = NULL;
    (void)state;
    options.name = "";
    assert_int_equal(upstream_new(&options, &upstream), -EINVAL);
    options.name = "0123456789012345678901234567890123456789012345678901234567890123";
    assert_int_equal(upstream_new(&options, &upstream), -EINVAL);
    options.name = "one";
    options.user = NULL;
    assert_int_equal(upstream_new(&options, &upstream), -EINVAL);
    options.password = NULL;
    memset(&options.server, 0, sizeof(options.server));
    assert_int_equal(upstream_new(&options, &upstream), -EINVAL);
    options.kind = UPSTREAM_DIRECT;
    assert_int_equal(upstream_new(&options, &upstream), 0);
    upstream_unref(upstream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_needs_no_resolving),
        cmocka_unit_test(test_resolved_addresses_get_the_port),
        cmocka_unit_test(test_is_same),
        cmocka_unit_test(test_refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
