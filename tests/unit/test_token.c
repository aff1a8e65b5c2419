/* Tokens of texts and of regular expressions. */
#include "adblock/regex_token.h"
#include "adblock/token.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { TEXT_MAX = 400 };

static size_t next_slowly(const char *text, size_t at, size_t *ret_size)
{
    while (text[at] && !token_is_char(text[at]))
        at++;
    *ret_size = 0;
    while (text[at + *ret_size] && token_is_char(text[at + *ret_size]))
        ++*ret_size;
    return at;
}

static void check(const char *given)
{
    char text[TEXT_MAX + TOKEN_PADDING] = {0};
    struct token_scan scan = {.text = text, .size = strlen(given)};
    struct token token;
    size_t at = 0, size;
    memcpy(text, given, scan.size);
    for (at = next_slowly(text, 0, &size); size > 0; at = next_slowly(text, at + size, &size)) {
        assert_true(token_next(&scan, &token));
        assert_int_equal(token.start, at);
        assert_int_equal(token.size, size);
        assert_int_equal(token.hash, token_hash(text + at, size));
    }
    assert_false(token_next(&scan, &token));
}

static void test_texts(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    uint32_t random = 1;
    check("");
    check("a");
    check("--");
    check("https://www.example.com/a%20b/c?d=e&f");
    check("\xc3\xa4"
          "a\xff"
          "b{z`A[0:9/");
    for (size_t size = 1; size < TEXT_MAX; size++) {
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = (random >> 16) % 8 ? 'x' : '/';
        }
        text[size] = '\0';
        check(text);
        memset(text, 'q', size);
        check(text);
    }
}

static void test_hash(void **state)
{
    (void)state;
    static const char a[] = "12345678abc12345678", b[] = "12345678abd12345678";
    char x[32] = {0}, y[32] = {0};
    memcpy(x, a, sizeof(a));
    memcpy(y, b, sizeof(b));
    assert_int_not_equal(token_hash(x, 3), token_hash(x, 4));
    assert_int_equal(token_hash(x, 8), token_hash(y, 8));
    assert_int_not_equal(token_hash(x, 11), token_hash(y, 11));
}

static void check_regex(const char *regex, const char *expect)
{
    char found[128] = "";
    struct slice token;
    for (size_t at = 0; regex_token_next(slice_of(regex), &at, &token);) {
        strncat(found, token.data, token.size);
        strcat(found, " ");
    }
    assert_string_equal(found, expect);
}

static void test_regexes(void **state)
{
    (void)state;
    check_regex("/\\/abc\\//", "abc ");
    check_regex("/abc\\//", "");
    check_regex("/\\/abc/", "");
    check_regex("/\\/abc?\\//", "");
    check_regex("/\\/ab\\/?cd\\//", "");
    check_regex("/x\\.com\\/(ok|fine)\\/q\\./", "com q ");
    check_regex("/(https?:\\/\\/)104\\.154\\..{100,}/", "104 154 ");
    check_regex("/(a|b\\/)104\\.1/", "");
    check_regex("/\\/a\\/|\\/b\\//", "");
    check_regex("/\\.a[bc]d\\.e\\.f{2}/", "e ");
    check_regex("/\\/\\x2fab\\//", "");
    check_regex("/-a{1,2}-b-/", "b ");
    check_regex("/[/", "");
    check_regex("/(((/", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_regexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
