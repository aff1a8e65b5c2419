#include "base/err.h"
#include "door_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECT_REQUEST "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
#define ESTABLISHED     "HTTP/1.1 200 Connection established\r\n\r\n"
#define ADA             "Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n"

static void expect_status(struct door_rig *rig, int fd, int status)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", status);
    const char *response = door_rig_read_response(rig, fd);
    assert_memory_equal(response, wanted, strlen(wanted));
}

static void test_opens_a_tunnel(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, CONNECT_REQUEST "early");
    struct inbound *inbound = door_rig_inbound(rig, 0);
    assert_string_equal(inbound->door, "http");
    assert_string_equal(inbound->target.name, "example.com");
    assert_int_equal(inbound->target.address.port, 443);
    struct stream *stream = door_rig_admit(rig, 0);
    door_rig_expect_text(rig, fd, ESTABLISHED);
    door_rig_expect_up(rig, stream, "early");
    door_rig_write_down(stream, "banner");
    stream_close(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd), "banner");
    close(fd);
}

static void test_says_why_not(void **state)
{
    struct door_rig *rig = *state;
    static const struct {
        int err, status;
    } cases[] = {
        {ERR_BLOCKED, 403},     {ERR_TARGET_REFUSED, 502}, {ERR_NAME, 502},
        {ERR_NO_UPSTREAM, 503}, {-ETIMEDOUT, 504},         {ERR_TARGET_UNREACHABLE, 502},
    };
    int fd = door_rig_connect(rig);
    for (int i = 0; i < (int)(sizeof(cases) / sizeof(cases[0])); i++) {
        door_rig_send_text(fd, CONNECT_REQUEST); /* the connection is kept */
        inbound_refuse(door_rig_inbound(rig, i), cases[i].err);
        expect_status(rig, fd, cases[i].status);
    }
    door_rig_send_text(fd, CONNECT_REQUEST);
    inbound_refuse(door_rig_inbound(rig, 6), ERR_TARGET_REFUSED);
    const char *response = door_rig_read_response(rig, fd);
    assert_non_null(strstr(response, "Atlantic"));
    assert_non_null(strstr(response, "example.com:443"));
    assert_non_null(strstr(response, err_text(ERR_TARGET_REFUSED)));
    close(fd);
}

static void test_asks_for_a_login(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, CONNECT_REQUEST);
    const char *response = door_rig_read_response(rig, fd);
    assert_non_null(strstr(response, "HTTP/1.1 407 "));
    assert_non_null(strstr(response, "\r\nProxy-Authenticate: Basic realm="));
    door_rig_send_text(fd, "GET http://a/ HTTP/1.1\r\nHost: a\r\n"
                           "Proxy-Authorization: Basic YWRhOndyb25n\r\n\r\n");
    expect_status(rig, fd, 407);
    assert_int_equal(rig->inbound_count, 0);
    assert_int_equal(door_stats(rig->door).bad_logins, 2);
    door_rig_send_text(fd, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n" ADA "\r\n");
    struct stream *stream = door_rig_admit(rig, 0);
    door_rig_expect_text(rig, fd, ESTABLISHED);
    stream_close(stream);
    close(fd);
}

/* The body was not read, so the connection cannot go on; yet the answer arrives. */
static void test_answers_before_a_body(void **state)
{
    struct door_rig *rig = *state;
    static char body[300 * 1024];
    int fd = door_rig_connect(rig);
    memset(body, 'x', sizeof(body));
    door_rig_send_text(fd, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 307200\r\n\r\n");
    expect_status(rig, fd, 407);
    for (size_t sent = 0; sent < sizeof(body);) {
        ssize_t part = send(fd, body + sent, sizeof(body) - sent, MSG_NOSIGNAL);
        assert_true(part > 0 || errno == EAGAIN);
        sent += part > 0 ? (size_t)part : 0;
        door_rig_settle(rig);
    }
    assert_string_equal(door_rig_read_to_end(rig, fd), "");
    close(fd);
    door_rig_settle(rig);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void test_rejects_what_is_not_clear(void **state)
{
    struct door_rig *rig = *state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
        {"GET http://a/ HTTP/2.0\r\nHost: a\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\nHost: a\n\n", 400},
        {"GET  http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400},
        {"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST http://a/ HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\n"
         "Content-Length: 3\r\n\r\n",
         400},
    };
    int count = (int)(sizeof(cases) / sizeof(cases[0]));
    for (int i = 0; i < count; i++) {
        int fd = door_rig_connect(rig);
        door_rig_send_text(fd, cases[i].request);
        door_rig_send_text(fd, "GET http://smuggled/ HTTP/1.1\r\nHost: smuggled\r\n\r\n");
        expect_status(rig, fd, cases[i].status);
        assert_string_equal(door_rig_read_to_end(rig, fd), "");
        close(fd);
    }
    assert_int_equal(rig->inbound_count, 0);
    assert_int_equal(door_stats(rig->door).bad_requests, count);
}

static void test_rejects_a_head_without_end(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    char line[1024];
    memset(line, 'x', sizeof(line));
    line[1] = ':';
    line[sizeof(line) - 2] = '\r';
    line[sizeof(line) - 1] = '\n';
    door_rig_send_text(fd, "GET http://a/ HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 70; i++) {
        (void)send(fd, line, sizeof(line), MSG_NOSIGNAL);
        loop_run_once(rig->loop, 0);
    }
    expect_status(rig, fd, 431);
    close(fd);
}

/* Byte by byte, a head lies in many spans at times. */
static void test_reads_a_head_in_pieces(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    for (const char *at = CONNECT_REQUEST "!"; *at; at++) {
        assert_int_equal(rig->inbound_count, *at == '!' ? 1 : 0);
        door_rig_send(fd, at, 1);
        for (int i = 0; i < 4; i++)
            loop_run_once(rig->loop, 1);
    }
    struct stream *stream = door_rig_admit(rig, 0);
    door_rig_expect_text(rig, fd, ESTABLISHED);
    door_rig_expect_up(rig, stream, "!");
    stream_close(stream);
    close(fd);
}

static void test_explains_itself_to_a_browser(void **state)
{
    struct door_rig *rig = *state;
    char where[64];
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    const char *response = door_rig_read_response(rig, fd);
    assert_non_null(strstr(response, "HTTP/1.1 400 "));
    assert_non_null(strstr(response, "This is a proxy"));
    door_rig_send_text(fd, "\r\nGET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    response = door_rig_read_response(rig, fd);
    assert_non_null(strstr(response, "HTTP/1.1 200 "));
    snprintf(where, sizeof(where), "SOCKS5 127.0.0.1:%u; PROXY 127.0.0.1:%u", rig->address.port,
             rig->address.port);
    assert_non_null(strstr(response, where));
    assert_null(strstr(response, "; DIRECT"));
    door_rig_send_text(fd, "HEAD /proxy.pac HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    response = door_rig_read_to_end(rig, fd);
    assert_string_equal(response + strlen(response) - 4, "\r\n\r\n");
    close(fd);
}

static void test_drops_idle_connections(void **state)
{
    struct door_rig *rig = *state;
    loop_fake_clock(rig->loop, 1000);
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_status(rig, fd, 400);
    loop_fake_clock(rig->loop, 50000);
    door_rig_expect_silence(rig, fd);
    loop_fake_clock(rig->loop, 70000);
    assert_string_equal(door_rig_read_to_end(rig, fd), "");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, door_rig_tear_down)
        TEST(test_opens_a_tunnel, door_rig_set_up),
        TEST(test_says_why_not, door_rig_set_up),
        TEST(test_asks_for_a_login, door_rig_set_up_with_login),
        TEST(test_answers_before_a_body, door_rig_set_up_with_login),
        TEST(test_rejects_what_is_not_clear, door_rig_set_up),
        TEST(test_rejects_a_head_without_end, door_rig_set_up),
        TEST(test_reads_a_head_in_pieces, door_rig_set_up),
        TEST(test_explains_itself_to_a_browser, door_rig_set_up),
        TEST(test_drops_idle_connections, door_rig_set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
