/* Patterns on subjects, by search and by a given place. */
#include "adblock/pattern.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
    const char *pattern, *url;
    bool expect;
};

static struct pattern_subject subject_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t start = host ? (size_t)(host - url) + 3 : 0;
    return (struct pattern_subject){url, strlen(url), 0, start, start + strcspn(url + start, "/?")};
}

static const struct row rows[] = {
    {"abc", "http://x/abc", true},
    {"a*c", "http://x/abbc", true},
    {"a*c|", "http://x/acac", true},
    {"a*c|", "http://x/acab", false},
    {"*abc*", "http://x/abc", true},
    {"|http", "http://x/", true},
    {"|x", "http://x/", false},
    {"x/|", "http://x/", true},
    {"||x^", "http://x", true},
    {"||b.c/", "http://a.b.c/", true},
    {"||b.c/", "http://ab.c/", false},
    {"||b.c/", "http://x/b.c/", false},
    {"||*.c/", "http://a.b.c/", true},
    {"||b*/c", "http://a.b.d/c", true},
    {"x^", "http://x", true},
    {"x^|", "http://x/", true},
    {"x^^", "http://x", true},
    {"^x^", "http://x:80", true},
    {"a^b", "http://x/a_b", false},
    {"a^b", "http://x/a%b", false},
    {"a^b", "http://x/a+b", true},
    {"aab", "http://x/aaab", true},
    {"a*b*c*d", "http://x/a-c-b-c-d", true},
    {"a*b*c*d", "http://x/a-c-b-d", false},
    {"", "http://x/", true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern pattern = pattern_parse(slice_of(rows[i].pattern));
        struct pattern_subject subject = subject_of(rows[i].url);
        if (pattern_match(&pattern, &subject) != rows[i].expect)
            fail_msg("%s on %s", rows[i].pattern, rows[i].url);
    }
}

/* Trying every place finds what the search finds. */
static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern pattern = pattern_parse(slice_of(rows[i].pattern));
        struct pattern_subject subject = subject_of(rows[i].url);
        bool found = false;
        for (size_t at = 0; at <= subject.size + 1; at++)
            found |= pattern_match_at(&pattern, &subject, at);
        assert_int_equal(found, rows[i].expect);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
