#include "base/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ssize_t parse_request(const char *text, struct http_head *ret)
{
    return http_head_parse_request(text, strlen(text), ret, NULL);
}

static void assert_text(struct http_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void a_request_is_taken_apart(void **state)
{
    static const char text[] = "GET /a?b=c|d HTTP/1.1\r\n"
                               "Host: example.org:8080\r\n"
                               "X-Empty:\r\n"
                               "accept:  \t text/html, */* \t\r\n"
                               "\r\nbody";
    struct http_head head;
    (void)state;
    assert_int_equal(parse_request(text, &head), strlen(text) - 4);
    assert_true(head.is_request);
    assert_text(head.method, "GET");
    assert_text(head.target, "/a?b=c|d");
    assert_int_equal(head.minor_version, 1);
    assert_int_equal(head.header_count, 3);
    assert_text(*http_head_find(&head, "HOST"), "example.org:8080");
    assert_text(*http_head_find(&head, "x-empty"), "");
    assert_text(*http_head_find(&head, "Accept"), "text/html, */*");
    assert_null(http_head_find(&head, "Hos"));
    assert_null(http_head_find(&head, "Hosts"));
}

static void a_response_is_taken_apart(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 404 Not \xe4 Found\r\nServer: x\r\n\r\n",
        "HTTP/1.1 404 \r\nServer: x\r\n\r\n",
        "HTTP/1.0 404\r\nServer: x\r\n\r\n",
    };
    static const char *const reasons[] = {"Not \xe4 Found", "", ""};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct http_head head;
        assert_int_equal(http_head_parse_response(texts[i], strlen(texts[i]), &head, NULL),
                         strlen(texts[i]));
        assert_false(head.is_request);
        assert_int_equal(head.status, 404);
        assert_text(head.reason, reasons[i]);
        assert_text(*http_head_find(&head, "server"), "x");
    }
}

#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"

static const char *const good_requests[] = {
    HEAD "\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://A:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a?q HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "GET /?u=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nContent-Length: 0\r\n\r\n",
    "M-SEARCH / HTTP/1.1\r\nHost:\r\n\r\n",
    HEAD "Content-Length: 0005\r\n\r\n",
    HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    HEAD "Content-Length: 9223372036854775807\r\n\r\n",
    HEAD "Transfer-Encoding: Chunked\r\n\r\n",
    HEAD "X: \xff\t\x80\r\n\r\n",
};

/* What two parties may read differently. Each is refused whole, and none of its prefixes is taken
 * for a complete head. */
static const char *const bad_requests[] = {
    /* the request line */
    " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\rHost: a\r\n\r\n",
    "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "GET / HTTP/01.1\r\nHost: a\r\n\r\n",
    "GET / http/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP /1.1\r\nHost: a\r\n\r\n",
    "GET /\r\nHost: a\r\n\r\n",
    "GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http:// HTTP/1.1\r\nHost:\r\n\r\n",
    "GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "connect a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "head / HTTP/1.1\r\nHost: a\r\n\r\n",
    /* lines and names */
    HEAD "X: y\n\r\n",
    HEAD "X: y\r\n\n",
    HEAD "X: y\r\r\n\r\n",
    HEAD "X: a\rb\r\n\r\n",
    HEAD "\r \r\n",
    HEAD " X: y\r\n\r\n",
    HEAD "X: y\r\n z\r\n\r\n",
    HEAD "X: y\r\n\tz\r\n\r\n",
    HEAD "X : y\r\n\r\n",
    HEAD "X\t: y\r\n\r\n",
    HEAD "X y\r\n\r\n",
    HEAD "X\r\n\r\n",
    HEAD ": y\r\n\r\n",
    HEAD "X@: y\r\n\r\n",
    HEAD "X\x80: y\r\n\r\n",
    HEAD "X: a\x0b\r\n\r\n",
    HEAD "X: a\x7f\r\n\r\n",
    HEAD "Transfer-Encoding : chunked\r\n\r\n",
    HEAD "\x0bTransfer-Encoding: chunked\r\n\r\n",
    /* Host */
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nX: y\r\n\r\n",
    HEAD "Host: a\r\n\r\n",
    HEAD "host: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    /* lengths */
    HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    HEAD "Content-Length: 5, 5\r\n\r\n",
    HEAD "Content-Length:\r\n\r\n",
    HEAD "Content-Length: +5\r\n\r\n",
    HEAD "Content-Length: -5\r\n\r\n",
    HEAD "Content-Length: 0x5\r\n\r\n",
    HEAD "Content-Length: 5 5\r\n\r\n",
    HEAD "Content-Length: 5;\r\n\r\n",
    HEAD "Content-Length: 9223372036854775808\r\n\r\n",
    HEAD "Content-Length: 18446744073709551621\r\n\r\n",
    HEAD "Content-Length: 99999999999999999999999999\r\n\r\n",
    HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    HEAD "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n",
    HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n",
    HEAD "Transfer-Encoding: chunked, identity\r\n\r\n",
    HEAD "Transfer-Encoding: identity\r\n\r\n",
    HEAD "Transfer-Encoding: xchunked\r\n\r\n",
    HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n",
    HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n",
    HEAD "Transfer-Encoding:\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
};

#define count_of(array) (sizeof(array) / sizeof((array)[0]))

/* Parse from memory that is exactly as large, so that the sanitizer sees one byte too many. */
static ssize_t parse_exact(const char *text, size_t size, struct http_head *head, const char **why)
{
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    ssize_t result = http_head_parse_request(copy, size, head, why);
    free(copy);
    return result;
}

static void good_requests_are_taken_and_their_prefixes_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_of(good_requests); i++) {
        const char *text = good_requests[i];
        struct http_head head;
        const char *why = NULL;
        for (size_t size = 0; size < strlen(text); size++) {
            if (parse_exact(text, size, &head, &why) != 0)
                fail_msg("prefix %zu of \"%s\": %s", size, text, why ? why : "taken");
        }
        if (parse_exact(text, strlen(text), &head, &why) != (ssize_t)strlen(text))
            fail_msg("\"%s\": %s", text, why ? why : "not taken");
    }
}

static void bad_requests_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_of(bad_requests); i++) {
        const char *text = bad_requests[i];
        struct http_head head, before;
        memset(&head, 0x55, sizeof(head));
        before = head;
        const char *why = NULL;
        for (size_t size = 0; size < strlen(text); size++) {
            if (parse_exact(text, size, &head, NULL) > 0)
                fail_msg("prefix %zu of \"%s\" was taken", size, text);
        }
        if (parse_exact(text, strlen(text), &head, &why) != -EBADMSG)
            fail_msg("\"%s\" was not refused", text);
        assert_non_null(why);
        assert_memory_equal(&head, &before, sizeof(head)); /* untouched on failure */
    }
}

static void a_nul_is_refused_anywhere(void **state)
{
    static const char text[] = HEAD "X: y\r\n\r\n";
    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        struct http_head head;
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        assert_int_equal(http_head_parse_request(copy, sizeof(text) - 1, &head, NULL), -EBADMSG);
    }
}

static void malformed_prefixes_fail_before_the_end(void **state)
{
    static const char *const prefixes[] = {
        "\x16\x03\x01", "G\r",  "GET / HTTQ",  "GET / HTTP/1.1\n", HEAD "X ",
        HEAD "X: \x01", "\x05", "SSH-2.0-x\r", HEAD "\r\r",        "{",
    };
    (void)state;
    for (size_t i = 0; i < count_of(prefixes); i++) {
        struct http_head head;
        if (parse_request(prefixes[i], &head) != -EBADMSG)
            fail_msg("\"%s\"", prefixes[i]);
    }
}

static void bad_responses_are_refused(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < count_of(texts); i++) {
        struct http_head head;
        if (http_head_parse_response(texts[i], strlen(texts[i]), &head, NULL) != -EBADMSG)
            fail_msg("\"%s\"", texts[i]);
    }
}

static void too_much_is_refused(void **state)
{
    static char text[HTTP_HEAD_MAX_BYTES + 8];
    struct http_head head;
    const char *why = NULL;
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, HEAD "X: ", strlen(HEAD "X: "));
    assert_int_equal(http_head_parse_request(text, HTTP_HEAD_MAX_BYTES - 1, &head, NULL), 0);
    assert_int_equal(http_head_parse_request(text, HTTP_HEAD_MAX_BYTES, &head, &why), -E2BIG);
    assert_non_null(why);
    memcpy(text + HTTP_HEAD_MAX_BYTES - 4, "\r\n\r\n", 4);
    assert_int_equal(http_head_parse_request(text, HTTP_HEAD_MAX_BYTES, &head, NULL),
                     HTTP_HEAD_MAX_BYTES);
    memcpy(text + HTTP_HEAD_MAX_BYTES - 4, "a\r\n\r\n", 5);
    assert_int_equal(http_head_parse_request(text, HTTP_HEAD_MAX_BYTES + 1, &head, NULL), -E2BIG);
}

static void more_headers_than_the_table_holds_are_refused(void **state)
{
    static char text[4096];
    struct http_head head;
    size_t size = (size_t)sprintf(text, HEAD);
    (void)state;
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        size += (size_t)sprintf(text + size, "a: b\r\n");
    strcpy(text + size, "\r\n");
    assert_int_equal(parse_request(text, &head), size + 2);
    assert_int_equal(head.header_count, HTTP_HEADERS_MAX);
    strcpy(text + size, "a: b\r\n\r\n");
    assert_int_equal(parse_request(text, &head), -E2BIG);
}

static void tokens_are_found_in_lists(void **state)
{
    struct http_head head;
    (void)state;
    assert_true(parse_request(HEAD "Connection: foo ,\tCLOSE,,bar\r\nUpgrade: websocket\r\n"
                                   "connection: last\r\n\r\n",
                              &head) > 0);
    assert_true(http_head_has_token(&head, "connection", "close"));
    assert_true(http_head_has_token(&head, "Connection", "foo"));
    assert_true(http_head_has_token(&head, "connection", "bar"));
    assert_true(http_head_has_token(&head, "connection", "last"));
    assert_true(http_head_has_token(&head, "upgrade", "WebSocket"));
    assert_false(http_head_has_token(&head, "connection", "clos"));
    assert_false(http_head_has_token(&head, "connection", "closed"));
    assert_false(http_head_has_token(&head, "keep-alive", "close"));
}

static void persistence_follows_version_and_connection(void **state)
{
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {HEAD "\r\n", true},
        {HEAD "Connection: close\r\n\r\n", false},
        {HEAD "Connection: keep-alive, close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < count_of(cases); i++) {
        struct http_head head;
        assert_true(parse_request(cases[i].text, &head) > 0);
        assert_int_equal(http_head_keeps_alive(&head), cases[i].keeps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(a_response_is_taken_apart),
        cmocka_unit_test(good_requests_are_taken_and_their_prefixes_wait),
        cmocka_unit_test(bad_requests_are_refused_with_a_reason),
        cmocka_unit_test(a_nul_is_refused_anywhere),
        cmocka_unit_test(malformed_prefixes_fail_before_the_end),
        cmocka_unit_test(bad_responses_are_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(more_headers_than_the_table_holds_are_refused),
        cmocka_unit_test(tokens_are_found_in_lists),
        cmocka_unit_test(persistence_follows_version_and_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
