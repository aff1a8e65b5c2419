#include "base/err.h"
#include "door_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GREETING "\x05\x01\x00"
#define CHOICE   "\x05\x00"
#define LOGIN                                                                                      \
    "\x01\x03"                                                                                     \
    "ada"                                                                                          \
    "\x06"                                                                                         \
    "secret"
/* CONNECT example.com:443 */
#define REQUEST                                                                                    \
    "\x05\x01\x00\x03\x0b"                                                                         \
    "example.com"                                                                                  \
    "\x01\xbb"

#define send_bytes(fd, bytes)        door_rig_send(fd, bytes, sizeof(bytes) - 1)
#define expect_bytes(rig, fd, bytes) door_rig_expect(rig, fd, bytes, sizeof(bytes) - 1)

static const char yes[] = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

static void expect_no(struct door_rig *rig, int fd, char code)
{
    char no[] = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    no[1] = code;
    expect_bytes(rig, fd, no);
    assert_string_equal(door_rig_read_to_end(rig, fd), "");
}

static int greet(struct door_rig *rig)
{
    int fd = door_rig_connect(rig);
    send_bytes(fd, GREETING);
    expect_bytes(rig, fd, CHOICE);
    return fd;
}

static void test_connects_to_a_name(void **state)
{
    struct door_rig *rig = *state;
    int fd = greet(rig);
    send_bytes(fd, REQUEST);
    struct inbound *inbound = door_rig_inbound(rig, 0);
    assert_string_equal(inbound->door, "socks5");
    assert_string_equal(inbound->target.name, "example.com");
    assert_int_equal(inbound->target.address.port, 443);
    assert_int_equal(inbound->client.family, 4);
    door_rig_expect_silence(rig, fd);
    struct stream *stream = door_rig_admit(rig, 0);
    expect_bytes(rig, fd, yes);
    door_rig_send_text(fd, "ping");
    door_rig_expect_up(rig, stream, "ping");
    door_rig_write_down(stream, "pong");
    door_rig_expect_text(rig, fd, "pong");
    shutdown(fd, SHUT_WR);
    assert_int_equal(door_rig_wait_end(rig, stream), ERR_EOF);
    door_rig_write_down(stream, "late");
    stream_finish(stream);
    assert_string_equal(door_rig_read_to_end(rig, fd), "late");
    stream_close(stream);
    close(fd);
}

static void test_connects_to_addresses(void **state)
{
    struct door_rig *rig = *state;
    char text[ENDPOINT_TEXT_MAX];
    int fd = greet(rig);
    send_bytes(fd, "\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50");
    endpoint_format(&door_rig_inbound(rig, 0)->target, text);
    assert_string_equal(text, "192.0.2.7:80");
    int fd6 = greet(rig);
    send_bytes(fd6, "\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1f\x90");
    endpoint_format(&door_rig_inbound(rig, 1)->target, text);
    assert_string_equal(text, "[2001:db8::1]:8080");
    inbound_refuse(rig->inbounds[0], ERR_BLOCKED);
    inbound_refuse(rig->inbounds[1], ERR_TARGET_REFUSED);
    expect_no(rig, fd, 2);
    expect_no(rig, fd6, 5);
    close(fd);
    close(fd6);
}

/* Greeting, login, request and payload at once: each takes its own bytes and no more. */
static void test_serves_pipelined_clients(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    send_bytes(fd, "\x05\x02\x00\x02" LOGIN REQUEST "payload");
    struct stream *stream = door_rig_admit(rig, 0);
    expect_bytes(rig, fd, "\x05\x02\x01\x00");
    expect_bytes(rig, fd, yes);
    door_rig_expect_up(rig, stream, "payload");
    stream_abort(stream);
    door_rig_expect_reset(rig, fd);
    close(fd);
}

static void test_serves_byte_by_byte(void **state)
{
    struct door_rig *rig = *state;
    static const char all[] = "\x05\x01\x02" LOGIN REQUEST "x";
    int fd = door_rig_connect(rig);
    for (size_t i = 0; i < sizeof(all) - 1; i++) {
        assert_int_equal(rig->inbound_count, i >= sizeof(all) - 2 ? 1 : 0);
        door_rig_send(fd, &all[i], 1);
        for (int turn = 0; turn < 4; turn++)
            loop_run_once(rig->loop, 1);
    }
    struct stream *stream = door_rig_admit(rig, 0);
    expect_bytes(rig, fd, "\x05\x02\x01\x00");
    expect_bytes(rig, fd, yes);
    door_rig_expect_up(rig, stream, "x");
    stream_close(stream);
    close(fd);
}

static void test_asks_for_a_login(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    send_bytes(fd, GREETING);
    expect_bytes(rig, fd, "\x05\xff");
    assert_string_equal(door_rig_read_to_end(rig, fd), "");
    close(fd);
    assert_int_equal(door_stats(rig->door).bad_logins, 1);
}

static void test_refuses_wrong_logins(void **state)
{
    struct door_rig *rig = *state;
    static const char *const wrong[] = {
        "\x01\x03"
        "ada"
        "\x06"
        "secreT",
        "\x01\x03"
        "ada"
        "\x05"
        "secre",
        "\x01\x03"
        "ada"
        "\x07"
        "secret1",
        "\x01\x03"
        "bob"
        "\x06"
        "secret",
        "\x01\x02"
        "ad"
        "\x07"
        "asecret",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = door_rig_connect(rig);
        send_bytes(fd, "\x05\x01\x02");
        expect_bytes(rig, fd, "\x05\x02");
        door_rig_send_text(fd, wrong[i]);
        expect_bytes(rig, fd, "\x01\x01");
        assert_string_equal(door_rig_read_to_end(rig, fd), "");
        close(fd);
    }
    door_rig_settle(rig);
    assert_int_equal(door_stats(rig->door).bad_logins, 5);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

/* Where none is asked, a client that insists on one may send any. */
static void test_takes_any_login_where_none_is_asked(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    send_bytes(fd, "\x05\x01\x02\x01\x01x\x01y" REQUEST);
    expect_bytes(rig, fd, "\x05\x02\x01\x00");
    inbound_refuse(door_rig_inbound(rig, 0), ERR_NO_UPSTREAM);
    expect_no(rig, fd, 1);
    close(fd);
}

static void test_refuses_what_it_cannot_do(void **state)
{
    struct door_rig *rig = *state;
    static const struct {
        const char *request;
        size_t size;
        char code;
    } cases[] = {
        {"\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", 10, 7}, /* BIND */
        {"\x05\x01\x00\x01\x01\x02\x03\x04\x00\x00", 10, 5}, /* port 0 */
        {"\x05\x01\x00\x09\x01\x02", 6, 8},                  /* address type */
        {"\x05\x01\x00\x03\x03"
         "a b"
         "\x00\x50",
         10, 1}, /* not a name */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = greet(rig);
        door_rig_send(fd, cases[i].request, cases[i].size);
        expect_no(rig, fd, cases[i].code);
        close(fd);
    }
    door_rig_settle(rig);
    assert_int_equal(rig->inbound_count, 0);
    assert_int_equal(door_stats(rig->door).bad_requests, 2);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void test_refuses_at_once(void **state)
{
    struct door_rig *rig = *state;
    rig->refuse_at_once = ERR_NAME;
    int fd = greet(rig);
    send_bytes(fd, REQUEST);
    expect_no(rig, fd, 4);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, door_rig_tear_down)
        TEST(test_connects_to_a_name, door_rig_set_up),
        TEST(test_connects_to_addresses, door_rig_set_up),
        TEST(test_serves_pipelined_clients, door_rig_set_up_with_login),
        TEST(test_serves_byte_by_byte, door_rig_set_up_with_login),
        TEST(test_asks_for_a_login, door_rig_set_up_with_login),
        TEST(test_refuses_wrong_logins, door_rig_set_up_with_login),
        TEST(test_takes_any_login_where_none_is_asked, door_rig_set_up),
        TEST(test_refuses_what_it_cannot_do, door_rig_set_up),
        TEST(test_refuses_at_once, door_rig_set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
