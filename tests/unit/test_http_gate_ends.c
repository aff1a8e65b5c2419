/* The gate when it steps aside, is slow, or ends; and as a stream like any other. */
#include "tests/unit/gate_rig.h"

#include "base/err.h"
#include "tests/unit/stream_contract.h"

#include <errno.h>
#include <string.h>

static void test_steps_aside_after_an_upgrade(void **state)
{
    struct fixture *f = *state;
    const char *upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\n\r\n";
    send_request(f, upgrade);
    assert_string_equal(f->filter.url, "ws://a/chat");
    assert_int_equal(f->filter.type, FILTER_TYPE_WEBSOCKET);
    send_request(f, "early");
    assert_string_equal(f->up, upgrade);
    answer(f, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi");
    assert_string_equal(f->up + strlen(upgrade), "early");
    send_request(f, GET("/ad"));
    assert_string_equal(f->up + strlen(upgrade), "early" GET("/ad"));
    assert_int_equal(f->decisions, 1);
}

static void test_steps_aside_after_connect(void **state)
{
    struct fixture *f = *state;
    const char *connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n";
    send_request(f, connect);
    assert_string_equal(f->filter.url, "https://b.example/");
    answer(f, "HTTP/1.1 200 OK\r\n\r\n");
    send_request(f, "\x16\x03\x01");
    assert_string_equal(f->up + strlen(connect), "\x16\x03\x01");
}

static void test_steps_aside_where_it_is_no_http(void **state)
{
    struct fixture *f = *state;
    send_request(f, "SSH-2.0-x\r\n");
    assert_string_equal(f->up, "SSH-2.0-x\r\n");
    answer(f, "anything");
    send_request(f, GET("/ad"));
    assert_string_equal(f->up, "SSH-2.0-x\r\n" GET("/ad"));
    assert_int_equal(f->decisions, 0);
}

static void test_pause_and_change_of_filter(void **state)
{
    struct fixture *f = *state;
    f->is_paused = true;
    send_request(f, GET("/ad"));
    assert_string_equal(f->up, GET("/ad"));
    answer(f, OK("hi"));
    f->is_paused = false;
    forget(f);
    send_request(f, GET("/ad"));
    assert_starts(f->down, FORBIDDEN);
    assert_int_equal(f->decisions, 2);
}

static void test_a_slow_client_gets_the_whole_refusal(void **state)
{
    struct fixture *f = *state;
    f->client->credit = 10;
    send_request(f, "GET /ad HTTP/1.0\r\n\r\n");
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
    send_request(f, GET("/ad"));
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
    send_request(f, GET("/x") GET("/y"));
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
    send_request(f, GET("/x"));
    answer(f, OK("hi"));
    answer(f, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(f->down, "408"));
    assert_int_equal(f->end, ERR_EOF);
    forget(f);
    send_request(f, GET("/y"));
    assert_string_equal(f->up, "");
}

static void test_a_response_that_cannot_be_followed(void **state)
{
    struct fixture *f = *state;
    send_request(f, GET("/x") GET("/y"));
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
    send_request(f, "GET /");
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

int main(void)
{
    static const struct stream_contract contract = {.name = "http_gate", .open = open_pair};
    const struct CMUnitTest tests[] = {
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
