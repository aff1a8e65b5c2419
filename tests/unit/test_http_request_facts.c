#include "adblock/http_request_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_request_facts facts;
static char text[64 * 1024];

static void read_facts(const char *request, bool is_tls)
{
    struct http_head head;
    snprintf(text, sizeof(text), "%s\r\n\r\n", request);
    assert_int_equal(http_head_parse_request(text, strlen(text), &head, NULL), strlen(text));
    http_request_facts_read(&head, "fallback.example", is_tls, &facts);
}

static void assert_url(const char *request, bool is_tls, const char *url)
{
    read_facts(request, is_tls);
    assert_string_equal(facts.request.url, url);
    assert_int_equal(facts.request.url_size, strlen(url));
}

static void test_urls(void **state)
{
    (void)state;
    assert_url("GET /a?b HTTP/1.1\r\nHost: x.example", false, "http://x.example/a?b");
    assert_url("GET /a HTTP/1.1\r\nHost: x.example:80", false, "http://x.example/a");
    assert_url("GET /a HTTP/1.1\r\nHost: x.example:443", true, "https://x.example/a");
    assert_url("GET /a HTTP/1.1\r\nHost: x.example:443", false, "http://x.example:443/a");
    assert_url("GET /a HTTP/1.1\r\nHost: x.example.", false, "http://x.example/a");
    assert_url("GET /a HTTP/1.1\r\nHost: [2001:db8::1]:80", false, "http://[2001:db8::1]/a");
    assert_url("GET /a HTTP/1.0", false, "http://fallback.example/a");
    assert_url("GET http://x.example:80/a HTTP/1.1\r\nHost: x.example:80", false,
               "http://x.example/a");
    assert_url("GET http://x.example?q HTTP/1.1\r\nHost: x.example", false, "http://x.example/?q");
    assert_url("GET /http://x HTTP/1.1\r\nHost: y.example", false, "http://y.example/http://x");
    assert_url("OPTIONS * HTTP/1.1\r\nHost: y.example", false, "http://y.example/");
    assert_url("CONNECT y.example:443 HTTP/1.1\r\nHost: y.example:443", false,
               "https://y.example/");
    assert_url("GET / HTTP/1.1\r\nHost: y\r\nConnection: Upgrade\r\nUpgrade: websocket", true,
               "wss://y/");
}

static void test_a_long_url_is_cut(void **state)
{
    (void)state;
    static char request[40000], path[30000];
    memset(path, 'x', sizeof(path) - 1);
    snprintf(request, sizeof(request), "GET /%s HTTP/1.1\r\nHost: a.example", path);
    read_facts(request, false);
    assert_int_equal(facts.request.url_size, HTTP_URL_MAX_BYTES);
    assert_int_equal(strlen(facts.url), HTTP_URL_MAX_BYTES);
}

static void assert_type(enum filter_type type, const char *target, const char *headers)
{
    char request[1024];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a%s%s", target,
             *headers ? "\r\n" : "", headers);
    read_facts(request, false);
    assert_int_equal(facts.request.type, type);
}

static void test_types(void **state)
{
    (void)state;
    assert_type(FILTER_TYPE_OTHER, "/", "Accept: */*");
    assert_type(FILTER_TYPE_SCRIPT, "/x.png", "Sec-Fetch-Dest: script\r\nAccept: text/css");
    assert_type(FILTER_TYPE_SUBDOCUMENT, "/", "Sec-Fetch-Dest: iframe\r\nAccept: text/html");
    assert_type(FILTER_TYPE_XMLHTTPREQUEST, "/x.js", "Sec-Fetch-Dest: empty");
    assert_type(FILTER_TYPE_DOCUMENT, "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8");
    assert_type(FILTER_TYPE_IMAGE, "/x", "Accept: image/avif,image/webp,*/*;q=0.8");
    assert_type(FILTER_TYPE_STYLESHEET, "/x", "Accept: text/css,*/*;q=0.1");
    assert_type(FILTER_TYPE_XMLHTTPREQUEST, "/x", "Accept: application/json, text/plain, */*");
    assert_type(FILTER_TYPE_XMLHTTPREQUEST, "/x.gif", "X-Requested-With: XMLHttpRequest");
    assert_type(FILTER_TYPE_SCRIPT, "/a.b/x.JS?y=z.png", "Accept: */*");
    assert_type(FILTER_TYPE_IMAGE, "/x.svg", "");
    assert_type(FILTER_TYPE_FONT, "/x.woff2", "");
    assert_type(FILTER_TYPE_MEDIA, "/x.mp4", "Range: bytes=0-");
    assert_type(FILTER_TYPE_OTHER, "/x.js/y", "");
    assert_type(FILTER_TYPE_OTHER, "/?x.js", "");
    assert_type(FILTER_TYPE_XMLHTTPREQUEST, "/x", "Accept: */*\r\nOrigin: http://b.example");
    assert_type(FILTER_TYPE_PING, "/x", "Content-Type: text/ping");
    assert_type(FILTER_TYPE_WEBSOCKET, "/x", "Connection: Upgrade\r\nUpgrade: WebSocket");
}

static void assert_source(const char *headers, const char *source)
{
    char request[1024];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a%s", headers);
    read_facts(request, false);
    assert_int_equal(facts.request.source_url_size, strlen(source));
    assert_memory_equal(facts.request.source_url, source, strlen(source));
}

static void test_sources(void **state)
{
    (void)state;
    assert_source("", "");
    assert_source("\r\nReferer: http://b.example/x\r\nOrigin: http://c.example",
                  "http://b.example/x");
    assert_source("\r\nOrigin: https://c.example", "https://c.example");
    assert_source("\r\nOrigin: null", "");
    assert_source("\r\nReferer: /relative", "");
}

static void test_method(void **state)
{
    (void)state;
    read_facts("POST / HTTP/1.1\r\nHost: a", false);
    assert_string_equal(facts.request.method, "POST");
    read_facts("AMETHODTHATISLONGERTHANANYMETHODSHOULDBE / HTTP/1.1\r\nHost: a", false);
    assert_int_equal(strlen(facts.request.method), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),   cmocka_unit_test(test_a_long_url_is_cut),
        cmocka_unit_test(test_types),  cmocka_unit_test(test_sources),
        cmocka_unit_test(test_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
