/* Zones of each type with and without data: who answers, and what. */
#include "adblock/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { A = 1, MX = 15, AAAA = 28 };

#define ALWAYS_NXDOMAIN                                                                            \
    "local-data: \"o.org A 192.0.2.1\"\nlocal-zone: \"o.org\" always_nxdomain\n"                   \
    "local-data: \"a.o.org A 192.0.2.2\"\nlocal-zone: \"s.o.org\" static\n"                        \
    "local-data: \"w.s.o.org A 192.0.2.3\"\n"
#define ALWAYS_TRANSPARENT                                                                         \
    "local-zone: \"org\" refuse\nlocal-zone: \"o.org\" always_transparent\n"                       \
    "local-data: \"o.org A 192.0.2.1\"\nlocal-data: \"a.o.org A 192.0.2.2\"\n"
#define TYPETRANSPARENT                                                                            \
    "local-zone: \"org\" refuse\nlocal-zone: \"o.org\" typetransparent\nlocal-data: \"w.o.org A "  \
    "192.0.2.1\"\n"                                                                                \
    "local-data: \"o.org A 192.0.2.2\"\nlocal-zone: \"n.org\" static\n"                            \
    "local-data: \"w.n.org A 192.0.2.1\"\n"
#define BLOCK_A "local-zone: \"org\" refuse\nlocal-zone: \"o.org\" block_a\n"
#define ROOT                                                                                       \
    "local-zone: \".\" refuse\nlocal-zone: \"o.org\" transparent\n"                                \
    "local-data: \"w.net A 192.0.2.1\"\n"

static const struct {
    const char *list, *host;
    uint16_t qtype;
    enum verdict_action expect;
    const char *answer; /* text or address of the first; NULL: none is looked at */
} rows[] = {
    {"local-zone: \"o.org\" refuse", "w.o.org", A, VERDICT_BLOCK, NULL},
    {"local-zone: o.org always_nxdomain # why", "o.org", A, VERDICT_BLOCK, NULL},
    {"local-zone: \"O.Org.\" static", "o.org", A, VERDICT_BLOCK, NULL},
    {"local-zone: \"o.org\"", "o.org", A, VERDICT_NONE, NULL},
    {"local-data: o.org A 192.0.2.1", "o.org", A, VERDICT_NONE, NULL},
    {"local-data: \"o.org\"", "o.org", A, VERDICT_NONE, NULL},
    /* redirect: what the zone's own name has, everything below it has */
    {"local-zone: \"o.org\" redirect\nlocal-data: \"o.org A 192.0.2.1\"", "o.org", A, VERDICT_HOST,
     "192.0.2.1"},
    {"local-zone: \"o.org\" redirect\nlocal-data: \"o.org A 192.0.2.1\"", "a.b.o.org", A,
     VERDICT_HOST, "192.0.2.1"},
    {"local-data: \"o.org. 60 IN A 192.0.2.1\"\nlocal-zone: \"O.ORG\" redirect", "a.o.org", A,
     VERDICT_HOST, "192.0.2.1"},
    {"local-zone: \"o.org\" redirect\nlocal-data: 'o.org CNAME x.net.'", "a.o.org", A, VERDICT_HOST,
     "x.net."},
    {"local-zone: \"o.org\" redirect\nlocal-data: \"o.org A 0.0.0.0\"", "a.o.org", A, VERDICT_HOST,
     "0.0.0.0"},
    {"local-zone: \"o.org\" redirect", "a.o.org", A, VERDICT_BLOCK, NULL},
    /* static: the data there are, and nothing else */
    {"local-zone: \"o.org\" static\nlocal-data: \"o.org A 192.0.2.1\"", "o.org", A, VERDICT_HOST,
     "192.0.2.1"},
    {"local-zone: \"o.org\" static\nlocal-data: \"o.org A 192.0.2.1\"", "w.o.org", A, VERDICT_BLOCK,
     NULL},
    {"local-zone: \"o.org\" static\nlocal-data: \"o.org MX 10 m.o.org\"", "o.org", MX, VERDICT_HOST,
     "10 m.o.org"},
    {"local-zone: \"o.org\" transparent\nlocal-data: \"w.o.org AAAA 2001:db8::1\"", "w.o.org", AAAA,
     VERDICT_HOST, "2001:db8::1"},
    {"local-zone: \"o.org\" transparent\nlocal-data: \"w.o.org AAAA 2001:db8::1\"", "o.org", A,
     VERDICT_ALLOW, NULL},
    {"local-zone: o.org\tstatic", "w.o.org", A, VERDICT_BLOCK, NULL},
    {"local-zone: \"o.org\" inform_redirect\nlocal-data: \"o.org A 192.0.2.1\"", "a.o.org", A,
     VERDICT_HOST, "192.0.2.1"},
    {"local-zone: \"o.org\" noview", "o.org", A, VERDICT_ALLOW, NULL},
    {"local-zone: \"o.org\" ipset", "o.org", A, VERDICT_ALLOW, NULL},
    /* always_*: whatever the data are */
    {ALWAYS_NXDOMAIN, "o.org", A, VERDICT_BLOCK, NULL},
    {ALWAYS_NXDOMAIN, "a.o.org", A, VERDICT_BLOCK, NULL},
    {ALWAYS_NXDOMAIN, "w.s.o.org", A, VERDICT_HOST, "192.0.2.3"}, /* in a zone of its own */
    {ALWAYS_TRANSPARENT, "o.org", A, VERDICT_ALLOW, NULL},
    {ALWAYS_TRANSPARENT, "a.o.org", A, VERDICT_ALLOW, NULL},
    {"local-zone: \"o.org\" always_null\nlocal-data: \"o.org A 192.0.2.1\"", "o.org", A,
     VERDICT_BLOCK, NULL},
    /* by types */
    {TYPETRANSPARENT, "w.o.org", A, VERDICT_HOST, "192.0.2.1"},
    {TYPETRANSPARENT, "w.o.org", AAAA, VERDICT_ALLOW, NULL},
    {TYPETRANSPARENT, "o.org", A, VERDICT_HOST, "192.0.2.2"},
    {TYPETRANSPARENT, "o.org", AAAA, VERDICT_ALLOW, NULL},
    {TYPETRANSPARENT, "w.n.org", AAAA, VERDICT_HOST, NULL}, /* the same data in a static zone */
    {TYPETRANSPARENT, "o.org", 0, VERDICT_REWRITE, NULL},
    {TYPETRANSPARENT, "w.o.org", 0, VERDICT_REWRITE, NULL},
    {BLOCK_A, "w.o.org", A, VERDICT_BLOCK, NULL},
    {BLOCK_A, "w.o.org", AAAA, VERDICT_ALLOW, NULL},
    {BLOCK_A, "org", AAAA, VERDICT_BLOCK, NULL},
    {"local-zone: o.org block_a", "w.o.org", AAAA, VERDICT_NONE, NULL},
    /* the root */
    {ROOT, "x.net", A, VERDICT_BLOCK, NULL},
    {ROOT, "o.org", A, VERDICT_ALLOW, NULL},
    {ROOT, "w.net", A, VERDICT_HOST, "192.0.2.1"},
    {"local-zone: \".\" transparent", "o.org", A, VERDICT_NONE, NULL},
    {"local-zone: . always_refuse\nlocal-data: \"w.net A 192.0.2.1\"", "w.net", A, VERDICT_BLOCK,
     NULL},
};

static void check(size_t row)
{
    char text[sizeof(((struct filter_answer *)0)->text)];
    struct filter *filter = NULL;
    struct filter_source source = {.name = "unbound",
                                   .format = FILTER_UNBOUND,
                                   .text = rows[row].list,
                                   .size = strlen(rows[row].list)};
    struct filter_name name = {.host = rows[row].host, .qtype = rows[row].qtype};
    struct filter_answer answer;
    struct verdict verdict;
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    filter_ask_name(filter, &name, &verdict);
    if (verdict.action != rows[row].expect)
        fail_msg("row %zu: %d, not %d", row, (int)verdict.action, (int)rows[row].expect);
    if (rows[row].answer) {
        assert_int_equal(filter_answers(filter, &name, &verdict, &answer, 1), 1);
        if (answer.address.family)
            assert_string_equal(address_format_ip(&answer.address, text), rows[row].answer);
        else
            assert_string_equal(answer.text, rows[row].answer);
    }
    filter_unref(filter);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
