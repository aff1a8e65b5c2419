/* AdGuard's DNS modifiers and the actions of zones: names asked by clients, answers compared. */
#include "adblock/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { A = 1, TXT = 16, AAAA = 28, HTTPS = 65 };
enum {
    NONE = VERDICT_NONE,
    ALLOW = VERDICT_ALLOW,
    BLOCK = VERDICT_BLOCK,
    HOST = VERDICT_HOST,
    REWRITE = VERDICT_REWRITE
};

/* One more than answers are kept. */
#define FOUR_HOSTS(tens)                                                                           \
    "127.0." tens ".1 o.org\n127.0." tens ".2 o.org\n127.0." tens ".3 o.org\n127.0." tens          \
    ".4 o.org\n"
#define SEVENTEEN_HOSTS                                                                            \
    FOUR_HOSTS("1") FOUR_HOSTS("2") FOUR_HOSTS("3") FOUR_HOSTS("4") "127.0.5.1 o.org\n"

struct row {
    const char *rules, *host;
    uint16_t qtype;
    const char *client, *client_name, *tags;
    int expect; /* enum verdict_action */
};

static const struct row rows[] = {
    {SEVENTEEN_HOSTS "||o.org^$dnsrewrite=192.0.2.9", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnstype=A|AAAA\n||o.org^$dnstype=AAAA|A,badfilter", "o.org", A, NULL, NULL, NULL,
     NONE},
    {"||o.org^$client=192.0.2.1|pc\n||o.org^$client=pc|192.0.2.1,badfilter", "o.org", A, NULL, "pc",
     NULL, NONE},
    {"||o.org^$ctag=x|y\n||o.org^$ctag=y|x,badfilter", "o.org", A, NULL, NULL, "x", NONE},
    {"||o.org^$ctag=x|y\n||o.org^$ctag=y|z,badfilter", "o.org", A, NULL, NULL, "x", BLOCK},
    {"||o.org^$dnstype=AAAA", "o.org", AAAA, NULL, NULL, NULL, BLOCK},
    {"||o.org^$dnstype=AAAA", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnstype=~A|~CNAME", "o.org", HTTPS, NULL, NULL, NULL, BLOCK},
    {"||o.org^$dnstype=~A|~CNAME", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnstype=TYPE65", "o.org", HTTPS, NULL, NULL, NULL, BLOCK},
    {"||o.org^$dnstype=BOGUS", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$client=192.0.2.5", "o.org", A, "192.0.2.5", NULL, NULL, BLOCK},
    {"||o.org^$client=192.0.2.5", "o.org", A, "192.0.2.6", NULL, NULL, NONE},
    {"||o.org^$client=192.0.2.5", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$client=192.0.2.0/25", "o.org", A, "192.0.2.127", NULL, NULL, BLOCK},
    {"||o.org^$client=192.0.2.0/25", "o.org", A, "192.0.2.128", NULL, NULL, NONE},
    {"||o.org^$client=2001:db8::/32", "o.org", A, "2001:db8:1::9", NULL, NULL, BLOCK},
    {"||o.org^$client=~192.0.2.5", "o.org", A, "192.0.2.6", NULL, NULL, BLOCK},
    {"||o.org^$client=~192.0.2.5", "o.org", A, "192.0.2.5", NULL, NULL, NONE},
    {"||o.org^$client=pc|'Frank\\'s laptop'", "o.org", A, NULL, "Frank's laptop", NULL, BLOCK},
    {"||o.org^$client='a\\, b\\|c'", "o.org", A, NULL, "a, b|c", NULL, BLOCK},
    {"||o.org^$client=\"pc\"", "o.org", A, NULL, "PC", NULL, NONE},
    {"||o.org^\n@@||o.org^$client=pc", "o.org", A, NULL, "pc", NULL, ALLOW},
    {"||o.org^$ctag=device_phone|user_child", "o.org", A, NULL, NULL, "os_x,user_child", BLOCK},
    {"||o.org^$ctag=device_phone", "o.org", A, NULL, NULL, "device_pc", NONE},
    {"||o.org^$ctag=~user_admin", "o.org", A, NULL, NULL, "user_admin", NONE},
    {"||o.org^$ctag=~user_admin", "o.org", A, NULL, NULL, "device_pc", BLOCK},
    {"/ads.", "ads.o.org", A, NULL, NULL, NULL, BLOCK},
    {"/ads.", "x.ads.o.org", A, NULL, NULL, NULL, NONE},
    {"/a_d.", "a_d.o.org", A, NULL, NULL, NULL, NONE},
    {"o.org # why", "o.org", A, NULL, NULL, NULL, HOST},
    {"o.org#why", "o.org", A, NULL, NULL, NULL, NONE},
    {"*$denyallow=com|net", "a.org", A, NULL, NULL, NULL, BLOCK},
    {"*$denyallow=com|net", "a.b.net", A, NULL, NULL, NULL, NONE},
    {"*$denyallow=com", "srv2", A, NULL, NULL, NULL, BLOCK},
    {"*$denyallow=com", "192.0.2.1", A, NULL, NULL, NULL, NONE},
    {"*$denyallow=com", "2001:db8::a", A, NULL, NULL, NULL, NONE},
    {"||*$denyallow=com", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"||*", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"||*^", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"*.*", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"*.*", "router", A, NULL, NULL, NULL, NONE},
    {"||*$dnsrewrite=NXDOMAIN", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"*$dnsrewrite=NXDOMAIN", "o.org", A, NULL, NULL, NULL, NONE},
    {"||", "o.org", A, NULL, NULL, NULL, NONE},
    {"*", "o.org", A, NULL, NULL, NULL, NONE},
    {"or", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org/*", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"o.org/*", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"o.org/*", "o.org.uk", A, NULL, NULL, NULL, NONE},
    {"o.org/", "o.org", A, NULL, NULL, NULL, NONE},
    {"|o.org/*", "w.o.org", A, NULL, NULL, NULL, NONE},
    {"http://*.org/*", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"router", "router", A, NULL, NULL, NULL, HOST},
    {"router", "my-router.lan", A, NULL, NULL, NULL, NONE},
    {"a_d.o.org", "w.a_d.o.org", A, NULL, NULL, NULL, BLOCK},
    {"ads.v2", "ads.v2.o.org", A, NULL, NULL, NULL, BLOCK},
    {"O.ORG", "o.org", A, NULL, NULL, NULL, HOST},
    {"ads.", "my-ads.o.org", A, NULL, NULL, NULL, BLOCK},
    {"ads.o.", "ads.o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org^$dnsrewrite=NOTIMP", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=notimp;;", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"ads.xn--e1afmkfd", "ads.xn--e1afmkfd", A, NULL, NULL, NULL, HOST},
    {"||o.org^$ctag=device_phone|", "o.org", A, NULL, NULL, "device_phone", BLOCK},
    {"||o.org^$ctag=|", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^*$client=pc\n||o.org^*$client=pc,badfilter", "o.org", A, NULL, "pc", NULL, NONE},
    {"||o.org^$ctag=user_child\n||o.org^$badfilter,ctag=user_child", "o.org", A, NULL, NULL,
     "user_child", NONE},
    {"||o.org^$dnsrewrite=x.net\n||o.org^$dnsrewrite=x.net,badfilter", "o.org", A, NULL, NULL, NULL,
     NONE},
    {"||o.org^$dnsrewrite=nas", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=NOERROR;MX;mail.net", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=NOERROR;SRV;1 2 t.net", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=NOERROR;SRV;1 2 3 t.net", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=NOERROR;HTTPS;x", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=NOERROR;HTTPS;1 . alpn=h3", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=192.0.2.1,important\n@@||o.org^$important", "o.org", A, NULL, NULL, NULL,
     REWRITE},
    {"||org^$denyallow=ok.org", "x.ok.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$third-party", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$domain=a.com", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$all", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org|", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org^|", "x.o.org", A, NULL, NULL, NULL, BLOCK},
    {"|o.org^", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"|o.org^", "x.o.org", A, NULL, NULL, NULL, NONE},
    {"||ads", "x.adserver.net", A, NULL, NULL, NULL, BLOCK},
    {"||o.*^", "w.o.net", A, NULL, NULL, NULL, BLOCK},
    {"||c.*.o.org^", "c.o.org", A, NULL, NULL, NULL, NONE},
    {"://ads.", "ads.o.org", A, NULL, NULL, NULL, BLOCK},
    {"://ads.", "w.ads.o.org", A, NULL, NULL, NULL, NONE},
    {"http://t.o.org^", "t.o.org", A, NULL, NULL, NULL, BLOCK},
    {"https://t.o.org^", "t.o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org/ads/", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org/", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org/", "o.org.uk", A, NULL, NULL, NULL, NONE},
    {"|http://t.o.org^", "t.o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$document", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org^$document,image", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^\n@@||o.org^$document", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"-ad-server.", "x-ad-server.net", A, NULL, NULL, NULL, BLOCK},
    {"/^ads?[0-9]*\\.o\\.org$/", "ad7.o.org", A, NULL, NULL, NULL, BLOCK},
    {"/^ads?[0-9]*\\.o\\.org$/", "ad7.o.org.uk", A, NULL, NULL, NULL, NONE},
    {"||o.org^\n@@/^ok[0-9]+\\./", "ok1.o.org", A, NULL, NULL, NULL, ALLOW},
    {"@@||o.org^\n||ads.o.org^$important", "ads.o.org", A, NULL, NULL, NULL, BLOCK},
    {"||o.org^$important\n@@||a.o.org^$important", "a.o.org", A, NULL, NULL, NULL, ALLOW},
    {"0.0.0.0 o.org\n@@||o.org^$badfilter\n@@||o.org^", "o.org", A, NULL, NULL, NULL, HOST},
    {"/ad[0-9]\\./\n/ad[0-9]\\./$badfilter", "ad1.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=192.0.2.1", "w.o.org", A, NULL, NULL, NULL, REWRITE},
    {"|o.org^$dnsrewrite=192.0.2.1", "w.o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=192.0.2.1\n||o.org^", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=BOGUS", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=NOERROR;A;x", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=NOERROR;A", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=192.0.2.1\n@@||o.org^$dnsrewrite", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$dnsrewrite=REFUSED", "o.org", 0, NULL, NULL, NULL, BLOCK},
    {"192.0.2.1 nas.o.org", "nas.o.org", A, NULL, NULL, NULL, HOST},
    {"192.0.2.1 nas.o.org", "nas.o.org", 0, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite", "o.org", A, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=NOERROR;TXT;", "o.org", TXT, NULL, NULL, NULL, REWRITE},
    {"||o.org^$dnsrewrite=NOERROR;PTR;", "o.org", A, NULL, NULL, NULL, NONE},
    {"||o.org^$IMPORTANT", "o.org", A, NULL, NULL, NULL, NONE},
    {"address=/o.org/0.0.0.0\t# why", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"address = /o.org/0.0.0.0", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"local =/o.org/", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"o.org cname .", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"@ IN SOA @ a. (\n 1\n 2\n 3\n 4\n 5 )\no.org CNAME .", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"address=/.o.org/0.0.0.0", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"address=/*.o.org/0.0.0.0", "o.org", A, NULL, NULL, NULL, NONE},
    {"address=/*.o.org/0.0.0.0", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"address=/*o.org/0.0.0.0", "foo.org", A, NULL, NULL, NULL, BLOCK},
    {"address=/*o.org/0.0.0.0", "o.org.uk", A, NULL, NULL, NULL, NONE},
    {"address=/#/0.0.0.0", "any.net", A, NULL, NULL, NULL, BLOCK},
    {"address=/#/\nserver=/o.org/#", "w.o.org", A, NULL, NULL, NULL, ALLOW},
    {"address=/o.org/x.y", "o.org", A, NULL, NULL, NULL, NONE},
    {"address=/o.org/p.org/", "w.p.org", A, NULL, NULL, NULL, BLOCK},
    {"address=/o.org/192.0.2.1\naddress=/w.o.org/#", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"server=/o.org/#\naddress=/w.o.org/192.0.2.1", "x.w.o.org", A, NULL, NULL, NULL, REWRITE},
    {"address=/o.org/#\nserver=/w.o.org/192.0.2.53", "w.o.org", A, NULL, NULL, NULL, BLOCK},
    {"local-zone: \"o.org\" static\nlocal-data: \"w.o.org A 192.0.2.1\"", "w.o.org", A, NULL, NULL,
     NULL, HOST},
    {"local-zone: \"o.org\" transparent\nlocal-zone: \"w.o.org\" deny", "w.o.org", A, NULL, NULL,
     NULL, BLOCK},
    {"local-zone: \"o.org\" static\nlocal-zone: \"w.o.org\" transparent", "w.o.org", A, NULL, NULL,
     NULL, ALLOW},
    {"local-zone: \"o.org\" redirect\nlocal-data: \"o.org A 192.0.2.1\"", "w.o.org", A, NULL, NULL,
     NULL, HOST},
    {"local-zone: \"o.org\" block_a", "o.org", A, NULL, NULL, NULL, BLOCK},
    {"local-zone: \"o.org\" block_a", "o.org", AAAA, NULL, NULL, NULL, NONE},
    {"$TTL 1\n10.0.0.1.8.rpz-client-ip CNAME rpz-drop.\n", "o.org", A, "8.1.0.0", NULL, NULL,
     REWRITE},
    {"$TTL 1\n*.o.org CNAME rpz-passthru.\nbad.o.org CNAME .\n", "bad.o.org", A, NULL, NULL, NULL,
     BLOCK},
    {"$TTL 1\no.org TXT \"say \\\"hi :-(\"\nbad.org CNAME .\n", "bad.org", A, NULL, NULL, NULL,
     BLOCK},
    {"$TTL 1\no.org TXT \"sorry :-(\"\nbad.org CNAME .\n", "bad.org", A, NULL, NULL, NULL, BLOCK},
    {"@ SOA a. b. ( 1 ; one)\n2 3 4 5 )\nbad.org CNAME .\n", "bad.org", A, NULL, NULL, NULL, BLOCK},
};

static struct filter *compile(const char *rules)
{
    struct filter *filter = NULL;
    struct filter_source source = {.name = "rules", .text = rules, .size = strlen(rules)};
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    return filter;
}

static void check(const struct row *row)
{
    struct filter *filter = compile(row->rules);
    struct address client;
    struct verdict verdict;
    struct filter_name name = {.host = row->host,
                               .qtype = row->qtype,
                               .client_name = row->client_name,
                               .client_tags = row->tags};
    if (row->client) {
        assert_int_equal(address_parse_ip(row->client, &client), 0);
        name.client = &client;
    }
    filter_ask_name(filter, &name, &verdict);
    if ((int)verdict.action != row->expect)
        fail_msg("\"%s\" on %s: %d, not %d", row->rules, row->host, (int)verdict.action,
                 row->expect);
    filter_unref(filter);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

static size_t answers(const char *rules, const char *host, struct filter_answer *ret)
{
    struct filter *filter = compile(rules);
    struct filter_name name = {.host = host, .qtype = A};
    struct verdict verdict;
    filter_ask_name(filter, &name, &verdict);
    size_t count = filter_answers(filter, &name, &verdict, ret, FILTER_ANSWERS_MAX);
    filter_unref(filter);
    return count;
}

static void test_answers(void **state)
{
    (void)state;
    char text[ADDRESS_TEXT_MAX];
    struct filter_answer got[FILTER_ANSWERS_MAX];
    assert_int_equal(answers("||o.org^$dnsrewrite=192.0.2.1\n||o.org^$dnsrewrite=2001:db8::1\n"
                             "||o.org^$dnsrewrite=192.0.2.9\n@@||o.org^$dnsrewrite=192.0.2.9",
                             "o.org", got),
                     2);
    assert_int_equal(got[0].kind, FILTER_ANSWER_RECORD);
    assert_string_equal(address_format_ip(&got[0].address, text), "192.0.2.1");
    assert_int_equal(got[1].type, AAAA);

    assert_int_equal(
        answers("||o.org^$dnsrewrite=192.0.2.1\n||o.org^$dnsrewrite=x.net", "o.org", got), 1);
    assert_int_equal(got[0].kind, FILTER_ANSWER_CNAME);
    assert_string_equal(got[0].text, "x.net");

    assert_int_equal(
        answers("||o.org^$dnsrewrite=NOERROR\n||o.org^$dnsrewrite=192.0.2.1", "o.org", got), 1);
    assert_int_equal(got[0].kind, FILTER_ANSWER_RECORD);

    assert_int_equal(answers("||o.org^$dnsrewrite=NXDOMAIN;;", "o.org", got), 1);
    assert_int_equal(got[0].kind, FILTER_ANSWER_RCODE);
    assert_int_equal(got[0].rcode, 3);

    assert_int_equal(answers("||o.org^$dnsrewrite=NOERROR;TXT;a b", "o.org", got), 1);
    assert_int_equal(got[0].type, TXT);
    assert_string_equal(got[0].text, "a b");

    assert_int_equal(answers("||o.org^$dnsrewrite=NOERROR;TXT;a\\,b", "o.org", got), 1);
    assert_string_equal(got[0].text, "a,b");
    assert_int_equal(answers("||o.org^$dnsrewrite=", "o.org", got), 1);
    assert_int_equal(got[0].kind, FILTER_ANSWER_RCODE);
    assert_int_equal(got[0].rcode, 0);

    assert_int_equal(answers("192.0.2.1 o.org\n2001:db8::1 o.org", "o.org", got), 2);
    assert_int_equal(answers("$TTL 1\n*.o.org CNAME *.garden.net.", "a.o.org", got), 1);
    assert_string_equal(got[0].text, "a.o.org.garden.net");
    assert_int_equal(answers("||o.org^", "o.org", got), 0);
}

static enum verdict_action ask_address(const struct filter *filter, const char *text)
{
    struct address address;
    struct verdict verdict;
    assert_int_equal(address_parse_ip(text, &address), 0);
    filter_ask_address(filter, &address, &verdict);
    return verdict.action;
}

static void test_addresses(void **state)
{
    (void)state;
    struct filter *zone = compile("$TTL 1\n24.0.113.0.203.rpz-ip CNAME .\n"
                                  "48.zz.bad.db8.2001.rpz-ip CNAME .\n"
                                  "32.7.113.0.203.rpz-ip CNAME rpz-passthru.\n");
    assert_int_equal(ask_address(zone, "203.0.113.9"), VERDICT_BLOCK);
    assert_int_equal(ask_address(zone, "203.0.114.9"), VERDICT_NONE);
    assert_int_equal(ask_address(zone, "2001:db8:bad:1::5"), VERDICT_BLOCK);
    assert_int_equal(ask_address(zone, "2001:db8:bae::5"), VERDICT_NONE);
    filter_unref(zone);
    struct filter *rules = compile("||192.0.2.1^\n");
    assert_int_equal(ask_address(rules, "192.0.2.1"), VERDICT_BLOCK);
    assert_int_equal(ask_address(rules, "192.0.2.11"), VERDICT_NONE);
    filter_unref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
