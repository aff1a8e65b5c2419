/* The filter's state, rules and explanations as people read them. */
#include "ui/cli/rules_text.h"

#include "tests/unit/printed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void test_rules(void **state)
{
    (void)state;
    assert_printed(rules_text_print, "{\"filter\":{\"state\":\"on\",\"rules\":[]}}",
                   "There are no rules of yours.\n");
    assert_printed(
        rules_text_print,
        "{\"filter\":{\"state\":\"paused\",\"paused_left_ms\":240000,\"rules\":["
        "{\"name\":\"a.example\",\"verdict\":\"allow\",\"until\":\"x\",\"left_ms\":3540000},"
        "{\"name\":\"b.example\",\"verdict\":\"deny\",\"until\":null}]}}",
        "The filter is paused for another 4 min: everything passes; end that with: atlantic "
        "resume.\n"
        "NAME       RULE   TIME\n"
        "a.example  allow  for another 59 min\n"
        "b.example  deny   for ever\n");
    assert_printed(rules_text_print, "{\"filter\":{\"state\":\"scheduled off\"}}",
                   "The filter is off by a schedule now: everything passes.\n"
                   "There are no rules of yours.\n");
}

static void test_explanation(void **state)
{
    (void)state;
    assert_printed(rules_text_print_explanation,
                   "{\"asked\":\"ads.example\",\"verdict\":\"allow\",\"list\":\"your rules\","
                   "\"rule\":\"allow ads.example\",\"matches\":["
                   "{\"verdict\":\"allow\",\"list\":\"your rules\",\"rule\":\"allow ads.example\"},"
                   "{\"verdict\":\"block\",\"list\":\"easy\",\"rule\":\"||ads.example^\"}],"
                   "\"filter\":{\"state\":\"on\"}}",
                   "allowed: ads.example, by the rule allow ads.example of the list your rules\n"
                   "      VERDICT  LIST        RULE\n"
                   "wins  allow    your rules  allow ads.example\n"
                   "      block    easy        ||ads.example^\n");
    assert_printed(rules_text_print_explanation,
                   "{\"asked\":\"a.example\",\"verdict\":\"none\",\"matches\":[],"
                   "\"filter\":{\"state\":\"off\"}}",
                   "not blocked: a.example, no rule speaks of it\n"
                   "The filter is off by the configuration: everything passes.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_explanation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
