/* What a user decided in passing: put, replaced, over; and its text. */
#include "service/engine/own_rules.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    static struct own_rules rules;
    rules = (struct own_rules){.rules = NULL};
    *state = &rules;
    return 0;
}

static int tear_down(void **state)
{
    own_rules_done(*state);
    return 0;
}

static void assert_text(const struct own_rules *rules, const char *expected)
{
    size_t size;
    char *text = own_rules_format(rules, &size);

    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
    free(text);
}

static void test_the_last_word_counts(void **state)
{
    struct own_rules *rules = *state;

    assert_int_equal(own_rules_put(rules, "a.example", true, 100), 0);
    assert_int_equal(own_rules_put(rules, "b.example", false, OWN_RULES_FOR_EVER), 0);
    assert_int_equal(own_rules_put(rules, "a.example", false, 300), 0);
    assert_text(rules, "atlantic rules 1\ndeny b.example -\ndeny a.example 300\n");
    assert_true(own_rules_remove(rules, "b.example"));
    assert_false(own_rules_remove(rules, "b.example"));
    assert_text(rules, "atlantic rules 1\ndeny a.example 300\n");
}

static void test_what_is_over_goes(void **state)
{
    struct own_rules *rules = *state;

    assert_true(own_rules_next_end(rules) == OWN_RULES_FOR_EVER);
    assert_false(own_rules_expire(rules, 1000));
    rules->paused_until_s = 150;
    assert_int_equal(own_rules_put(rules, "a.example", true, 100), 0);
    assert_int_equal(own_rules_put(rules, "b.example", true, OWN_RULES_FOR_EVER), 0);
    assert_int_equal(own_rules_next_end(rules), 100);
    assert_false(own_rules_expire(rules, 99));
    assert_true(own_rules_expire(rules, 100));
    assert_int_equal(own_rules_next_end(rules), 150);
    assert_true(own_rules_expire(rules, 150));
    assert_int_equal(rules->paused_until_s, 0);
    assert_text(rules, "atlantic rules 1\nallow b.example -\n");
}

static void test_there_is_an_end_to_them(void **state)
{
    struct own_rules *rules = *state;
    char name[32];

    for (int i = 0; i < OWN_RULES_MAX; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        assert_int_equal(own_rules_put(rules, name, true, 100), 0);
    }
    assert_int_equal(own_rules_put(rules, "one.more.example", true, 100), ERR_LIMIT);
    assert_int_equal(own_rules_put(rules, "n0.example", false, 100), 0); /* in its own place */
    assert_int_equal(rules->count, OWN_RULES_MAX);
}

static void test_the_text_comes_back(void **state)
{
    static const char text[] =
        "atlantic rules 1\npause 77\nallow a.example 100\ndeny 192.0.2.7 -\nallow b.example -\n";
    struct own_rules *rules = *state;

    assert_int_equal(own_rules_parse(text, sizeof(text) - 1, rules), 0);
    assert_int_equal(rules->count, 3);
    assert_text(rules, text);
}

static void test_lines_that_cannot_be_read(void **state)
{
    static const char text[] = "atlantic rules 1\nfrobnicate\nallow\nallow x\nallow a.example 5x\n"
                               "allow a..b 5\n\npause\npause -5\npause 0\ndeny UPPER.example 9\n"
                               "allow c.example 5 6\nallow d.example 99999999999999999999";
    static const char *const none[] = {"", "allow a.example -\n", "atlantic rules 2\n"};
    struct own_rules *rules = *state;

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(own_rules_parse(none[i], strlen(none[i]), rules), -EBADMSG);
    assert_int_equal(own_rules_parse("atlantic rules 1\n\0\n", 19, rules), -EBADMSG);
    assert_int_equal(own_rules_parse(text, sizeof(text) - 1, rules), 0);
    assert_text(rules, "atlantic rules 1\ndeny upper.example 9\n");
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_the_last_word_counts),      lab_test(test_what_is_over_goes),
        lab_test(test_there_is_an_end_to_them),   lab_test(test_the_text_comes_back),
        lab_test(test_lines_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
