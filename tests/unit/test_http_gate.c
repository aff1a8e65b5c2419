#include "tests/unit/gate_rig.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static void test_passes_an_exchange(void **state)
{
    struct fixture *f = *state;
    send_request(f, "GET /x HTTP/1.1\r\nHost: A.example:80\r\nReferer: http://b.example/\r\n\r\n");
    assert_string_equal(f->up, "GET /x HTTP/1.1\r\nHost: A.example:80\r\nReferer: "
                               "http://b.example/\r\n\r\n");
    assert_string_equal(f->filter.url, "http://A.example/x");
    assert_string_equal(f->filter.source_url, "http://b.example/");
    assert_int_equal(f->decisions, 1);
    assert_int_equal(f->blocks, 0);
    answer(f, OK("hi"));
    assert_string_equal(f->down, OK("hi"));
}

static void test_a_head_in_pieces(void **state)
{
    struct fixture *f = *state;
    const char *request = "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t at = 0; at < strlen(request); at++) {
        assert_true(at >= strlen(request) - 3 || f->up_size == 0);
        fake_stream_feed(f->client, request + at, 1);
        turn(f);
    }
    assert_string_equal(f->up, request);
    answer(f, OK("hi"));
    forget(f);
    send_request(f, GET("/ad"));
    assert_string_equal(f->up, "");
    assert_starts(f->down, FORBIDDEN);
}

static void test_next_request_waits_for_the_response(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/1") GET("/2"));
    assert_string_equal(f->up, GET("/1"));
    answer(f, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
    assert_string_equal(f->up, GET("/1"));
    answer(f, "i");
    assert_string_equal(f->up, GET("/1") GET("/2"));
    assert_int_equal(f->filter.asked, 2);
}

static void test_ways_a_response_ends(void **state)
{
    struct fixture *f = *state;
    static const char *const exchanges[][2] = {
        {GET("/x"), "HTTP/1.1 204 No Content\r\n\r\n"},
        {GET("/x"), "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
        {GET("/x"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n"
                    "0\r\nTrailer: x\r\n\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         OK("hi")},
        {"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n",
         "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx"},
        {GET("/last"), OK("hi")},
    };
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(*exchanges); i++) {
        send_request(f, exchanges[i][0]);
        assert_string_equal(f->up, exchanges[i][0]);
        answer(f, exchanges[i][1]);
        assert_string_equal(f->down, exchanges[i][1]);
        forget(f);
    }
    assert_int_equal(f->decisions, sizeof(exchanges) / sizeof(*exchanges));
}

static void test_refuses(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/ad"));
    assert_string_equal(f->up, "");
    assert_starts(f->down, FORBIDDEN);
    assert_non_null(strstr(f->down, "\r\nConnection: keep-alive\r\n"));
    assert_int_equal(f->blocks, 1);
    forget(f);
    send_request(f, GET("/x"));
    assert_string_equal(f->up, GET("/x"));
    assert_string_equal(f->down, "");
}

static void test_a_refusal_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/1") GET("/ad") GET("/ad2") GET("/3"));
    assert_string_equal(f->up, GET("/1"));
    assert_string_equal(f->down, "");
    answer(f, OK("hi"));
    assert_starts(f->down, OK("hi") FORBIDDEN);
    const char *second = strstr(f->down + strlen(OK("hi") FORBIDDEN), FORBIDDEN);
    assert_non_null(second);
    assert_string_equal(f->up, GET("/1") GET("/3"));
    forget(f);
    answer(f, OK("yo"));
    assert_string_equal(f->down, OK("yo"));
}

static void test_many_refusals_in_a_row(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 200; i++)
        fake_stream_feed(f->client, GET("/ad"), strlen(GET("/ad")));
    send_request(f, GET("/x"));
    assert_int_equal(f->blocks, 200);
    assert_string_equal(f->up, GET("/x"));
}

static void test_a_refused_body_is_dropped(void **state)
{
    struct fixture *f = *state;
    send_request(f, "POST /ad HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    assert_starts(f->down, FORBIDDEN);
    send_request(f, "cd" GET("/x"));
    assert_string_equal(f->up, GET("/x"));
}

static void assert_last(struct fixture *f)
{
    assert_non_null(strstr(f->down, "\r\nConnection: close\r\n"));
    assert_string_equal(f->up, "");
    assert_int_equal(f->end, ERR_EOF);
    assert_true(f->client->is_finished);
    size_t consumed = f->client->consumed;
    send_request(f, GET("/x")); /* dropped, so that the refusal is not lost to a reset */
    assert_int_equal(f->client->consumed, consumed + strlen(GET("/x")));
    assert_string_equal(f->up, "");
    assert_int_equal(f->decisions, f->blocks);
}

static void test_a_long_refused_body_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send_request(f, "POST /ad HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nabc");
    assert_starts(f->down, FORBIDDEN);
    assert_last(f);
}

static void test_a_chunked_refused_body_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send_request(f,
                 "POST /ad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_last(f);
}

static void test_a_body_that_may_not_come_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send_request(
        f, "POST /ad HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_last(f);
}

static void test_http_1_0_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send_request(f, "GET /ad HTTP/1.0\r\n\r\n");
    assert_string_equal(f->filter.url, "http://fallback.example/ad");
    assert_last(f);
}

static void test_ambiguous_heads_are_refused(void **state)
{
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        gate_rig_teardown(state);
        gate_rig_setup(state);
        struct fixture *f = *state;
        send_request(f, heads[i]);
        assert_starts(f->down, BAD_HEAD);
        assert_last(f);
    }
}

static void test_an_ambiguous_head_behind_an_exchange(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/x") "GARBAGE\r\n\r\n");
    assert_string_equal(f->up, GET("/x"));
    answer(f, OK("hi"));
    assert_starts(f->down, OK("hi") BAD_HEAD);
    assert_int_equal(f->end, ERR_EOF);
    assert_string_equal(f->up, GET("/x"));
}

static void test_a_head_without_end(void **state)
{
    struct fixture *f = *state;
    send_request(f, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 70 && f->down_size == 0; i++) {
        char more[1024];
        memset(more, 'x', sizeof(more));
        fake_stream_feed(f->client, more, sizeof(more));
        turn(f);
    }
    assert_starts(f->down, "HTTP/1.1 431 ");
    assert_last(f);
}

static void test_a_broken_chunk_ends_it(void **state)
{
    struct fixture *f = *state;
    send_request(f,
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcGET /ad");
    assert_int_equal(f->end, ERR_PROTOCOL);
    assert_null(strstr(f->up, "GET"));
}

static void test_empty_lines_between_requests(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/x"));
    send_request(f, "\r");
    send_request(f, "\n\r\n");
    answer(f, OK("hi"));
    send_request(f, GET("/y"));
    assert_string_equal(f->up, GET("/x") GET("/y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        gate_test(test_passes_an_exchange),
        gate_test_in_bytes(test_passes_an_exchange),
        gate_test(test_a_head_in_pieces),
        gate_test(test_next_request_waits_for_the_response),
        gate_test_in_bytes(test_next_request_waits_for_the_response),
        gate_test(test_ways_a_response_ends),
        gate_test_in_bytes(test_ways_a_response_ends),
        gate_test(test_refuses),
        gate_test_in_bytes(test_refuses),
        gate_test(test_a_refusal_waits_its_turn),
        gate_test_in_bytes(test_a_refusal_waits_its_turn),
        gate_test(test_many_refusals_in_a_row),
        gate_test(test_a_refused_body_is_dropped),
        gate_test_in_bytes(test_a_refused_body_is_dropped),
        gate_test(test_a_long_refused_body_ends_the_connection),
        gate_test(test_a_chunked_refused_body_ends_the_connection),
        gate_test(test_a_body_that_may_not_come_ends_the_connection),
        gate_test(test_http_1_0_ends_the_connection),
        gate_test_in_bytes(test_http_1_0_ends_the_connection),
        gate_test(test_ambiguous_heads_are_refused),
        gate_test(test_an_ambiguous_head_behind_an_exchange),
        gate_test_in_bytes(test_an_ambiguous_head_behind_an_exchange),
        gate_test(test_a_head_without_end),
        gate_test(test_a_broken_chunk_ends_it),
        gate_test(test_empty_lines_between_requests),
        gate_test_in_bytes(test_empty_lines_between_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
