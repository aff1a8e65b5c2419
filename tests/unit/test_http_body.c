#include "base/http_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define count_of(array) (sizeof(array) / sizeof((array)[0]))

static struct http_text text_of(const char *text)
{
    return (struct http_text){.data = text, .size = strlen(text)};
}

static struct http_body of_request(const char *text)
{
    struct http_head head;
    struct http_body body;
    assert_int_equal(http_head_parse_request(text, strlen(text), &head, NULL), strlen(text));
    assert_int_equal(http_body_of_request(&head, &body), 0);
    return body;
}

static struct http_body of_response(const char *method, const char *text)
{
    struct http_head head;
    struct http_body body;
    assert_int_equal(http_head_parse_response(text, strlen(text), &head, NULL), strlen(text));
    assert_int_equal(http_body_of_response(&head, text_of(method), &body), 0);
    return body;
}

static void requests_are_framed_by_their_headers(void **state)
{
    (void)state;
    struct http_body body = of_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(body.framing, HTTP_LENGTH);
    assert_int_equal(body.left, 5);
    body = of_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(body.framing, HTTP_CHUNKED);
    body = of_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(body.framing, HTTP_NO_BODY);
    body = of_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(body.framing, HTTP_NO_BODY);
    assert_true(http_body_is_done(&body));
}

static void responses_are_framed_by_status_method_and_headers(void **state)
{
    static const struct {
        const char *method, *text;
        enum http_framing framing;
    } cases[] = {
        {"GET", "HTTP/1.1 200 OK\r\n\r\n", HTTP_UNTIL_CLOSE},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_NO_BODY},
        {"head", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 103 Early Hints\r\n\r\n", HTTP_NO_BODY},
        {"GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", HTTP_TUNNEL},
        {"CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_TUNNEL},
        {"CONNECT", "HTTP/1.1 407 Auth\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH},
        {"connect", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH},
    };
    (void)state;
    for (size_t i = 0; i < count_of(cases); i++) {
        struct http_body body = of_response(cases[i].method, cases[i].text);
        if (body.framing != cases[i].framing)
            fail_msg("%s: %s gave %d", cases[i].method, cases[i].text, body.framing);
    }
}

static void ambiguous_lengths_are_refused_without_the_head_parser(void **state)
{
    struct http_head head = {
        .method = text_of("POST"),
        .minor_version = 1,
        .header_count = 2,
        .headers = {{text_of("Content-Length"), text_of("5")},
                    {text_of("transfer-encoding"), text_of("chunked")}},
    };
    struct http_body body = {.left = 77};
    (void)state;
    assert_int_equal(http_body_of_request(&head, &body), -EBADMSG);
    assert_int_equal(http_body_of_response(&head, head.method, &body), -EBADMSG);
    assert_int_equal(body.left, 77);
}

static void a_length_ends_exactly(void **state)
{
    struct http_body body = {.framing = HTTP_LENGTH, .left = 5};
    (void)state;
    assert_int_equal(http_body_feed(&body, "abc", 3), 3);
    assert_false(http_body_is_done(&body));
    assert_int_equal(http_body_feed(&body, "deGET", 5), 2);
    assert_true(http_body_is_done(&body));
    assert_int_equal(http_body_feed(&body, "GET", 3), 0);
}

static void what_has_no_end_takes_all(void **state)
{
    struct http_body body = {.framing = HTTP_UNTIL_CLOSE};
    (void)state;
    assert_int_equal(http_body_feed(&body, "abc", 3), 3);
    assert_false(http_body_is_done(&body));
    body.framing = HTTP_TUNNEL;
    assert_int_equal(http_body_feed(&body, "abc", 3), 3);
    assert_false(http_body_is_done(&body));
    body.framing = HTTP_NO_BODY;
    assert_int_equal(http_body_feed(&body, "abc", 3), 0);
}

static const char *const good_chunks[] = {
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n",
    "a;name=value\r\n0123456789\r\n0;last\r\n\r\n",
    "1  \r\nx\r\n0 ;x\r\n\r\n",
    "0\r\nTrailer: value\r\nOther:\r\n\r\n",
    "2\r\n\r\n\r\n0\r\n\r\n",
};

static void chunks_end_exactly_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_of(good_chunks); i++) {
        char text[128];
        size_t size = strlen(good_chunks[i]);
        strcpy(text, good_chunks[i]);
        strcat(text, "GET");
        for (size_t cut = 0; cut <= size; cut++) {
            struct http_body body = {.framing = HTTP_CHUNKED};
            assert_int_equal(http_body_feed(&body, text, cut), cut);
            assert_int_equal(http_body_is_done(&body), cut == size);
            assert_int_equal(http_body_feed(&body, text + cut, size + 3 - cut), size - cut);
            assert_true(http_body_is_done(&body));
        }
    }
}

static const char *const bad_chunks[] = {
    "\r\n",
    " 5\r\nhello\r\n",
    ";x\r\n",
    "g\r\n",
    "-1\r\n",
    "+1\r\n",
    "0x1\r\n",
    "1\nx\r\n",
    "1\rx\r\n",
    "1;a\nx\r\n",
    "1;a\x01\r\n",
    "1 2\r\n",
    "1\r\nxy\r\n",
    "1\r\nx\n",
    "1\r\nx\r0",
    "8000000000000000\r\n",
    "10000000000000001\r\n",
    "0\r\n\n",
    "0\r\n folded\r\n",
    "0\r\nno colon\r\n",
    "0\r\nname\r\n",
    "0\r\n: value\r\n",
    "0\r\na: b\n",
    "0\r\na: b\r\r\n",
    "0\r\n\rx",
};

static void broken_chunks_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < count_of(bad_chunks); i++) {
        struct http_body body = {.framing = HTTP_CHUNKED};
        if (http_body_feed(&body, bad_chunks[i], strlen(bad_chunks[i])) != -EBADMSG)
            fail_msg("\"%s\" was not refused", bad_chunks[i]);
    }
}

static ssize_t feed_often(struct http_body *body, const char *text, int times)
{
    for (int i = 0; i < times; i++) {
        ssize_t fed = http_body_feed(body, text, strlen(text));
        if (fed < 0)
            return fed;
        assert_int_equal(fed, strlen(text));
    }
    return 0;
}

static void endless_lines_are_refused(void **state)
{
    struct http_body body = {.framing = HTTP_CHUNKED};
    (void)state;
    assert_int_equal(feed_often(&body, "0", HTTP_CHUNK_LINE_MAX_BYTES), 0);
    assert_int_equal(http_body_feed(&body, "0", 1), -EBADMSG);
    body = (struct http_body){.framing = HTTP_CHUNKED};
    assert_int_equal(feed_often(&body, "0\r\n", 1), 0);
    assert_int_equal(feed_often(&body, "a: b\r\n", HTTP_TRAILERS_MAX_BYTES / 6), 0);
    assert_int_equal(feed_often(&body, "a: b\r\n", 1), -EBADMSG);
    body = (struct http_body){.framing = HTTP_CHUNKED};
    assert_int_equal(feed_often(&body, "1;x\r\nx\r\n", HTTP_TRAILERS_MAX_BYTES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_framed_by_their_headers),
        cmocka_unit_test(responses_are_framed_by_status_method_and_headers),
        cmocka_unit_test(ambiguous_lengths_are_refused_without_the_head_parser),
        cmocka_unit_test(a_length_ends_exactly),
        cmocka_unit_test(what_has_no_end_takes_all),
        cmocka_unit_test(chunks_end_exactly_however_they_are_cut),
        cmocka_unit_test(broken_chunks_are_refused),
        cmocka_unit_test(endless_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
