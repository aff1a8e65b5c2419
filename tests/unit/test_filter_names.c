/* Names asked of whole lists, each format as its own users write it. */
#include "adblock/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *list; /* the whole text */
    const char *host;
    enum verdict_action expect;
    const char *rule; /* NULL: not looked at */
    enum filter_format format;
};

static struct filter *compile(const char *text, enum filter_format format, const char *category)
{
    struct filter *filter = NULL;
    struct filter_source source = {
        .name = "list", .category = category, .format = format, .text = text, .size = strlen(text)};
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    return filter;
}

static struct verdict ask(const struct filter *filter, const char *host)
{
    struct filter_name name = {.host = host, .qtype = 1};
    struct verdict verdict;
    filter_ask_name(filter, &name, &verdict);
    return verdict;
}

static const struct row rows[] = {
    {"0.0.0.0 ads.example.org", "ads.example.org", VERDICT_HOST, "0.0.0.0 ads.example.org", 0},
    {"0.0.0.0 ads.example.org", "x.ads.example.org", VERDICT_NONE, NULL, 0},
    {"0.0.0.0 ads.example.org", "example.org", VERDICT_NONE, NULL, 0},
    {"127.0.0.1\tA.Example.Org  b.example.org # why\r\n", "b.example.org", VERDICT_HOST,
     "127.0.0.1 b.example.org", 0},
    {"127.0.0.1\tA.Example.Org  b.example.org # why\r\n", "a.example.org", VERDICT_HOST, NULL, 0},
    {"127.0.0.1 localhost\n0.0.0.0 x.org\n", "localhost", VERDICT_NONE, NULL, 0},
    {":: six.example.org", "six.example.org", VERDICT_HOST, NULL, 0},

    {"a.example\nb.example\nc.example\n", "www.b.example", VERDICT_BLOCK, "b.example", 0},
    {"a.example\nb.example\nc.example\n", "xb.example", VERDICT_NONE, NULL, 0},
    {"*.a.example\nb.example # b\nc.example\n", "a.example", VERDICT_NONE, NULL, 0},
    {"*.a.example\nb.example # b\nc.example\n", "x.a.example", VERDICT_BLOCK, "*.a.example", 0},
    {"example.org", "example.org", VERDICT_HOST, "example.org", 0},
    {"example.org", "www.example.org", VERDICT_NONE, NULL, 0},
    {"example.org", "www.example.org", VERDICT_BLOCK, NULL, FILTER_DOMAINS},

    {"address=/ads.example/\n", "x.ads.example", VERDICT_BLOCK, "address=/ads.example/", 0},
    {"address=/ads.example/0.0.0.0\n", "ads.example", VERDICT_BLOCK, NULL, 0},
    {"address=/ads.example/192.0.2.1\n", "ads.example", VERDICT_REWRITE, NULL, 0},
    {"address=/a.example/b.example/#\n", "b.example", VERDICT_BLOCK, "address=/b.example/#", 0},
    {"local=/ads.example/\nserver=/ok.ads.example/#\n", "ok.ads.example", VERDICT_ALLOW, NULL, 0},
    {"server=/corp.example/192.0.2.1\n", "corp.example", VERDICT_NONE, NULL, 0},

    {"local-zone: \"ads.example\" always_nxdomain\n", "x.ads.example", VERDICT_BLOCK,
     "local-zone: \"ads.example\" always_nxdomain", 0},
    {"server:\nlocal-zone: ads.example. static\n", "ads.example", VERDICT_BLOCK, NULL, 0},
    {"local-zone: \"a.example\" refuse\nlocal-zone: \"ok.a.example\" transparent\n", "ok.a.example",
     VERDICT_ALLOW, NULL, 0},
    {"local-data: \"ads.example A 0.0.0.0\"\n", "ads.example", VERDICT_HOST, NULL, 0},

    {"$TTL 60\nnx.example CNAME .\n", "nx.example", VERDICT_BLOCK, "nx.example CNAME .", 0},
    {"$TTL 60\nnx.example CNAME .\n", "a.nx.example", VERDICT_NONE, NULL, 0},
    {"*.nx.example 300 IN CNAME . ; below\n", "a.nx.example", VERDICT_BLOCK, "*.nx.example CNAME .",
     0},
    {"*.a.example CNAME .\nok.a.example CNAME rpz-passthru.\n", "ok.a.example", VERDICT_ALLOW, NULL,
     0},
    {"nodata.example CNAME *.\n", "nodata.example", VERDICT_REWRITE, NULL, 0},
    {"$ORIGIN rpz.local.\nbad.example.rpz.local. CNAME .\n", "bad.example", VERDICT_BLOCK, NULL, 0},

    {"||ads.example^", "ads.example", VERDICT_BLOCK, "||ads.example^", 0},
    {"||ads.example^", "a.b.ads.example", VERDICT_BLOCK, "||ads.example^", 0},
    {"||ads.example^", "bads.example", VERDICT_NONE, NULL, 0},
    {"||ads.example^\n@@||ok.ads.example^", "x.ok.ads.example", VERDICT_ALLOW,
     "@@||ok.ads.example^", 0},
    {"||ads.example^$important\n@@||ok.ads.example^", "ok.ads.example", VERDICT_BLOCK,
     "||ads.example^$important", 0},
    {"||ads.example^$third-party", "ads.example", VERDICT_NONE, NULL, 0},
    {"||ads.example^$frobnicate", "ads.example", VERDICT_NONE, NULL, 0},
    {"||ads.example^\n||ads.example^$badfilter", "ads.example", VERDICT_NONE, NULL, 0},
    {"||ads.example^$important\n||ads.example^$badfilter", "ads.example", VERDICT_BLOCK, NULL, 0},
    {"0.0.0.0 ads.example.org\n||example.org^", "ads.example.org", VERDICT_BLOCK, NULL, 0},
    {"! 0.0.0.0 a.example\n# ||b.example^\n||c.example^", "b.example", VERDICT_NONE, NULL, 0},
    {"||\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84^",
     "xn--e1afmkfd.xn--p1ai", VERDICT_BLOCK, NULL, 0},
    {"!#if false\n||a.example^\n!#else\n||b.example^\n!#endif\n||c.example^", "a.example",
     VERDICT_NONE, NULL, 0},
    {"!#if false\n||a.example^\n!#else\n||b.example^\n!#endif\n||c.example^", "b.example",
     VERDICT_BLOCK, NULL, 0},
};

static void check(const struct row *row)
{
    struct filter *filter = compile(row->list, row->format, "ads");
    struct verdict verdict = ask(filter, row->host);
    char list[64], rule[256];
    if (verdict.action != row->expect)
        fail_msg("%s of \"%s\": %d, not %d", row->host, row->list, (int)verdict.action,
                 (int)row->expect);
    filter_describe(filter, &verdict, row->host, list, sizeof(list), rule, sizeof(rule));
    assert_string_equal(list, verdict.action == VERDICT_NONE ? "" : "list");
    if (row->rule)
        assert_string_equal(rule, row->rule);
    filter_unref(filter);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

/* Whatever the lists say, the user's own word counts more. */
static void test_own_lists(void **state)
{
    (void)state;
    static const char ads[] = "||a.example^$important\n||b.example^\n@@||c.example^\n";
    struct filter_source sources[] = {
        {.name = "ads", .category = "ads", .text = ads, .size = sizeof(ads) - 1},
        {.name = "mine",
         .category = "allow",
         .format = FILTER_DOMAINS,
         .text = "a.example",
         .size = 9},
        {.name = "not mine",
         .category = "deny",
         .format = FILTER_DOMAINS,
         .text = "c.example",
         .size = 9},
    };
    struct filter *filter;
    assert_int_equal(filter_compile(sources, 3, NULL, 0, &filter, NULL), 0);
    assert_int_equal(ask(filter, "www.a.example").action, VERDICT_ALLOW);
    assert_int_equal(ask(filter, "www.a.example").list, 1);
    assert_int_equal(ask(filter, "b.example").action, VERDICT_BLOCK);
    assert_int_equal(ask(filter, "c.example").action, VERDICT_BLOCK);
    assert_int_equal(ask(filter, "c.example").list, 2);
    filter_unref(filter);
}

static void on_dropped(void *owner, size_t line, const char *text, size_t size, const char *reason)
{
    snprintf(owner, 256, "%zu:%.*s:%s", line, (int)size, text, reason);
}

static void test_counts(void **state)
{
    (void)state;
    static const char text[] = "[Adblock Plus 2.0]\n! Title: t\n||a.example^\n@@||b.example^\n"
                               "a.example##.ad\n##.banner\n||c.example^$frobnicate\n";
    char dropped[256] = "";
    struct filter_source source = {.name = "ads",
                                   .text = text,
                                   .size = sizeof(text) - 1,
                                   .on_dropped = on_dropped,
                                   .owner = dropped};
    struct filter *filter;
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    struct filter_stats stats = filter_stats(filter);
    assert_int_equal(stats.lists, 1);
    assert_int_equal(stats.rules, 1);
    assert_int_equal(stats.exceptions, 1);
    assert_int_equal(stats.cosmetic, 2);
    assert_int_equal(stats.dropped, 1);
    assert_string_equal(dropped, "7:||c.example^$frobnicate:an unknown modifier");
    assert_int_equal(filter_list_stats(filter, 1).lists, 0);
    filter_unref(filter);
}

static void test_web_page(void **state)
{
    (void)state;
    static const char page[] = "\n<!DOCTYPE html><html><body>Sign in</body></html>";
    struct filter_source source = {.name = "hotspot", .text = page, .size = sizeof(page) - 1};
    struct filter_problem problem;
    struct filter *filter = NULL;
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, &problem), -22);
    assert_non_null(strstr(problem.text, "hotspot"));
    assert_null(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_own_lists),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_web_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
