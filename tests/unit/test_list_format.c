/* Which format a text is taken for; URLs and names spelled for matching. */
#include "adblock/list_format.h"
#include "adblock/punycode.h"
#include "adblock/url.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(const char *text, enum filter_format expect)
{
    enum filter_format format = FILTER_AUTO;
    assert_int_equal(list_format_detect(slice_of(text), &format), 0);
    if (format != expect)
        fail_msg("%s: %d, not %d", text, (int)format, (int)expect);
}

static void test_formats(void **state)
{
    (void)state;
    check("# hosts\n127.0.0.1 localhost\n0.0.0.0 a.example\n", FILTER_HOSTS);
    check("a.example\nb.example\n# c\nc.example # d\n", FILTER_DOMAINS);
    check("*.a.example\n*.b.example\n*.c.example\n", FILTER_DOMAINS);
    check("a.example\n", FILTER_ADBLOCK);
    check("# x\naddress=/a.example/\n", FILTER_DNSMASQ);
    check("server:\n  local-zone: \"a.example\" static\n", FILTER_UNBOUND);
    check("$TTL 1\n@ SOA a. b. 1 1 1 1 1\n", FILTER_RPZ);
    check("; zone\na.example 60 IN CNAME .\n", FILTER_RPZ);
    check("\xef\xbb\xbf"
          "address=/a.example/\n",
          FILTER_DNSMASQ);
    check("address = /a.example/0.0.0.0\nserver= /b.example/\n", FILTER_DNSMASQ);
    check("cache-size=1000\naddress=/a.example/0.0.0.0\n", FILTER_DNSMASQ);
    check("a.example cname .\n*.a.example cname .\n", FILTER_RPZ);
    check("@ 1h IN SOA @ a. (\n 1 ; serial\n 2\n 3\n 4\n 5 )\nb.example CNAME .\n", FILTER_RPZ);
    check("a.example # cname t.example\nb.example # CNAME t.example\nc.example\n", FILTER_DOMAINS);
    check("a.example # CNAME t.example\nb.example\n", FILTER_ADBLOCK);
    check("! what CNAME names hide\n||a.example^\n", FILTER_ADBLOCK);
    check("@@||a.example^ SOA\n", FILTER_ADBLOCK);
    check("! x\n||a.example^\n", FILTER_ADBLOCK);
    check("[Adblock Plus 2.0]\na.example\nb.example\nc.example\n", FILTER_ADBLOCK);
    check("0.0.0.0 a.example\n||b.example^\n", FILTER_ADBLOCK);
    check("##.banner\n", FILTER_ADBLOCK);
    check("", FILTER_ADBLOCK);
}

static void test_refused(void **state)
{
    (void)state;
    enum filter_format format = FILTER_AUTO;
    static const char binary[] = "\x1f\x8b\0\0abc";
    assert_int_equal(list_format_detect(slice_of(" <!DOCTYPE html>"), &format), -22);
    assert_int_equal(list_format_detect(slice_of("\xef\xbb\xbf<!DOCTYPE html>"), &format), -22);
    assert_int_equal(list_format_detect(slice_of("<HTML><head>"), &format), -22);
    assert_int_equal(list_format_detect((struct slice){binary, sizeof(binary)}, &format), -22);
    assert_int_equal(list_format_detect(slice_of("\xff\xfe|"), &format), -22);
    assert_int_equal(format, FILTER_AUTO);
    assert_non_null(strstr(list_format_refusal(slice_of("<html>")), "web page"));
    assert_non_null(strstr(list_format_refusal((struct slice){binary, sizeof(binary)}), "unpack"));
    assert_non_null(strstr(list_format_refusal(slice_of("\xfe\xff|")), "UTF-16"));
    assert_non_null(strstr(list_format_refusal(slice_of("\xef\xbb\xbf\n<html>")), "web page"));
    assert_null(list_format_refusal(slice_of("\xef\xbb\xbf||a.example^")));
    assert_null(list_format_refusal(slice_of("||a.example^")));
    assert_null(list_format_refusal(slice_of("")));
}

static void check_punycode(const char *name, const char *expect)
{
    char to[128];
    assert_int_equal(punycode_name(name, strlen(name), to, sizeof(to)), strlen(expect));
    assert_string_equal(to, expect);
}

/* RFC 3492 sec. 7.1 and registered names */
static void test_punycode(void **state)
{
    (void)state;
    char to[8];
    check_punycode("A.Example", "a.example");
    check_punycode("b\xc3\xbc"
                   "cher.example",
                   "xn--bcher-kva.example");
    check_punycode("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
                   "xn--e1afmkfd.xn--p1ai");
    check_punycode("\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8"
                   "\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
                   "xn--ihqwcrb4cv8a8dqg056pqjye");
    assert_int_equal(punycode_name("\xff\xff", 2, to, sizeof(to)), -22);
    assert_int_equal(punycode_name("longer-than-that", 16, to, sizeof(to)), -105);
}

static void check_host(const char *url, const char *expect)
{
    char buffer[64];
    struct slice host = url_host(slice_of(url), buffer, sizeof(buffer));
    assert_int_equal(host.size, strlen(expect));
    assert_memory_equal(host.data, expect, host.size);
}

static void test_hosts(void **state)
{
    (void)state;
    check_host("https://Example.ORG/x", "example.org");
    check_host("https://example.org.", "example.org");
    check_host("https://example.org:443?x", "example.org");
    check_host("http://u:p@example.org:80/@b", "example.org");
    check_host("http://[2001:DB8::1]:80/", "[2001:db8::1]");
    check_host("http://example.org\\@evil.example/", "example.org");
    check_host("http://", "");
    check_host("data:text/plain,x", "");
    check_host("", "");
}

static void test_split(void **state)
{
    (void)state;
    static char buffer[URL_MAX_BYTES + URL_PADDING];
    struct url url;
    url_split(slice_of("HTTPS://A.B/\xc4@[`{Z"), buffer, &url);
    assert_string_equal(url.lower, "https://a.b/\xc4@[`{z");
    assert_int_equal(url.host, 8);
    assert_int_equal(url.host_end, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_punycode), cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
