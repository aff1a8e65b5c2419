#include "proxy/http_target.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *method, const char *target, struct http_target *ret)
{
    struct http_head head = {
        .is_request = true,
        .method = {method, strlen(method)},
        .target = {target, strlen(target)},
    };
    return http_target_parse(&head, ret);
}

static void expect_text(struct http_text text, const char *wanted)
{
    assert_int_equal(text.size, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.size);
}

static void test_authority(void **state)
{
    struct http_target target;
    (void)state;
    assert_int_equal(parse("CONNECT", "Example.com:443", &target), 0);
    assert_int_equal(target.form, HTTP_TARGET_AUTHORITY);
    assert_string_equal(target.endpoint.name, "example.com");
    assert_int_equal(target.endpoint.address.port, 443);
    assert_int_equal(parse("CONNECT", "[2001:db8::1]:443", &target), 0);
    assert_int_equal(target.endpoint.address.family, 6);
    static const char *const bad[] = {"example.com", "example.com:0",    "example.com:65536",
                                      ":443",        "example.com:443x", "a b:443",
                                      "http://a:1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse("CONNECT", bad[i], &target), -EINVAL);
}

static void test_absolute(void **state)
{
    static const struct {
        const char *uri, *host, *path;
        unsigned port;
    } cases[] = {
        {"http://example.com/a?b", "example.com", "/a?b", 80},
        {"HTTP://Example.com", "Example.com", "", 80},
        {"http://example.com:80/", "example.com", "/", 80},
        {"http://example.com:/", "example.com", "/", 80},
        {"http://example.com:8080?q=/x", "example.com:8080", "?q=/x", 8080},
        {"http://192.0.2.1/", "192.0.2.1", "/", 80},
        {"http://[2001:db8::1]:81/x", "[2001:db8::1]:81", "/x", 81},
        {"http://[2001:db8::1]/http://other/", "[2001:db8::1]", "/http://other/", 80},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_target target;
        assert_int_equal(parse("GET", cases[i].uri, &target), 0);
        assert_int_equal(target.form, HTTP_TARGET_ABSOLUTE);
        assert_int_equal(target.endpoint.address.port, cases[i].port);
        expect_text(target.host, cases[i].host);
        expect_text(target.path, cases[i].path);
    }
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"http://",
                                      "http:///x",
                                      "http://user@example.com/",
                                      "http://a:b@example.com/",
                                      "http://example.com/#x",
                                      "http://exa mple/",
                                      "http://:80/",
                                      "http://a:0/",
                                      "http://[::1/",
                                      "example.com/x",
                                      "",
                                      "http:/a",
                                      "?x"};
    struct http_target target;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse("GET", bad[i], &target), -EINVAL);
    assert_int_equal(parse("GET", "https://example.com/", &target), ERR_UNSUPPORTED);
    assert_int_equal(parse("GET", "ftp://example.com/", &target), ERR_UNSUPPORTED);
}

static void test_own(void **state)
{
    struct http_target target;
    (void)state;
    assert_int_equal(parse("GET", "/proxy.pac", &target), 0);
    assert_int_equal(target.form, HTTP_TARGET_OWN);
    expect_text(target.path, "/proxy.pac");
    assert_int_equal(parse("OPTIONS", "*", &target), 0);
    assert_int_equal(target.form, HTTP_TARGET_OWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authority),
        cmocka_unit_test(test_absolute),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
