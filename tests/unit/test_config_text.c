/* Nearest words, printable text, and YAML's quotes. */
#include "service/config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(config_text_distance("", ""), 0);
    assert_int_equal(config_text_distance("name", "name"), 0);
    assert_int_equal(config_text_distance("name", "nme"), 1);
    assert_int_equal(config_text_distance("name", "names"), 1);
    assert_int_equal(config_text_distance("name", "fame"), 1);
    assert_int_equal(config_text_distance("name", "anme"), 1);
    assert_int_equal(config_text_distance("level", "levle"), 1);
    assert_int_equal(config_text_distance("abc", "xyz"), 3);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"upstreams", "dns", "filter", "limits", NULL};
    (void)state;
    assert_string_equal(config_text_nearest("upstream", words), "upstreams");
    assert_string_equal(config_text_nearest("up", words) ? "some" : "none", "none");
    assert_string_equal(config_text_nearest("dsn", words), "dns");
    assert_string_equal(config_text_nearest("fliter", words), "filter");
    assert_null(config_text_nearest("zebra", words));
    char longer[80];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_null(config_text_nearest(longer, words));
}

static void test_join(void **state)
{
    static const char *const words[] = {"a", "bc", "d", NULL};
    char text[16];
    (void)state;
    config_text_join(words, text, sizeof(text));
    assert_string_equal(text, "a, bc, d");
    config_text_join(words, text, 6);
    assert_string_equal(text, "a, bc");
}

static void test_printable(void **state)
{
    (void)state;
    assert_true(config_text_is_printable("a b \xc3\xbc \xf0\x9f\x98\x80"));
    assert_false(config_text_is_printable("a\n"));
    assert_false(config_text_is_printable("\x7f"));
    assert_false(config_text_is_printable("\xc2\x85"));     /* a control character of Latin 1 */
    assert_false(config_text_is_printable("\xff"));         /* no UTF-8 */
    assert_false(config_text_is_printable("\xc0\xaf"));     /* longer than it need be */
    assert_false(config_text_is_printable("\xed\xa0\x80")); /* half of a surrogate pair */
    assert_false(config_text_is_printable("\xc3"));         /* cut off */
}

static void assert_quoted(const char *text, const char *expected)
{
    char *quoted = NULL;
    size_t size;
    FILE *to = open_memstream(&quoted, &size);
    config_text_print(text, to);
    fclose(to);
    assert_string_equal(quoted, expected);
    free(quoted);
}

static void test_quotes(void **state)
{
    (void)state;
    assert_quoted("plain-text_1.txt", "plain-text_1.txt");
    assert_quoted("/srv/list", "/srv/list");
    assert_quoted("", "\"\"");
    assert_quoted("Yes", "\"Yes\"");
    assert_quoted("12", "\"12\"");
    assert_quoted("a: b", "\"a: b\"");
    assert_quoted("a\"\\", "\"a\\\"\\\\\"");
    assert_quoted("\xc3\xbc\xf0\x9f\x98\x80", "\"\\u00FC\\U0001F600\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_join),     cmocka_unit_test(test_printable),
        cmocka_unit_test(test_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
