/* Requests asked of rules: what the three dialects' manuals say, row by row. */
#include "adblock/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PAGE "https://www.news.example/page"

struct row {
    const char *rules, *url, *page;
    int type, expect; /* enum filter_type, enum verdict_action */
};

enum {
    OTHER = FILTER_TYPE_OTHER,
    DOCUMENT = FILTER_TYPE_DOCUMENT,
    FRAME = FILTER_TYPE_SUBDOCUMENT,
    SCRIPT = FILTER_TYPE_SCRIPT,
    IMAGE = FILTER_TYPE_IMAGE,
    CSS = FILTER_TYPE_STYLESHEET,
    XHR = FILTER_TYPE_XMLHTTPREQUEST,
    SOCKET = FILTER_TYPE_WEBSOCKET,
    PING = FILTER_TYPE_PING,
};
enum { NONE = VERDICT_NONE, ALLOW = VERDICT_ALLOW, BLOCK = VERDICT_BLOCK };

static const char psl[] = "com\nco.uk\nuk\nio\ngithub.io\n*.ck\n!www.ck\nexample\n";

static const struct row patterns[] = {
    {"/banner/ads/", "https://a.com/Banner/ADS/x", PAGE, IMAGE, BLOCK},
    {"adserv.", "https://myadserv.example.net/", PAGE, SCRIPT, BLOCK},
    {"/ads/*/x.gif", "https://a.com/ads//x.gif", PAGE, IMAGE, BLOCK},
    {"/ads/*/x.gif", "https://a.com/ads/x.gif", PAGE, IMAGE, NONE},
    {"*/promo-unit*", "https://a.com/q/promo-unit7", PAGE, IMAGE, BLOCK},
    {"||ads.com^", "https://ads.com", PAGE, SCRIPT, BLOCK},
    {"||ads.com^", "https://x.ads.com:8080/", PAGE, SCRIPT, BLOCK},
    {"||ads.com^", "https://u:p@ads.com/", PAGE, SCRIPT, BLOCK},
    {"||ads.com^", "https://ads.com@other.com/", PAGE, SCRIPT, NONE},
    {"||ads.com^", "https://a.com/?u=ads.com/", PAGE, SCRIPT, NONE},
    {"||ads.com^", "https://badads.com/", PAGE, SCRIPT, NONE},
    {"||ads.com^", "https://ads.com.evil.io/", PAGE, SCRIPT, NONE},
    {"||ADS.com^", "https://Ads.COM./", PAGE, SCRIPT, BLOCK},
    {"||ads.com", "https://ads.com.evil.io/", PAGE, SCRIPT, BLOCK},
    {"||ads.com/x/*.js", "https://w.ads.com/x/a/b.js", PAGE, SCRIPT, BLOCK},
    {"||ads.com/x/*.js", "https://ads.com/y/x/b.js", PAGE, SCRIPT, NONE},
    {"||ads.com^*&ad=", "https://ads.com/x?y=1&ad=2", PAGE, IMAGE, BLOCK},
    {"||ads.com:8080^", "https://ads.com:8080/x", PAGE, IMAGE, BLOCK},
    {"||cdn*.net^*track*.js", "https://cdn1.net/a/track.js", PAGE, SCRIPT, BLOCK},
    {"||*.t.example^", "https://a.t.example/x", PAGE, SCRIPT, BLOCK},
    {"|https://ads.", "https://ads.com/", PAGE, SCRIPT, BLOCK},
    {"|https://ads.", "https://a.com/?https://ads.", PAGE, SCRIPT, NONE},
    {".swf|", "https://a.com/x.swf", PAGE, OTHER, BLOCK},
    {".swf|", "https://a.com/x.swf?y", PAGE, OTHER, NONE},
    {"^foo.bar^", "http://a.com/foo.bar", PAGE, SCRIPT, BLOCK},
    {"^foo.bar^", "http://a.com/foo.bars", PAGE, SCRIPT, NONE},
    {"||a.com^ad^", "https://a.com/ad&x", PAGE, IMAGE, BLOCK},
    {"||a.com^ad^", "https://a.com/ad%20", PAGE, IMAGE, NONE},
    {"/Ad.gif$match-case", "https://a.com/ad.gif", PAGE, IMAGE, NONE},
    {"/Ad.gif$match-case", "https://a.com/Ad.gif", PAGE, IMAGE, BLOCK},
    {"/ads[0-9]{2}\\.js/", "https://a.com/ADS12.js", PAGE, SCRIPT, BLOCK},
    {"/Ads[A-Z]+/$match-case", "https://a.com/adsxy", PAGE, SCRIPT, NONE},
    {"/\\/[a-f0-9]{8}\\.gif$/$image", "https://t.io/deadbeef.gif", PAGE, IMAGE, BLOCK},
    {"/(https?:\\/\\/)104\\.154\\.x/", "https://104.154.x", PAGE, IMAGE, BLOCK},
    {"/^https:\\/\\/(a|b)\\.com\\/$/", "https://b.com/", PAGE, IMAGE, BLOCK},
    {"||203.0.113.7^", "http://203.0.113.7/x", PAGE, IMAGE, BLOCK},
    {"||[2001:db8::1]^", "http://[2001:db8::1]/x", PAGE, IMAGE, BLOCK},
    {"||[2001:db8::1]^", "http://[2001:db8::1]:80/x", PAGE, IMAGE, BLOCK},
    {"||\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84/ad",
     "https://xn--e1afmkfd.xn--p1ai/ad", PAGE, IMAGE, BLOCK},
    {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
     "https://xn--e1afmkfd.xn--p1ai/", PAGE, IMAGE, BLOCK},
    {"b\xc3\xbc"
     "cher.io\nb\xc3\xbc"
     "cher.io$badfilter",
     "https://xn--bcher-kva.io/", PAGE, IMAGE, NONE},
    {"ads-host.example", "https://a.com/?h=ads-host.example", PAGE, IMAGE, BLOCK},
    {"0.0.0.0 ads-host.example", "https://ads-host.example/", PAGE, IMAGE, BLOCK},
    {"192.0.2.1 nas.example", "https://nas.example/", PAGE, IMAGE, NONE},
    {"||a.com/#ad", "https://a.com/x", PAGE, IMAGE, NONE},
    {"||a.com/x$b/", "https://a.com/x$b/c", PAGE, IMAGE, BLOCK},
    {"*", "https://a.com/", PAGE, IMAGE, NONE},
    {"||", "https://a.com/", PAGE, IMAGE, NONE},
    {"a", "https://a.com/", PAGE, IMAGE, NONE},
};

static const struct row modifiers[] = {
    {"||t.io^$script", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^$script", "https://t.io/x", PAGE, IMAGE, NONE},
    {"||t.io^$~script", "https://t.io/x", PAGE, IMAGE, BLOCK},
    {"||t.io^$~script", "https://t.io/x", PAGE, SCRIPT, NONE},
    {"||t.io^$css,xhr", "https://t.io/x", PAGE, CSS, BLOCK},
    {"||t.io^$css,xhr", "https://t.io/x", PAGE, XHR, BLOCK},
    {"||t.io^$css,xhr", "https://t.io/x", PAGE, PING, NONE},
    {"||t.io^$beacon", "https://t.io/x", PAGE, PING, BLOCK},
    {"||t.io^$frame", "https://t.io/x", PAGE, FRAME, BLOCK},
    {"||t.io^$document", "https://t.io/", "https://t.io/", DOCUMENT, BLOCK},
    {"||t.io^$popup", "https://t.io/", PAGE, DOCUMENT, BLOCK},
    {"||t.io^$popup", "https://t.io/", PAGE, IMAGE, NONE},
    {"||t.io^$all", "https://t.io/", PAGE, DOCUMENT, BLOCK},
    {"|wss://", "wss://t.io/", PAGE, SOCKET, BLOCK},
    {"||t.io^$third-party", "https://a.t.io/x", "https://b.t.io/", SCRIPT, NONE},
    {"||t.io^$third-party", "https://a.t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^$third-party", "https://a.t.io/x", "", SCRIPT, NONE},
    {"||t.io^$~third-party", "https://a.t.io/x", PAGE, SCRIPT, NONE},
    {"||t.io^$1p", "https://a.t.io/x", "https://t.io/", SCRIPT, BLOCK},
    {"/x.js$3p", "https://a.co.uk/x.js", "https://b.co.uk/", SCRIPT, BLOCK},
    {"/x.js$3p", "https://a.x.co.uk/x.js", "https://b.x.co.uk/", SCRIPT, NONE},
    {"/x.js$3p", "https://a.github.io/x.js", "https://b.github.io/", SCRIPT, BLOCK},
    {"/x.js$3p", "https://a.www.ck/x.js", "https://www.ck/", SCRIPT, NONE},
    {"/x.js$3p", "https://a.foo.ck/x.js", "https://b.foo.ck/", SCRIPT, BLOCK},
    {"/x.js$3p", "http://192.0.2.1/x.js", "http://192.0.2.2/", SCRIPT, BLOCK},
    {"/x.js$3p", "http://192.0.2.1/x.js", "http://192.0.2.1/", SCRIPT, NONE},
    {"||t.io^$strict3p", "https://a.t.io/x", "https://b.t.io/", SCRIPT, BLOCK},
    {"||t.io^$strict1p", "https://a.t.io/x", "https://b.t.io/", SCRIPT, NONE},
    {"/x.js$domain=s.com", "https://a.com/x.js", "https://w.s.com/", SCRIPT, BLOCK},
    {"/x.js$domain=s.com", "https://a.com/x.js", "https://ns.com/", SCRIPT, NONE},
    {"/x.js$domain=s.com", "https://a.com/x.js", "", SCRIPT, NONE},
    {"/x.js$domain=~s.com", "https://a.com/x.js", "", SCRIPT, BLOCK},
    {"/x.js$domain=s.com|", "https://a.com/x.js", "https://s.com/", SCRIPT, NONE},
    {"/x.js$domain=|s.com", "https://a.com/x.js", "https://s.com/", SCRIPT, NONE},
    {"/x.js$domain=.s.com", "https://a.com/x.js", "https://w.s.com/", SCRIPT, NONE},
    {"/x.js$domain=s.com.", "https://a.com/x.js", "https://s.com/", SCRIPT, NONE},
    {"/x.js$domain=s.com|~x.s.com", "https://a.com/x.js", "https://x.s.com/", SCRIPT, NONE},
    {"/x.js$domain=~s.com|x.s.com", "https://a.com/x.js", "https://x.s.com/", SCRIPT, NONE},
    {"/x.js$domain=s.com|~s.*", "https://a.com/x.js", "https://s.com/", SCRIPT, NONE},
    {"/x.js$domain=~s.com|a.com|s.com", "https://a.com/x.js", "https://s.com/", SCRIPT, NONE},
    {"/x.js$domain=~s.com|a.com|a.com", "https://a.com/x.js", "https://a.com/", SCRIPT, BLOCK},
    {"/x.js$from=S.com", "https://a.com/x.js", "https://s.com/", SCRIPT, BLOCK},
    {"/x.js$domain=google.*", "https://a.com/x.js", "https://w.google.co.uk/", SCRIPT, BLOCK},
    {"/x.js$domain=google.*", "https://a.com/x.js", "https://google.evil.io/", SCRIPT, NONE},
    {"*$script,domain=s.com", "https://a.com/q", "https://s.com/", SCRIPT, BLOCK},
    {"/x.js$to=a.com|~b.a.com", "https://w.a.com/x.js", PAGE, SCRIPT, BLOCK},
    {"/x.js$to=a.com|~b.a.com", "https://b.a.com/x.js", PAGE, SCRIPT, NONE},
    {"*$3p,denyallow=ok.io,domain=s.com", "https://a.io/", "https://s.com/", SCRIPT, BLOCK},
    {"*$3p,denyallow=ok.io,domain=s.com", "https://w.ok.io/", "https://s.com/", SCRIPT, NONE},
    {"||a.io^$denyallow=ok.io", "https://a.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$method=get|head", "https://t.io/", PAGE, SCRIPT, BLOCK},
    {"||t.io^$method=~get", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$redirect=noopjs", "https://t.io/", PAGE, SCRIPT, BLOCK},
    {"||t.io^$redirect", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$method", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$method=", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$SCRIPT", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$redirect-rule=noopjs", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$csp=script-src 'none'", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$removeparam=x", "https://t.io/?x=1", PAGE, SCRIPT, NONE},
    {"||t.io^$ipaddress=192.0.2.1", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$script,frobnicate", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$client=laptop", "https://t.io/", PAGE, SCRIPT, NONE},
    {"||t.io^$_,script,_", "https://t.io/", PAGE, SCRIPT, BLOCK},
    {"||t.io^$", "https://t.io/", PAGE, SCRIPT, NONE},
    {"$script,domain=s.com", "https://t.io/", "https://s.com/", SCRIPT, BLOCK},
};

static const struct row exceptions[] = {
    {"||t.io^\n@@||t.io/ok/", "https://t.io/ok/x", PAGE, SCRIPT, ALLOW},
    {"@@||t.io/ok/", "https://t.io/ok/x", PAGE, SCRIPT, NONE},
    {"||t.io^\n@@||t.io^$image", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n@@||t.io^$domain=s.com", "https://t.io/x", "https://s.com/", SCRIPT, ALLOW},
    {"||t.io^\n@@||s.com^$document", "https://t.io/x", "https://w.s.com/a", SCRIPT, ALLOW},
    {"||t.io^\n@@||s.com/a$document", "https://t.io/x", "https://w.s.com/b", SCRIPT, BLOCK},
    {"||t.io^\n@@||s.com^$document", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n@@||s.com^$urlblock", "https://t.io/x", "https://s.com/", SCRIPT, ALLOW},
    {"||t.io^\n@@||t.io^$generichide", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n@@||t.io^$elemhide,script", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"/ad.js\n@@||s.com^$genericblock", "https://t.io/ad.js", "https://s.com/", SCRIPT, ALLOW},
    {"/ad.js\n/ad.$domain=s.com\n@@||s.com^$genericblock", "https://t.io/ad.js", "https://s.com/",
     SCRIPT, BLOCK},
    {"/ad.js\n@@||s.com^$genericblock", "https://s.com/ad.js", PAGE, SCRIPT, BLOCK},
    {"||t.io^$important\n@@||t.io^", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n||t.io^$important,image\n@@||t.io^", "https://t.io/x", PAGE, SCRIPT, ALLOW},
    {"||t.io^$important\n@@||t.io^$important", "https://t.io/x", PAGE, SCRIPT, ALLOW},
    {"||t.io^\n||t.io^$badfilter", "https://t.io/x", PAGE, SCRIPT, NONE},
    {"t.io\nt.io$badfilter", "https://t.io/x", PAGE, SCRIPT, NONE},
    {"t.io\nt.com$badfilter", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    /* a page is its own first party */
    {"||t.io^$third-party", "https://t.io/", "https://other.com/", DOCUMENT, NONE},
    {"||t.io^$~third-party", "https://t.io/", "https://other.com/", DOCUMENT, NONE},
    {"||t.io^$~third-party", "https://t.io/", "https://w.t.io/", DOCUMENT, BLOCK},
    {"||t.io^$third-party", "https://t.io/", "https://other.com/", DOCUMENT, NONE},
    /* what stands in nearly every URL */
    {"/ad", "https://t.io/ads/x.js", PAGE, SCRIPT, NONE},
    {"/ad$script", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"/$third-party", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"^$script", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"*$important", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"*", "https://t.io/ads/x.js", PAGE, SCRIPT, NONE},
    {"*.", "https://t.io/ads/x.js", PAGE, SCRIPT, NONE},
    {"a*", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"||t*", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"||*t", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n@@$document", "https://t.io/x.js", PAGE, SCRIPT, BLOCK},
    {"||t.io^\n@@||t.io^$all", "https://t.io/x.js", PAGE, SCRIPT, BLOCK},
    {"||t.io^$script=", "https://t.io/x.js", PAGE, SCRIPT, NONE},
    {"||t.io^$third-party=1", "https://t.io/x.js", PAGE, SCRIPT, NONE},
    {"[2001:db8::1]", "http://[2001:db8::1]/x.js", PAGE, SCRIPT, BLOCK},
    {"[Adblock Plus 2.0]", "https://t.io/[adblock plus 2.0]", PAGE, SCRIPT, NONE},
    {"/ad$domain=~s.com", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"/ad$domain=s.com", "https://t.io/ads/x.js", "https://s.com/", SCRIPT, BLOCK},
    {"/ads", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"/*$script", "https://t.io/ads/x.js", PAGE, SCRIPT, BLOCK},
    {"t.io\n@@*$document", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"||t.io^$script,3p\n||t.io^$3p,script,badfilter", "https://t.io/x", PAGE, SCRIPT, NONE},
    {"||t.io^$script\n||t.io^$badfilter", "https://t.io/x", PAGE, SCRIPT, BLOCK},
    {"/ad/*$domain=a.com|b.com\n/ad/*$domain=b.com|a.com,badfilter", "https://t.io/ad/",
     "https://a.com/", SCRIPT, NONE},
    {"/ad[0-9]/\n/ad[0-9]/$badfilter", "https://t.io/ad1", PAGE, SCRIPT, NONE},
    {"||t.io^\n@@||t.io^\n@@||t.io^$badfilter", "https://t.io/x", PAGE, SCRIPT, BLOCK},
};

static struct filter *compile(const char *rules)
{
    struct filter *filter = NULL;
    struct filter_source source = {.name = "rules", .text = rules, .size = strlen(rules)};
    assert_int_equal(filter_compile(&source, 1, psl, sizeof(psl) - 1, &filter, NULL), 0);
    return filter;
}

static struct filter_request request_of(const struct row *row)
{
    return (struct filter_request){.url = row->url,
                                   .url_size = strlen(row->url),
                                   .source_url = row->page,
                                   .source_url_size = strlen(row->page),
                                   .type = (enum filter_type)row->type,
                                   .method = "GET"};
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct filter_request request = request_of(row);
        struct filter *filter = compile(row->rules);
        struct verdict verdict;
        filter_ask_request(filter, &request, &verdict);
        if ((int)verdict.action != row->expect)
            fail_msg("\"%s\" on %s of %s: %d, not %d", row->rules, row->url, row->page,
                     (int)verdict.action, row->expect);
        filter_unref(filter);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_patterns(void **state)
{
    (void)state;
    CHECK(patterns);
}

static void test_modifiers(void **state)
{
    (void)state;
    CHECK(modifiers);
}

static void test_exceptions(void **state)
{
    (void)state;
    CHECK(exceptions);
}

struct matches {
    const struct filter *filter;
    size_t count;
    char rules[256];
};

static void on_match(void *owner, const struct verdict *match)
{
    struct matches *matches = owner;
    char list[16], rule[64];
    filter_describe(matches->filter, match, "w.t.io", list, sizeof(list), rule, sizeof(rule));
    assert_string_equal(list, "rules");
    matches->count++;
    strcat(strcat(matches->rules, rule), " ");
}

static void test_explain(void **state)
{
    (void)state;
    struct filter *filter = compile("||t.io^$3p\n/ad.js\n@@||w.t.io/ad$script\n||u.io^\n"
                                    "@@||news.example^$document\n/ad.js$image\n");
    struct row row = {.url = "https://w.t.io/ad.js", .page = PAGE, .type = SCRIPT};
    struct filter_request request = request_of(&row);
    struct matches matches = {.filter = filter};
    filter_explain_request(filter, &request, on_match, &matches);
    assert_int_equal(matches.count, 4);
    assert_non_null(strstr(matches.rules, "||t.io^$3p "));
    assert_non_null(strstr(matches.rules, "/ad.js "));
    assert_non_null(strstr(matches.rules, "@@||w.t.io/ad$script "));
    assert_non_null(strstr(matches.rules, "@@||news.example^$document "));
    filter_unref(filter);
}

/* What is beyond the limit is cut, not read. */
static void test_long_url(void **state)
{
    (void)state;
    static char url[40000] = "https://t.io/";
    struct filter *filter = compile("||t.io^*zz-end\n||t.io^*beginning");
    struct verdict verdict;
    memset(url + 13, 'a', sizeof(url) - 14);
    memcpy(url + 13, "/beginning/", 11);
    struct filter_request request = {.url = url, .url_size = strlen(url), .method = "GET"};
    filter_ask_request(filter, &request, &verdict);
    assert_int_equal(verdict.action, VERDICT_BLOCK);
    filter_unref(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),   cmocka_unit_test(test_modifiers),
        cmocka_unit_test(test_exceptions), cmocka_unit_test(test_explain),
        cmocka_unit_test(test_long_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
