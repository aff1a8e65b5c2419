/* Datagrams that leave together arrive as they were: each whole, in order. */
#include "proxy/udp_burst.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECEIVERS = 2, MANY = 70, DATAGRAM_BYTES = 1200 };

struct lab {
    struct loop *loop;
    int fd;
    struct udp_burst burst;
    int receivers[RECEIVERS];
    struct sockaddr_storage names[RECEIVERS];
};

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    lab->loop = loop_new();
    lab->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    udp_burst_init(&lab->burst, lab->loop, lab->fd);
    for (int i = 0; i < RECEIVERS; i++) {
        struct sockaddr_in *name = (struct sockaddr_in *)&lab->names[i];
        socklen_t size = sizeof(*name);
        name->sin_family = AF_INET;
        name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        lab->receivers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(lab->receivers[i], (struct sockaddr *)name, size), 0);
        getsockname(lab->receivers[i], (struct sockaddr *)name, &size);
    }
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    udp_burst_done(&lab->burst);
    for (int i = 0; i < RECEIVERS; i++)
        close(lab->receivers[i]);
    close(lab->fd);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

/* The first byte is its number; its header travels apart. */
static void put(struct lab *lab, int to, int number, size_t size)
{
    static uint8_t data[65507];
    uint8_t head = (uint8_t)number;
    struct iovec parts[] = {{&head, size > 0}, {data, size > 0 ? size - 1 : 0}};
    memset(data, number, size);
    assert_int_equal(
        udp_burst_send(&lab->burst, &lab->names[to], sizeof(struct sockaddr_in), parts), 0);
}

static void expect(struct lab *lab, int at, int number, size_t size)
{
    static uint8_t data[65507];
    ssize_t got = recv(lab->receivers[at], data, sizeof(data), 0);
    assert_int_equal(got, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(data[i], (uint8_t)number);
}

static bool has_any(struct lab *lab, int at)
{
    char byte;
    return recv(lab->receivers[at], &byte, 1, MSG_PEEK) >= 0;
}

static void many_alike(struct lab *lab)
{
    for (int i = 0; i < MANY; i++)
        put(lab, 0, i, DATAGRAM_BYTES);
    loop_run_once(lab->loop, 0);
    for (int i = 0; i < MANY; i++)
        expect(lab, 0, i, DATAGRAM_BYTES);
    assert_false(has_any(lab, 0));
}

static void test_many_alike(void **state)
{
    struct lab *lab = *state;
    many_alike(lab);
    assert_false(lab->burst.is_whole); /* loopback takes superpackets */
}

static void test_where_superpackets_are_not_taken(void **state)
{
    struct lab *lab = *state;
    lab->burst.is_whole = true;
    many_alike(lab);
}

static void test_the_first_does_not_wait_and_others_until_the_turns_end(void **state)
{
    struct lab *lab = *state;
    put(lab, 0, 1, 100);
    expect(lab, 0, 1, 100);
    put(lab, 0, 2, 100);
    assert_false(has_any(lab, 0));
    loop_run_once(lab->loop, 0);
    expect(lab, 0, 2, 100);
}

static void test_what_differs_stays_in_order(void **state)
{
    static const size_t sizes[] = {100, 100, 100, 50, 100, 0, 100, 100, 200, 200, 100, 65507, 100};
    enum { COUNT = sizeof(sizes) / sizeof(*sizes) };
    struct lab *lab = *state;
    for (int i = 0; i < COUNT; i++)
        put(lab, 0, i, sizes[i]);
    loop_run_once(lab->loop, 0);
    for (int i = 0; i < COUNT; i++)
        expect(lab, 0, i, sizes[i]);
}

static void test_peers_do_not_mix(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 40; i++)
        put(lab, i / 4 % RECEIVERS, i, 100);
    loop_run_once(lab->loop, 0);
    for (int i = 0; i < 40; i++)
        expect(lab, i / 4 % RECEIVERS, i, 100);
}

static void test_another_socket_lets_go_of_what_is_kept(void **state)
{
    struct lab *lab = *state;
    struct udp_burst other;
    struct iovec parts[] = {{"", 1}, {"", 0}};
    udp_burst_init(&other, lab->loop, lab->fd);
    put(lab, 0, 1, 100);
    put(lab, 0, 2, 100);
    udp_burst_send(&other, &lab->names[1], sizeof(struct sockaddr_in), parts);
    expect(lab, 0, 1, 100);
    expect(lab, 0, 2, 100);
    expect(lab, 1, 0, 1);
    udp_burst_done(&other);
}

static void test_an_end_sends_what_is_left(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 3; i++)
        put(lab, 0, i, 100);
    udp_burst_done(&lab->burst);
    for (int i = 0; i < 3; i++)
        expect(lab, 0, i, 100);
}

/* Larger than the path takes in one piece: the kernel cuts them, one by one. */
static void test_larger_than_a_packet(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 4; i++)
        put(lab, 0, i, 30000);
    loop_run_once(lab->loop, 0);
    for (int i = 0; i < 4; i++)
        expect(lab, 0, i, 30000);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_many_alike),
        lab_test(test_where_superpackets_are_not_taken),
        lab_test(test_the_first_does_not_wait_and_others_until_the_turns_end),
        lab_test(test_what_differs_stays_in_order),
        lab_test(test_peers_do_not_mix),
        lab_test(test_another_socket_lets_go_of_what_is_kept),
        lab_test(test_an_end_sends_what_is_left),
        lab_test(test_larger_than_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
