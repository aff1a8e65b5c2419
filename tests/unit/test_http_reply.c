#include "adblock/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fed at once and byte by byte, it must come to the same state. */
static enum http_reply_state follow(const struct http_head *request, const char *bytes)
{
    struct http_reply whole = {0}, cut = {0};
    http_reply_start(&whole, request);
    http_reply_start(&cut, request);
    http_reply_feed(&whole, bytes, strlen(bytes));
    for (size_t i = 0; i < strlen(bytes); i++)
        http_reply_feed(&cut, bytes + i, 1);
    assert_int_equal(whole.state, cut.state);
    http_reply_done(&whole);
    http_reply_done(&cut);
    return whole.state;
}

static void test_states(void **state)
{
    (void)state;
    static const struct {
        const char *method, *bytes;
        enum http_reply_state state;
    } cases[] = {
        {"GET", "HTTP/1.1 200 OK\r\n", HTTP_REPLY_HEAD},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", HTTP_REPLY_BODY},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", HTTP_REPLY_DONE},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", HTTP_REPLY_LOST},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_REPLY_HEAD},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", HTTP_REPLY_DONE},
        {"GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", HTTP_REPLY_BODY},
        {"GET", "HTTP/1.1 101 Yes\r\n\r\nanything", HTTP_REPLY_LOST},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", HTTP_REPLY_DONE},
        {"HEADER", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", HTTP_REPLY_BODY},
        {"CONNECT", "HTTP/1.1 200 OK\r\n\r\nanything", HTTP_REPLY_TUNNEL},
        {"CONNECTED", "HTTP/1.1 200 OK\r\n\r\nanything", HTTP_REPLY_BODY},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
         HTTP_REPLY_DONE},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", HTTP_REPLY_LOST},
        {"GET", "SSH-2.0-x\r\n", HTTP_REPLY_LOST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct http_head request = {.method = {cases[i].method, strlen(cases[i].method)}};
        assert_int_equal(follow(&request, cases[i].bytes), cases[i].state);
    }
}

static void test_an_upgrade_that_was_asked_for(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                               "Connection: upgrade\r\n\r\n";
    struct http_head request;
    (void)state;
    assert_true(http_head_parse_request(text, sizeof(text) - 1, &request, NULL) > 0);
    assert_int_equal(follow(&request, "HTTP/1.1 101 Yes\r\n\r\nanything"), HTTP_REPLY_TUNNEL);
}

/* Requests of HTTP/2 would pass unseen. */
static void test_no_upgrade_to_http_2(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n"
                               "Connection: upgrade, http2-settings\r\n\r\n";
    struct http_head request;
    (void)state;
    assert_true(http_head_parse_request(text, sizeof(text) - 1, &request, NULL) > 0);
    assert_int_equal(follow(&request, "HTTP/1.1 101 Yes\r\n\r\nanything"), HTTP_REPLY_LOST);
    assert_int_equal(follow(&request, "HTTP/1.1 204 No\r\n\r\n"), HTTP_REPLY_DONE);
}

static void test_bytes_without_a_request(void **state)
{
    (void)state;
    struct http_reply reply = {0};
    http_reply_feed(&reply, "", 0);
    assert_int_equal(reply.state, HTTP_REPLY_IDLE);
    http_reply_feed(&reply, "x", 1);
    assert_int_equal(reply.state, HTTP_REPLY_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_an_upgrade_that_was_asked_for),
        cmocka_unit_test(test_no_upgrade_to_http_2),
        cmocka_unit_test(test_bytes_without_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
