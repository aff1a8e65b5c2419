/* The question and the answer as people read them. */
#include "ui/cli/consent_text.h"

#include "tests/unit/printed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void print_question(const cJSON *result, bool has_colour, FILE *to)
{
    (void)has_colour;
    consent_text_print_question(result, to);
}

static void test_the_question(void **state)
{
    (void)state;
    assert_printed(
        print_question,
        "{\"text\":[\"One two.\",\"A line that is just as long as there is room for, which is "
        "seventyeight letters long and then it goes on.\"]}",
        "One two.\n\n"
        "A line that is just as long as there is room for, which is seventyeight\n"
        "letters long and then it goes on.\n\n");
    assert_printed(print_question, "{\"text\":[\"\",7]}", "\n\n\n\n");
    assert_printed(print_question, "{}", "");
}

static void test_not_asked_yet(void **state)
{
    (void)state;
    assert_printed(consent_text_print_answer,
                   "{\"state\":\"none\",\"is_required\":true,\"region\":null,\"version\":1,"
                   "\"event\":null,\"history\":[],"
                   "\"log\":{\"mode\":\"off\",\"needs_consent\":true,\"consent\":\"none\"}}",
                   "text       version 1\n"
                   "region     not set: consent is required\n"
                   "consent    not given\n"
                   "query log  not kept, for want of consent\n"
                   "Agree with: atlantic consent give\n");
}

#define GIVEN     "{\"what\":\"given\",\"time\":\"T1\",\"version\":1,\"region\":\"DE\",\"uid\":1000}"
#define WITHDRAWN "{\"what\":\"withdrawn\",\"time\":\"T2\",\"version\":1,\"region\":null,\"uid\":0}"

static void test_given(void **state)
{
    (void)state;
    assert_printed(consent_text_print_answer,
                   "{\"state\":\"given\",\"is_required\":true,\"region\":\"DE\",\"version\":1,"
                   "\"event\":" GIVEN ",\"history\":[" WITHDRAWN "," GIVEN "],"
                   "\"log\":{\"mode\":\"blocked\",\"needs_consent\":false,\"consent\":\"given\"}}",
                   "text       version 1\n"
                   "region     DE: consent is required\n"
                   "consent    given T1 by user 1000, text 1, region DE\n"
                   "query log  kept, of what is blocked\n"
                   "before     withdrawn T2 by user 0, text 1, region not set\n"
                   "Take it back with: atlantic consent withdraw\n");
}

static void test_withdrawn_where_it_is_not_required(void **state)
{
    (void)state;
    assert_printed(consent_text_print_answer,
                   "{\"state\":\"withdrawn\",\"is_required\":false,\"region\":\"US\",\"version\":1,"
                   "\"event\":" WITHDRAWN ",\"history\":[" WITHDRAWN "],"
                   "\"log\":{\"mode\":\"off\",\"needs_consent\":true,\"consent\":\"withdrawn\"}}",
                   "text       version 1\n"
                   "region     US: consent is not required\n"
                   "consent    withdrawn T2 by user 0, text 1, region not set\n"
                   "query log  not kept: consent was withdrawn\n"
                   "Agree with: atlantic consent give\n");
}

static void test_not_required(void **state)
{
    (void)state;
    assert_printed(consent_text_print_answer,
                   "{\"state\":\"none\",\"is_required\":false,\"region\":\"US\",\"version\":1,"
                   "\"event\":null,\"history\":[],"
                   "\"log\":{\"mode\":\"all\",\"needs_consent\":false,\"consent\":\"none\"}}",
                   "text       version 1\n"
                   "region     US: consent is not required\n"
                   "consent    not given\n"
                   "query log  kept, of everything\n");
}

static void assert_missing(const char *json, const char *expected)
{
    cJSON *log = cJSON_Parse(json);
    const char *text = consent_text_missing(log);
    if (expected)
        assert_non_null(strstr(text, expected));
    else
        assert_null(text);
    cJSON_Delete(log);
}

static void test_why_there_is_no_log(void **state)
{
    (void)state;
    assert_missing("{}", NULL); /* of a service that knows no consent */
    assert_missing("{\"needs_consent\":false,\"consent\":\"none\"}", NULL);
    assert_missing("{\"needs_consent\":true,\"consent\":\"none\"}", "needs your consent;");
    assert_missing("{\"needs_consent\":true,\"consent\":\"outdated\"}", "the text has changed");
    assert_missing("{\"needs_consent\":true,\"consent\":\"withdrawn\"}", "was withdrawn");
    assert_missing("{\"needs_consent\":true,\"consent\":\"damaged\"}", "cannot be read");
    assert_missing("{\"needs_consent\":true,\"consent\":\"unheard of\"}", "needs your consent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_question),
        cmocka_unit_test(test_not_asked_yet),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_withdrawn_where_it_is_not_required),
        cmocka_unit_test(test_not_required),
        cmocka_unit_test(test_why_there_is_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
