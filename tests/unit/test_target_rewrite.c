#include "service/engine/target_rewrite.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char rules[] = "||here.example^$dnsrewrite=192.0.2.7\n"
                            "||six.example^$dnsrewrite=2001:db8::7\n"
                            "||search.example^$dnsrewrite=Safe.Search.example.\n"
                            "||mail.example^$dnsrewrite=NOERROR;MX;10 mx.example.\n"
                            "||local.example^$dnsrewrite=127.0.0.1\n"
                            "||own.example^$dnsrewrite=LocalHost\n"
                            "||null.example^$dnsrewrite=0.0.0.0\n";
static const char hosts[] = "192.168.1.9 printer.example\n";

static struct filter *filter;
static struct decisions decisions;

static const struct filter *filter_in_force(void *owner)
{
    (void)owner;
    return filter;
}

static void nothing(void *owner)
{
    (void)owner;
}

static int setup(void **state)
{
    const struct filter_source sources[] = {
        {.name = "rules", .format = FILTER_ADBLOCK, .text = rules, .size = sizeof(rules) - 1},
        {.name = "hosts", .format = FILTER_HOSTS, .text = hosts, .size = sizeof(hosts) - 1},
    };
    struct filter_problem problem;

    (void)state;
    decisions = (struct decisions){.filter = filter_in_force, .on_blocked = nothing};
    return filter_compile(sources, 2, NULL, 0, &filter, &problem);
}

static int teardown(void **state)
{
    (void)state;
    filter_unref(filter);
    return 0;
}

static void check(const char *from, const char *to)
{
    char text[ENDPOINT_TEXT_MAX];
    struct endpoint target;

    assert_int_equal(endpoint_parse(from, 0, &target), 0);
    assert_int_equal(target_rewrite(&decisions, NULL, &target), 0);
    assert_string_equal(endpoint_format(&target, text), to);
}

static void test_what_rules_answer(void **state)
{
    (void)state;
    check("here.example:443", "192.0.2.7:443");
    check("www.here.example:22", "192.0.2.7:22");
    check("six.example:443", "[2001:db8::7]:443");
    check("search.example:443", "safe.search.example:443");
    check("printer.example:9100", "192.168.1.9:9100");
}

static void test_what_stays(void **state)
{
    (void)state;
    check("www.example:443", "www.example:443");
    check("mail.example:25", "mail.example:25"); /* other records lead nowhere */
    check("192.0.2.1:443", "192.0.2.1:443");
}

static void test_answers_that_deny(void **state)
{
    struct endpoint target;

    (void)state;
    assert_int_equal(endpoint_parse("local.example:80", 0, &target), 0);
    assert_int_equal(target_rewrite(&decisions, NULL, &target), ERR_BLOCKED);
    assert_int_equal(endpoint_parse("null.example:80", 0, &target), 0);
    assert_int_equal(target_rewrite(&decisions, NULL, &target), ERR_BLOCKED);
    assert_string_equal(target.name, "null.example"); /* untouched */
    assert_int_equal(endpoint_parse("own.example:80", 0, &target), 0);
    assert_int_equal(target_rewrite(&decisions, NULL, &target), ERR_BLOCKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_rules_answer),
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_answers_that_deny),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
