#include "proxy/http_rewrite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char out[4096];

static ssize_t rewrite_request(const char *text, size_t capacity)
{
    struct http_head head;
    struct http_target target;
    const char *why = NULL;
    assert_int_equal(http_head_parse_request(text, strlen(text), &head, &why), strlen(text));
    assert_int_equal(http_target_parse(&head, &target), 0);
    memset(out, 0, sizeof(out));
    return http_rewrite_request(&head, &target, out, capacity);
}

static void expect_request(const char *text, const char *wanted)
{
    assert_int_equal(rewrite_request(text, sizeof(out)), strlen(wanted));
    assert_string_equal(out, wanted);
}

static ssize_t rewrite_response(const char *text, enum http_rewrite_connection connection)
{
    struct http_head head;
    assert_int_equal(http_head_parse_response(text, strlen(text), &head, NULL), strlen(text));
    memset(out, 0, sizeof(out));
    return http_rewrite_response(&head, connection, out, sizeof(out));
}

static void test_becomes_origin_form(void **state)
{
    (void)state;
    expect_request("GET http://a.example:8080/x?y HTTP/1.1\r\nAccept: */*\r\n"
                   "Host: a.example:8080\r\n\r\n",
                   "GET /x?y HTTP/1.1\r\nHost: a.example:8080\r\nAccept: */*\r\n"
                   "Connection: close\r\n\r\n");
    expect_request("GET http://a.example?q HTTP/1.0\r\n\r\n",
                   "GET /?q HTTP/1.0\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    expect_request("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
                   "OPTIONS * HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
}

static void test_drops_what_belongs_to_one_hop(void **state)
{
    (void)state;
    expect_request("POST http://a/ HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\n"
                   "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
                   "Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\nX-Mine: 1\r\nUpgrade: h2c\r\n"
                   "HTTP2-Settings: AA\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
                   "Authorization: Basic eDp5\r\nTrailer: X\r\n\r\n",
                   "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
                   "Authorization: Basic eDp5\r\nTrailer: X\r\nConnection: close\r\n\r\n");
}

/* Removing such a field would make two messages of one. */
static void test_keeps_framing_out_of_connection(void **state)
{
    (void)state;
    assert_int_equal(rewrite_request("POST http://a/ HTTP/1.1\r\nHost: a\r\n"
                                     "Connection: close, Content-Length\r\n"
                                     "Content-Length: 3\r\n\r\n",
                                     sizeof(out)),
                     -EBADMSG);
    assert_int_equal(rewrite_request("POST http://a/ HTTP/1.1\r\nHost: a\r\n"
                                     "Connection: transfer-encoding\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n",
                                     sizeof(out)),
                     -EBADMSG);
    assert_int_equal(rewrite_response("HTTP/1.1 200 OK\r\nConnection: content-length\r\n"
                                      "Content-Length: 3\r\n\r\n",
                                      HTTP_CONNECTION_KEEP),
                     -EBADMSG);
}

static void test_passes_a_websocket_handshake(void **state)
{
    (void)state;
    expect_request("GET http://a/ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                   "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
                   "GET /ws HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n"
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    expect_request("GET http://a/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
                   "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

static void test_rewrites_responses(void **state)
{
    static const char response[] = "HTTP/1.0 404 Not Here\r\nServer: x\r\nConnection: close, X\r\n"
                                   "X: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\n"
                                   "Upgrade: h2\r\nContent-Length: 3\r\n\r\n";
    (void)state;
    rewrite_response(response, HTTP_CONNECTION_KEEP);
    assert_string_equal(out, "HTTP/1.1 404 Not Here\r\nServer: x\r\nContent-Length: 3\r\n"
                             "Connection: keep-alive\r\n\r\n");
    rewrite_response(response, HTTP_CONNECTION_CLOSE);
    assert_string_equal(out, "HTTP/1.1 404 Not Here\r\nServer: x\r\nContent-Length: 3\r\n"
                             "Connection: close\r\n\r\n");
    rewrite_response("HTTP/1.1 103\r\nLink: </a>\r\n\r\n", HTTP_CONNECTION_SILENT);
    assert_string_equal(out, "HTTP/1.1 103 \r\nLink: </a>\r\n\r\n");
    rewrite_response("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
                     HTTP_CONNECTION_UPGRADE);
    assert_string_equal(out,
                        "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void test_says_when_it_does_not_fit(void **state)
{
    static const char request[] = "GET http://a/ HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
    (void)state;
    ssize_t size = rewrite_request(request, sizeof(out));
    assert_true(size > 0 && (size_t)size <= strlen(request) + HTTP_REWRITE_EXTRA_BYTES);
    assert_int_equal(rewrite_request(request, (size_t)size), size);
    for (size_t capacity = 0; capacity < (size_t)size; capacity++) {
        assert_int_equal(rewrite_request(request, capacity), -E2BIG);
        assert_int_equal(out[capacity], '\0');
    }
}

/* As many fields as there may be, each a byte longer afterwards ("a:b" becomes "a: b"). */
static void test_grows_no_more_than_it_says(void **state)
{
    static const char start[] = "GET http://a/ HTTP/1.1\r\nHost:a\r\n";
    char text[2048];
    size_t size = sizeof(start) - 1;
    (void)state;
    snprintf(text, sizeof(text), "%s", start);
    for (int i = 1; i < HTTP_HEADERS_MAX; i++, size += 5)
        snprintf(text + size, sizeof(text) - size, "a:b\r\n");
    snprintf(text + size, sizeof(text) - size, "\r\n");
    assert_true(rewrite_request(text, strlen(text) + HTTP_REWRITE_EXTRA_BYTES) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_becomes_origin_form),
        cmocka_unit_test(test_drops_what_belongs_to_one_hop),
        cmocka_unit_test(test_keeps_framing_out_of_connection),
        cmocka_unit_test(test_passes_a_websocket_handshake),
        cmocka_unit_test(test_rewrites_responses),
        cmocka_unit_test(test_says_when_it_does_not_fit),
        cmocka_unit_test(test_grows_no_more_than_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
