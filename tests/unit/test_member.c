/* What is missing from an answer, or of another type, reads as nothing. */
#include "ui/cli/member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int parse(void **state)
{
    *state = cJSON_Parse("{\"text\":\"a\",\"figure\":12.5,\"below\":-3,\"yes\":true,\"no\":false,"
                         "\"nothing\":null}");
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    cJSON_Delete(*state);
    return 0;
}

static void test_text(void **state)
{
    assert_string_equal(member_text(*state, "text"), "a");
    assert_string_equal(member_text(*state, "Text"), "");
    assert_string_equal(member_text(*state, "figure"), "");
    assert_string_equal(member_text(*state, "nothing"), "");
    assert_string_equal(member_text(NULL, "text"), "");
}

static void test_number(void **state)
{
    assert_true(member_number(*state, "figure", -1) == 12.5);
    assert_true(member_number(*state, "below", -1) == -3);
    assert_true(member_number(*state, "missing", -1) == -1);
    assert_true(member_number(*state, "text", 7) == 7);
    assert_true(member_number(NULL, "figure", 7) == 7);
}

static void test_count(void **state)
{
    assert_int_equal(member_count(*state, "figure"), 12);
    assert_int_equal(member_count(*state, "below"), 0);
    assert_int_equal(member_count(*state, "text"), 0);
    assert_int_equal(member_count(NULL, "figure"), 0);
}

static void test_truth(void **state)
{
    assert_true(member_is_true(*state, "yes"));
    assert_false(member_is_true(*state, "no"));
    assert_false(member_is_true(*state, "figure"));
    assert_false(member_is_true(NULL, "yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, parse, drop),
        cmocka_unit_test_setup_teardown(test_number, parse, drop),
        cmocka_unit_test_setup_teardown(test_count, parse, drop),
        cmocka_unit_test_setup_teardown(test_truth, parse, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
