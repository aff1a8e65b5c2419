/* Names that never leave. */
#include "service/engine/special_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names(void **state)
{
    static const char *const absent[] = {
        "local",
        "printer.local",
        "nas.lan",
        "a.b.internal",
        "x.home.arpa",
        "1.0.168.192.in-addr.arpa",
        "10.in-addr.arpa",
        "9.9.31.172.in-addr.arpa",
        "1.64.100.in-addr.arpa",
        "1.1.127.100.in-addr.arpa",
        "1.0.18.198.in-addr.arpa",
        "a.0.0.d.f.ip6.arpa",
        "0.8.e.f.ip6.arpa",
        "x.onion",
        "_dns.resolver.arpa",
        "use-application-dns.net",
        "alt",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"};
    static const char *const plain[] = {
        "",
        "com",
        "local.example",
        "mylocal",
        "xlan",
        "lan.example",
        "localhost.example",
        "1.32.172.in-addr.arpa",
        "1.63.100.in-addr.arpa",
        "1.128.100.in-addr.arpa",
        "8.8.8.8.in-addr.arpa",
        "ip6.arpa",
        "tracker.test",
        "100.in-addr.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.2.ip6.arpa"};

    (void)state;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_int_equal(special_name_find(absent[i]), SPECIAL_ABSENT);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_int_equal(special_name_find(plain[i]), SPECIAL_NONE);
    assert_int_equal(special_name_find("localhost"), SPECIAL_LOCALHOST);
    assert_int_equal(special_name_find("app.localhost"), SPECIAL_LOCALHOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
