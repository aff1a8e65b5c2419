#include "base/err.h"
#include "door_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECT_REQUEST "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
#define ESTABLISHED     "HTTP/1.1 200 Connection established\r\n\r\n"

static void test_counts_clients_tunnels_included(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, CONNECT_REQUEST);
    struct stream *stream = door_rig_admit(rig, 0);
    assert_int_equal(door_stats(rig->door).clients, 1);
    assert_int_equal(door_stats(rig->door).accepted, 1);
    stream_close(stream);
    assert_int_equal(door_stats(rig->door).clients, 0);
    close(fd);
}

static void test_refuses_clients_beyond_the_limit(void **state)
{
    struct door_rig *rig = *state;
    int fds[5];
    for (int i = 0; i < 5; i++)
        fds[i] = door_rig_connect(rig);
    assert_string_equal(door_rig_read_to_end(rig, fds[4]), "");
    assert_int_equal(door_stats(rig->door).refused_at_limit, 1);
    assert_int_equal(door_stats(rig->door).clients, 4);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    door_rig_settle(rig);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void test_closes_on_a_strange_first_byte(void **state)
{
    struct door_rig *rig = *state;
    static const uint8_t strange[] = {0x16, 0x04, 0x00, '\n', 0xff};
    for (size_t i = 0; i < sizeof(strange); i++) {
        int fd = door_rig_connect(rig);
        door_rig_send(fd, &strange[i], 1);
        assert_string_equal(door_rig_read_to_end(rig, fd), "");
        close(fd);
    }
    assert_int_equal(door_stats(rig->door).bad_requests, sizeof(strange));
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void pass_time(struct door_rig *rig, uint64_t now_ms)
{
    door_rig_settle(rig);
    loop_fake_clock(rig->loop, now_ms);
    door_rig_settle(rig);
}

/* A byte now and then does not move the deadline. */
static void test_closes_slow_handshakes(void **state)
{
    struct door_rig *rig = *state;
    loop_fake_clock(rig->loop, 1000);
    int silent = door_rig_connect(rig), slow = door_rig_connect(rig);
    pass_time(rig, 1000);
    door_rig_send_text(slow, "\x05");
    pass_time(rig, 3000);
    door_rig_send_text(slow, "\x01");
    pass_time(rig, 5900);
    door_rig_expect_silence(rig, silent);
    door_rig_expect_silence(rig, slow);
    pass_time(rig, 6000);
    assert_string_equal(door_rig_read_to_end(rig, silent), "");
    assert_string_equal(door_rig_read_to_end(rig, slow), "");
    close(silent);
    close(slow);
}

static void test_says_when_a_knocking_client_left(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    struct stream *stream;
    door_rig_send_text(fd, CONNECT_REQUEST);
    struct inbound *inbound = door_rig_inbound(rig, 0);
    close(fd);
    for (int i = 0; i < 3000 && rig->gone == 0; i++)
        loop_run_once(rig->loop, 10);
    assert_int_equal(rig->gone, 1);
    assert_int_equal(inbound_admit(inbound, &stream), -ECONNRESET);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void test_lets_its_owner_keep_what_it_holds(void **state)
{
    struct door_rig *rig = *state;
    int idle = door_rig_connect(rig), knocking = door_rig_connect(rig),
        tunnel = door_rig_connect(rig);
    door_rig_send_text(tunnel, CONNECT_REQUEST);
    struct stream *stream = door_rig_admit(rig, 0);
    door_rig_send_text(knocking, CONNECT_REQUEST);
    struct inbound *inbound = door_rig_inbound(rig, 1);
    door_close(rig->door);
    rig->door = NULL;
    assert_string_equal(door_rig_read_to_end(rig, idle), "");
    inbound_refuse(inbound, ERR_NO_UPSTREAM);
    assert_non_null(strstr(door_rig_read_to_end(rig, knocking), "HTTP/1.1 503 "));
    door_rig_expect_text(rig, tunnel, ESTABLISHED);
    door_rig_write_down(stream, "still here");
    door_rig_expect_text(rig, tunnel, "still here");
    stream_close(stream);
    close(idle);
    close(knocking);
    close(tunnel);
}

static void test_takes_a_changed_login(void **state)
{
    struct door_rig *rig = *state;
    struct door_options options = {.user = "ada",
                                   .password = "secret",
                                   .clients_max = 4,
                                   .buffer_bytes = 65536,
                                   .handshake_timeout_ms = 1000};
    assert_int_equal(door_set_options(rig->door, &options), 0);
    int fd = door_rig_connect(rig);
    door_rig_send_text(fd, CONNECT_REQUEST);
    assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 407 "));
    assert_int_equal(rig->inbound_count, 0);
    close(fd);
}

static void test_refuses_itself_as_target(void **state)
{
    struct door_rig *rig = *state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "a.localhost",
                                        "0.0.0.0",   "[::]",      "[::ffff:127.0.0.1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char request[256];
        int fd = door_rig_connect(rig);
        snprintf(request, sizeof(request), "CONNECT %s:%u HTTP/1.1\r\nHost: a\r\n\r\n", hosts[i],
                 rig->address.port);
        door_rig_send_text(fd, request);
        assert_non_null(strstr(door_rig_read_response(rig, fd), "HTTP/1.1 403 "));
        close(fd);
    }
    assert_int_equal(rig->inbound_count, 0);
}

/* A listener for all addresses: the client's own way in counts, as IPv4 if it came by that. */
static void test_knows_the_way_a_client_came_in(void **state)
{
    struct door_rig *rig = *state;
    char text[64];
    int fd = door_rig_connect(rig);
    snprintf(text, sizeof(text), "SOCKS5 127.0.0.1:%u;", rig->address.port);
    door_rig_send_text(fd, "GET /proxy.pac HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(door_rig_read_response(rig, fd), text));
    door_rig_send_text(fd, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(door_rig_inbound(rig, 0)->client.family, 4);
    inbound_refuse(rig->inbounds[0], ERR_NAME);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_clients_tunnels_included, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_clients_beyond_the_limit, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_closes_on_a_strange_first_byte, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_closes_slow_handshakes, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_says_when_a_knocking_client_left, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_lets_its_owner_keep_what_it_holds, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_takes_a_changed_login, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_itself_as_target, door_rig_set_up,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_itself_as_target, door_rig_set_up_everywhere,
                                        door_rig_tear_down),
        cmocka_unit_test_setup_teardown(test_knows_the_way_a_client_came_in,
                                        door_rig_set_up_everywhere, door_rig_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
