#include "base/err.h"
#include "door_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GET    "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define GET_UP "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
#define KEEP   "Connection: keep-alive\r\n\r\n"
#define CLOSE  "Connection: close\r\n\r\n"

/* A client that sent `request`, and the admitted stream of it. */
static struct stream *start(struct door_rig *rig, int fd, const char *request)
{
    int index = rig->inbound_count;
    door_rig_send_text(fd, request);
    return door_rig_admit(rig, index);
}

static int connect_and(struct door_rig *rig, const char *request, struct stream **ret)
{
    int fd = door_rig_connect(rig);
    *ret = start(rig, fd, request);
    return fd;
}

/* The way the relay lets go when both directions have ended. */
static void end(struct stream *stream)
{
    stream_finish(stream);
    stream_close(stream);
}

static void test_passes_one_request_and_its_response(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    struct span span;
    int fd = connect_and(rig, GET, &stream);
    assert_string_equal(rig->inbounds[0]->target.name, "a.example");
    assert_int_equal(rig->inbounds[0]->target.address.port, 80);
    assert_string_equal(rig->inbounds[0]->door, "http");
    door_rig_expect_up(rig, stream, GET_UP);
    assert_int_equal(stream_peek(stream, &span, 1), 0); /* no end before the response has one */
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo");
    assert_int_equal(stream_peek(stream, &span, 1), 0);
    door_rig_write_down(stream, "dy");
    assert_int_equal(stream_peek(stream, &span, 1), ERR_EOF);
    end(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" KEEP "body");
    door_rig_expect_silence(rig, fd);
    close(fd);
}

static void test_keeps_the_client_across_requests(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET "GET http://b.example:81/ HTTP/1.1\r\nHost: b.example:81\r\n\r\n",
                         &stream);
    door_rig_expect_up(rig, stream, GET_UP);
    door_rig_settle(rig);
    assert_int_equal(rig->inbound_count, 1); /* one at a time */
    door_rig_write_down(stream, "HTTP/1.1 204 No\r\n\r\n");
    struct stream *second = door_rig_admit(rig, 1); /* though the first was not yet let go */
    end(stream);
    assert_string_equal(rig->inbounds[1]->target.name, "b.example");
    door_rig_expect_up(rig, second,
                       "GET / HTTP/1.1\r\nHost: b.example:81\r\nConnection: close\r\n\r\n");
    door_rig_write_down(second, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n0\r\n\r\n");
    end(second);
    door_rig_expect_text(rig, fd, "HTTP/1.1 204 No\r\n" KEEP);
    door_rig_expect_text(
        rig, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" KEEP "3\r\nabc\r\n0\r\n\r\n");
    struct stream *third = start(rig, fd, GET);
    stream_close(third);
    close(fd);
}

static void test_closes_when_asked_to(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd =
        connect_and(rig, "GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &stream);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    end(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd),
                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" CLOSE "ok");
    close(fd);
}

static void test_passes_bodies_up(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig,
                         "POST http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n",
                         &stream);
    door_rig_expect_up(rig, stream,
                       "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                       "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    door_rig_write_down(stream, "HTTP/1.1 100 Continue\r\n\r\n");
    door_rig_expect_text(rig, fd, "HTTP/1.1 100 Continue\r\n\r\n");
    door_rig_send_text(fd, "5\r\nhello\r\n");
    door_rig_expect_up(rig, stream, "5\r\nhello\r\n");
    door_rig_send_text(fd, "0\r\n\r\n" GET);
    door_rig_expect_up(rig, stream, "0\r\n\r\n"); /* and not a byte of the next request */
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    end(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" KEEP);
    stream_close(door_rig_admit(rig, 1));
    close(fd);
}

static void test_ends_with_the_server_where_nothing_else_does(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    door_rig_write_down(stream, "HTTP/1.0 200 OK\r\n\r\nall of ");
    door_rig_write_down(stream, "it");
    end(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd), "HTTP/1.1 200 OK\r\n" CLOSE "all of it");
    close(fd);
}

static void test_never_lets_a_cut_response_look_whole(void **state)
{
    struct door_rig *rig = *state;
    static const char *const cut[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    for (int i = 0; i < 4; i++) {
        struct stream *stream;
        char got[256];
        int fd = connect_and(rig, GET, &stream);
        door_rig_write_down(stream, cut[i / 2]);
        if (i % 2) {
            stream_abort(stream);
        } else {
            stream_finish(stream);
            assert_int_equal(door_rig_wait_end(rig, stream), -ECONNRESET);
            stream_close(stream);
        }
        door_rig_settle(rig);
        while (recv(fd, got, sizeof(got), 0) > 0)
            ;
        assert_int_equal(errno, ECONNRESET);
        close(fd);
    }
    /* The same for one that ends with the connection. */
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\n\r\n");
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\n" CLOSE);
    stream_abort(stream);
    door_rig_expect_reset(rig, fd);
    close(fd);
}

static void test_answers_for_a_silent_server(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    end(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 502 "));
    stream = start(rig, fd, GET); /* the connection was kept */
    stream_abort(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 502 "));
    stream = start(rig, fd, GET);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nConte");
    end(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 502 "));
    stream = start(rig, fd, GET);
    assert_int_equal(stream_write_bytes(stream, "220 mail\r\n", 10), ERR_PROTOCOL);
    stream_abort(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 502 "));
    close(fd);
}

static void test_refusal_is_an_answer(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, GET);
    inbound_refuse(door_rig_inbound(rig, 0), ERR_BLOCKED);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 403 "));
    rig->refuse_at_once = ERR_NO_UPSTREAM;
    door_rig_send_text(fd, "HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    door_rig_settle(rig);
    char got[1024] = "";
    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_non_null(strstr(got, "HTTP/1.1 503 "));
    assert_string_equal(got + strlen(got) - 4, "\r\n\r\n"); /* no body */
    door_rig_send_text(fd, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    const char *response = door_rig_read_to_end(rig, fd);
    assert_non_null(strstr(response, "HTTP/1.1 503 "));
    assert_non_null(strstr(response, "Connection: close\r\n"));
    close(fd);
}

static void test_stops_at_a_broken_chunk(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig,
                         "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabcXX" GET,
                         &stream);
    door_rig_expect_up(rig, stream,
                       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                       "Connection: close\r\n\r\n");
    assert_int_equal(door_rig_wait_end(rig, stream), -EBADMSG);
    stream_abort(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 400 "));
    assert_string_equal(door_rig_read_to_end(rig, fd), "");
    assert_int_equal(rig->inbound_count, 1);
    close(fd);
}

/* What a gate does that refuses the request itself. */
static void test_takes_a_response_from_before_the_server(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    door_rig_write_down(stream, "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n"
                                "Connection: close\r\n\r\nblocked");
    stream_close(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n" KEEP "blocked");
    close(fd);
}

static void test_closes_after_an_early_response(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
                         &stream);
    door_rig_write_down(stream, "HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(door_rig_wait_end(rig, stream), ERR_EOF);
    end(stream);
    door_rig_send_text(fd, "defghi");
    assert_string_equal(door_rig_read_to_end(rig, fd),
                        "HTTP/1.1 413 Big\r\nContent-Length: 0\r\n" CLOSE);
    close(fd);
}

static void test_takes_no_more_than_the_response(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    static const char more[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEVIL";
    int fd = connect_and(rig, GET, &stream);
    assert_int_equal(stream_write_bytes(stream, more, sizeof(more) - 1), sizeof(more) - 5);
    assert_int_equal(stream_write_bytes(stream, "EVIL", 4), -EPIPE);
    stream_abort(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" KEEP "ok");
    door_rig_expect_silence(rig, fd);
    close(fd);
}

static void test_follows_head_and_statuses_without_body(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, "HEAD http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", &stream);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    end(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n" KEEP);
    stream = start(rig, fd, GET);
    door_rig_write_down(stream, "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 304 Same\r\n"
                                "Content-Length: 99\r\n\r\n");
    end(stream);
    door_rig_expect_text(rig, fd,
                         "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 304 Same\r\n"
                         "Content-Length: 99\r\n" KEEP);
    close(fd);
}

static void test_reads_a_response_in_pieces(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    static const char response[] =
        "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nT: v\r\n\r\n";
    for (const char *at = response; *at; at++)
        assert_int_equal(stream_write_bytes(stream, at, 1), 1);
    end(stream);
    door_rig_expect_text(rig, fd,
                         "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n"
                         "Transfer-Encoding: chunked\r\n" KEEP "2;x=y\r\nok\r\n0\r\nT: v\r\n\r\n");
    close(fd);
}

static void test_speaks_http10_to_those_who_do(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, "GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &stream);
    door_rig_expect_up(rig, stream, "GET / HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n");
    door_rig_write_down(stream, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n"
                                "Content-Length: 1\r\n\r\nx");
    end(stream);
    door_rig_expect_text(rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" KEEP "x");
    stream = start(rig, fd, "GET http://a/ HTTP/1.0\r\n\r\n");
    assert_int_equal(stream_write_bytes(stream,
                                        "HTTP/1.1 200 OK\r\n"
                                        "Transfer-Encoding: chunked\r\n\r\n",
                                        47),
                     ERR_PROTOCOL);
    stream_abort(stream);
    assert_non_null(strstr(door_rig_read_to_end(rig, fd), "HTTP/1.1 502 "));
    close(fd);
}

static void test_becomes_a_tunnel_for_websockets(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig,
                         "GET http://a/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n",
                         &stream);
    door_rig_expect_up(rig, stream,
                       "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\n\r\n");
    door_rig_write_down(stream, "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\nframe");
    door_rig_expect_text(rig, fd,
                         "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\nframe");
    door_rig_send_text(fd, "masked");
    door_rig_expect_up(rig, stream, "masked");
    shutdown(fd, SHUT_WR);
    assert_int_equal(door_rig_wait_end(rig, stream), ERR_EOF);
    door_rig_write_down(stream, "bye");
    end(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd), "bye");
    close(fd);
}

static void test_refuses_a_tunnel_nobody_asked_for(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    assert_int_equal(stream_write_bytes(stream, "HTTP/1.1 101 Go\r\n\r\n", 19), ERR_PROTOCOL);
    stream_abort(stream);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 502 "));
    close(fd);
}

static void test_says_when_the_client_broke(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    const struct linger reset = {.l_onoff = 1};
    int fd = connect_and(rig, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
                         &stream);
    door_rig_expect_up(rig, stream,
                       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                       "Connection: close\r\n\r\nabc");
    close(fd); /* an end in the middle of a body is no end */
    assert_int_equal(door_rig_wait_end(rig, stream), -ECONNRESET);
    stream_abort(stream);
    fd = door_rig_connect(rig);
    door_rig_send_text(fd, GET);
    struct inbound *inbound = door_rig_inbound(rig, 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    for (int i = 0; i < 3000 && rig->gone == 0; i++)
        loop_run_once(rig->loop, 10);
    assert_int_equal(rig->gone, 1);
    inbound_refuse(inbound, -ECONNRESET);
    door_rig_settle(rig);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

/* A client may end its side after the request and still wants the response. */
static void test_serves_half_closed_clients(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, GET);
    shutdown(fd, SHUT_WR);
    struct stream *stream = door_rig_admit(rig, 0);
    door_rig_expect_up(rig, stream, GET_UP);
    door_rig_settle(rig);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    end(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd),
                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" KEEP "ok");
    close(fd);
}

static void test_waits_for_a_slow_client(void **state)
{
    enum { BODY = 40 * 1024 * 1024 };
    struct door_rig *rig = *state;
    struct stream *stream;
    char *body = calloc(1, 1 << 20);
    size_t sent = 0, received = 0;
    int fd = connect_and(rig, GET, &stream);
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 41943040\r\n\r\n");
    for (int i = 0; i < 100 && sent < BODY; i++) { /* until it is full */
        ssize_t part = stream_write_bytes(stream, body, 1 << 20);
        assert_true(part >= 0);
        sent += (size_t)part;
        if (part < 1 << 20)
            break;
    }
    assert_true(sent < BODY);
    while (sent < BODY) {
        ssize_t part = recv(fd, body, 1 << 20, 0);
        received += part > 0 ? (size_t)part : 0;
        memset(body, 0, 1 << 20);
        loop_run_once(rig->loop, 0);
        part = stream_write_bytes(stream, body, sent + (1 << 20) > BODY ? BODY - sent : 1 << 20);
        assert_true(part >= 0);
        sent += (size_t)part;
    }
    end(stream);
    while (received < BODY) {
        ssize_t part = recv(fd, body, 1 << 20, 0);
        assert_true(part > 0 || errno == EAGAIN);
        received += part > 0 ? (size_t)part : 0;
        loop_run_once(rig->loop, 0);
    }
    free(body);
    stream_close(start(rig, fd, GET));
    close(fd);
}

static void test_outlives_the_door(void **state)
{
    struct door_rig *rig = *state;
    struct stream *stream;
    int fd = connect_and(rig, GET, &stream);
    door_close(rig->door);
    rig->door = NULL;
    door_rig_write_down(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    end(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd),
                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" KEEP "ok");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, door_rig_set_up, door_rig_tear_down)
        TEST(test_passes_one_request_and_its_response),
        TEST(test_keeps_the_client_across_requests),
        TEST(test_closes_when_asked_to),
        TEST(test_passes_bodies_up),
        TEST(test_ends_with_the_server_where_nothing_else_does),
        TEST(test_never_lets_a_cut_response_look_whole),
        TEST(test_answers_for_a_silent_server),
        TEST(test_refusal_is_an_answer),
        TEST(test_stops_at_a_broken_chunk),
        TEST(test_takes_a_response_from_before_the_server),
        TEST(test_closes_after_an_early_response),
        TEST(test_takes_no_more_than_the_response),
        TEST(test_follows_head_and_statuses_without_body),
        TEST(test_reads_a_response_in_pieces),
        TEST(test_speaks_http10_to_those_who_do),
        TEST(test_becomes_a_tunnel_for_websockets),
        TEST(test_refuses_a_tunnel_nobody_asked_for),
        TEST(test_says_when_the_client_broke),
        TEST(test_serves_half_closed_clients),
        TEST(test_waits_for_a_slow_client),
        TEST(test_outlives_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
