#include "adblock/http_gate.h"
#include "base/err.h"
#include "tests/fake/fake_filter.h"
#include "tests/fake/fake_stream.h"
#include "tests/unit/stream_contract.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 256 * 1024 };

/* The test is the client (through the fake stream) and the owner (of the gate). */
struct fixture {
    struct loop *loop;
    struct fake_stream *client;
    struct stream *gate;
    struct filter filter;
    bool is_paused;
    int decisions, blocks;
    char up[TEXT_MAX];   /* what the owner could read */
    char down[TEXT_MAX]; /* what reached the client */
    size_t up_size, down_size;
    int end; /* what peek said last, where it was negative */
};

static const struct filter *filter_now(void *owner)
{
    struct fixture *f = owner;
    return f->is_paused ? NULL : &f->filter;
}

static void on_request(void *owner, const struct filter_request *request,
                       const struct verdict *verdict)
{
    struct fixture *f = owner;
    assert_true(request->source_url_size == 0 || request->source_url[0] == 'h');
    f->decisions++;
    f->blocks += verdict_is_block(verdict);
}

static const struct http_gate_events events = {.filter = filter_now, .on_request = on_request};

static void read_gate(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    int count;
    while ((count = stream_peek(f->gate, spans, STREAM_SPANS)) > 0) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            assert_true(spans[i].size > 0);
            memcpy(f->up + f->up_size, spans[i].data, spans[i].size);
            f->up_size += spans[i].size;
            size += spans[i].size;
        }
        stream_consume(f->gate, size);
    }
    f->up[f->up_size] = '\0';
    f->end = count;
}

static void on_wake(void *owner)
{
    read_gate(owner);
}

static void turn(struct fixture *f)
{
    loop_run(f->loop);
    f->down_size +=
        fake_stream_take(f->client, f->down + f->down_size, TEXT_MAX - 1 - f->down_size);
    f->down[f->down_size] = '\0';
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    f->client = fake_stream_new(f->loop);
    f->client->lends = true;
    f->filter = (struct filter){.blocked = {"/ad"}, .list = "L", .rule = "R"};
    assert_int_equal(
        http_gate_new(f->loop, &f->client->stream, "fallback.example", false, &events, f, &f->gate),
        0);
    stream_set_owner(f->gate, on_wake, f);
    turn(f);
    *state = f;
    return 0;
}

static int setup_in_bytes(void **state)
{
    setup(state);
    ((struct fixture *)*state)->client->span_bytes_max = 1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stream_close(f->gate);
    fake_stream_free(f->client);
    loop_run(f->loop);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void send(struct fixture *f, const char *text)
{
    fake_stream_feed(f->client, text, strlen(text));
    turn(f);
}

static void answer(struct fixture *f, const char *text)
{
    for (size_t at = 0; at < strlen(text); at++) /* heads and chunks cut everywhere */
        assert_int_equal(stream_write_bytes(f->gate, text + at, 1), 1);
    turn(f);
}

static void forget(struct fixture *f)
{
    f->up_size = f->down_size = 0;
    f->up[0] = f->down[0] = '\0';
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK(body)  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" body
#define FORBIDDEN "HTTP/1.1 403 "
#define BAD_HEAD  "HTTP/1.1 400 "

static void assert_starts(const char *text, const char *start)
{
    assert_int_equal(strncmp(text, start, strlen(start)), 0);
}

static void test_passes_an_exchange(void **state)
{
    struct fixture *f = *state;
    send(f, "GET /x HTTP/1.1\r\nHost: A.example:80\r\nReferer: http://b.example/\r\n\r\n");
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
    send(f, GET("/ad"));
    assert_string_equal(f->up, "");
    assert_starts(f->down, FORBIDDEN);
}

static void test_next_request_waits_for_the_response(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/1") GET("/2"));
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
        send(f, exchanges[i][0]);
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
    send(f, GET("/ad"));
    assert_string_equal(f->up, "");
    assert_starts(f->down, FORBIDDEN);
    assert_non_null(strstr(f->down, "\r\nConnection: keep-alive\r\n"));
    assert_int_equal(f->blocks, 1);
    forget(f);
    send(f, GET("/x"));
    assert_string_equal(f->up, GET("/x"));
    assert_string_equal(f->down, "");
}

static void test_a_refusal_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/1") GET("/ad") GET("/ad2") GET("/3"));
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
    send(f, GET("/x"));
    assert_int_equal(f->blocks, 200);
    assert_string_equal(f->up, GET("/x"));
}

static void test_a_refused_body_is_dropped(void **state)
{
    struct fixture *f = *state;
    send(f, "POST /ad HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    assert_starts(f->down, FORBIDDEN);
    send(f, "cd" GET("/x"));
    assert_string_equal(f->up, GET("/x"));
}

static void assert_last(struct fixture *f)
{
    assert_non_null(strstr(f->down, "\r\nConnection: close\r\n"));
    assert_string_equal(f->up, "");
    assert_int_equal(f->end, ERR_EOF);
    assert_true(f->client->is_finished);
    size_t consumed = f->client->consumed;
    send(f, GET("/x")); /* dropped, so that the refusal is not lost to a reset */
    assert_int_equal(f->client->consumed, consumed + strlen(GET("/x")));
    assert_string_equal(f->up, "");
    assert_int_equal(f->decisions, f->blocks);
}

static void test_a_long_refused_body_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send(f, "POST /ad HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nabc");
    assert_starts(f->down, FORBIDDEN);
    assert_last(f);
}

static void test_a_chunked_refused_body_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send(f, "POST /ad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_last(f);
}

static void test_a_body_that_may_not_come_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send(f, "POST /ad HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_last(f);
}

static void test_http_1_0_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    send(f, "GET /ad HTTP/1.0\r\n\r\n");
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
        teardown(state);
        setup(state);
        struct fixture *f = *state;
        send(f, heads[i]);
        assert_starts(f->down, BAD_HEAD);
        assert_last(f);
    }
}

static void test_an_ambiguous_head_behind_an_exchange(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/x") "GARBAGE\r\n\r\n");
    assert_string_equal(f->up, GET("/x"));
    answer(f, OK("hi"));
    assert_starts(f->down, OK("hi") BAD_HEAD);
    assert_int_equal(f->end, ERR_EOF);
    assert_string_equal(f->up, GET("/x"));
}

static void test_a_head_without_end(void **state)
{
    struct fixture *f = *state;
    send(f, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
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
    send(f, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcGET /ad");
    assert_int_equal(f->end, ERR_PROTOCOL);
    assert_null(strstr(f->up, "GET"));
}

static void test_empty_lines_between_requests(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/x"));
    send(f, "\r");
    send(f, "\n\r\n");
    answer(f, OK("hi"));
    send(f, GET("/y"));
    assert_string_equal(f->up, GET("/x") GET("/y"));
}

static void test_steps_aside_after_an_upgrade(void **state)
{
    struct fixture *f = *state;
    const char *upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\n\r\n";
    send(f, upgrade);
    assert_string_equal(f->filter.url, "ws://a/chat");
    assert_int_equal(f->filter.type, FILTER_TYPE_WEBSOCKET);
    send(f, "early");
    assert_string_equal(f->up, upgrade);
    answer(f, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi");
    assert_string_equal(f->up + strlen(upgrade), "early");
    send(f, GET("/ad"));
    assert_string_equal(f->up + strlen(upgrade), "early" GET("/ad"));
    assert_int_equal(f->decisions, 1);
}

static void test_steps_aside_after_connect(void **state)
{
    struct fixture *f = *state;
    const char *connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n";
    send(f, connect);
    assert_string_equal(f->filter.url, "https://b.example/");
    answer(f, "HTTP/1.1 200 OK\r\n\r\n");
    send(f, "\x16\x03\x01");
    assert_string_equal(f->up + strlen(connect), "\x16\x03\x01");
}

static void test_steps_aside_where_it_is_no_http(void **state)
{
    struct fixture *f = *state;
    send(f, "SSH-2.0-x\r\n");
    assert_string_equal(f->up, "SSH-2.0-x\r\n");
    answer(f, "anything");
    send(f, GET("/ad"));
    assert_string_equal(f->up, "SSH-2.0-x\r\n" GET("/ad"));
    assert_int_equal(f->decisions, 0);
}

static void test_pause_and_change_of_filter(void **state)
{
    struct fixture *f = *state;
    f->is_paused = true;
    send(f, GET("/ad"));
    assert_string_equal(f->up, GET("/ad"));
    answer(f, OK("hi"));
    f->is_paused = false;
    forget(f);
    send(f, GET("/ad"));
    assert_starts(f->down, FORBIDDEN);
    assert_int_equal(f->decisions, 2);
}

static void test_a_slow_client_gets_the_whole_refusal(void **state)
{
    struct fixture *f = *state;
    f->client->credit = 10;
    send(f, "GET /ad HTTP/1.0\r\n\r\n");
    assert_int_equal(f->down_size, 10);
    assert_int_equal(f->end, 0);
    assert_int_equal(stream_write_bytes(f->gate, "x", 1), 0);
    fake_stream_end(f->client, ERR_EOF); /* it only stopped sending */
    turn(f);
    assert_int_equal(f->end, 0);
    while (f->down_size < f->client->written || !f->client->is_finished) {
        fake_stream_grant(f->client, 100);
        turn(f);
    }
    assert_non_null(strstr(f->down, "</html>"));
    assert_int_equal(f->end, ERR_EOF);
}

static void test_the_servers_finish_waits_for_the_refusal(void **state)
{
    struct fixture *f = *state;
    f->client->credit = 10;
    send(f, GET("/ad"));
    assert_int_equal(stream_finish(f->gate), 0);
    turn(f);
    assert_false(f->client->is_finished);
    fake_stream_grant(f->client, SIZE_MAX);
    turn(f);
    assert_true(f->client->is_finished);
    assert_non_null(strstr(f->down, "</html>"));
}

static void test_after_the_servers_finish_nothing_is_admitted(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/x") GET("/y"));
    answer(f, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    assert_int_equal(stream_finish(f->gate), 0);
    turn(f);
    assert_true(f->client->is_finished);
    assert_string_equal(f->up, GET("/x"));
    assert_int_equal(f->end, ERR_EOF);
}

static void test_an_answer_nobody_asked_for(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/x"));
    answer(f, OK("hi"));
    answer(f, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(f->down, "408"));
    assert_int_equal(f->end, ERR_EOF);
    forget(f);
    send(f, GET("/y"));
    assert_string_equal(f->up, "");
}

static void test_a_response_that_cannot_be_followed(void **state)
{
    struct fixture *f = *state;
    send(f, GET("/x") GET("/y"));
    answer(f, "ICY 200 OK\r\n\r\nmusic");
    assert_string_equal(f->down, "ICY 200 OK\r\n\r\nmusic");
    assert_string_equal(f->up, GET("/x"));
}

static void test_half_close(void **state)
{
    struct fixture *f = *state;
    fake_stream_feed(f->client, GET("/x") GET("/y"), strlen(GET("/x") GET("/y")));
    fake_stream_end(f->client, ERR_EOF);
    turn(f);
    assert_string_equal(f->up, GET("/x"));
    assert_int_equal(f->end, 0);
    answer(f, OK("hi"));
    assert_string_equal(f->up, GET("/x") GET("/y"));
    assert_int_equal(f->end, ERR_EOF);
    answer(f, OK("yo"));
    assert_string_equal(f->down, OK("hi") OK("yo"));
}

static void test_a_reset_is_passed_on(void **state)
{
    struct fixture *f = *state;
    send(f, "GET /");
    fake_stream_end(f->client, -ECONNRESET);
    turn(f);
    assert_int_equal(f->end, -ECONNRESET);
}

/* --- the stream contract: as a pipe for what is no HTTP -------------------------------------- */

static const struct filter *no_filter(void *owner)
{
    (void)owner;
    return NULL;
}

static void on_any_request(void *owner, const struct filter_request *request,
                           const struct verdict *verdict)
{
    (void)owner, (void)request, (void)verdict;
}

static int open_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    static const struct http_gate_events pass = {.filter = no_filter, .on_request = on_any_request};
    struct fake_stream *client, *far;
    (void)owner;
    fake_stream_new_pair(loop, 65536, &client, &far);
    fake_stream_free(client); /* the owners' references are enough */
    fake_stream_free(far);
    assert_int_equal(http_gate_new(loop, &client->stream, "", false, &pass, NULL, &ret->stream), 0);
    return contract_remote_from_stream(&far->stream, &ret->remote);
}

#define gate_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define gate_test_in_bytes(name)                                                                   \
    {                                                                                              \
#name "_in_bytes", name, setup_in_bytes, teardown, NULL                                    \
    }

int main(void)
{
    static const struct stream_contract contract = {.name = "http_gate", .open = open_pair};
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
        gate_test(test_steps_aside_after_an_upgrade),
        gate_test_in_bytes(test_steps_aside_after_an_upgrade),
        gate_test(test_steps_aside_after_connect),
        gate_test(test_steps_aside_where_it_is_no_http),
        gate_test_in_bytes(test_steps_aside_where_it_is_no_http),
        gate_test(test_pause_and_change_of_filter),
        gate_test(test_a_slow_client_gets_the_whole_refusal),
        gate_test(test_the_servers_finish_waits_for_the_refusal),
        gate_test(test_after_the_servers_finish_nothing_is_admitted),
        gate_test(test_an_answer_nobody_asked_for),
        gate_test(test_a_response_that_cannot_be_followed),
        gate_test(test_half_close),
        gate_test(test_a_reset_is_passed_on),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + stream_contract_run(&contract);
}
