#include "proxy/udp_socket_dgram.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct dgram *dgram;
    int peer; /* a plain blocking socket */
    struct endpoint peer_endpoint;
    unsigned received;
    unsigned close_at;
    struct endpoint from;
    size_t size;
    uint8_t data[DGRAM_MAX_BYTES];
};

static int open_peer(const char *ip, struct endpoint *ret)
{
    struct address address;
    struct sockaddr_storage name;
    const struct timeval patience = {.tv_sec = 5};
    assert_int_equal(address_parse_ip(ip, &address), 0);
    socklen_t size = address_to_sockaddr(&address, &name);
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    getsockname(fd, (struct sockaddr *)&name, &size);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    address_from_sockaddr((struct sockaddr *)&name, &address);
    *ret = endpoint_from_address(&address);
    return fd;
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct fixture *f = owner;
    f->received++;
    f->from = *peer;
    f->size = size;
    memcpy(f->data, data, size);
    dgram_refuse(f->dgram); /* means nothing here, and must do no harm */
    if (f->received == f->close_at) {
        dgram_close(f->dgram);
        f->dgram = NULL;
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    assert_int_equal(udp_socket_dgram_new(f->loop, &f->dgram), 0);
    f->dgram->on_datagram = on_datagram;
    f->dgram->owner = f;
    f->peer = open_peer("127.0.0.1", &f->peer_endpoint);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dgram_close(f->dgram);
    close(f->peer);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void wait_for(struct fixture *f, unsigned received)
{
    for (int i = 0; i < 3000 && f->received < received; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(f->received, received);
}

/* Send one datagram to the peer and learn where it came from. */
static struct sockaddr_storage greet(struct fixture *f, int fd, const struct endpoint *peer)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    char got[8];
    assert_int_equal(dgram_send(f->dgram, peer, "ping", 4), 0);
    assert_int_equal(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size), 4);
    assert_memory_equal(got, "ping", 4);
    return from;
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage us = greet(f, f->peer, &f->peer_endpoint);
    sendto(f->peer, "pong!", 5, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 1);
    assert_int_equal(f->size, 5);
    assert_memory_equal(f->data, "pong!", 5);
    assert_true(endpoint_is_equal(&f->from, &f->peer_endpoint));
    /* an empty datagram is one too */
    sendto(f->peer, "", 0, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 2);
    assert_int_equal(f->size, 0);
}

static void test_anybody_may_answer(void **state)
{
    struct fixture *f = *state;
    struct endpoint stranger;
    int fd = open_peer("127.0.0.3", &stranger);
    struct sockaddr_storage us = greet(f, f->peer, &f->peer_endpoint);
    sendto(fd, "hello", 5, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 1);
    assert_true(endpoint_is_equal(&f->from, &stranger));
    close(fd);
}

static void test_ipv6_by_the_same_dgram(void **state)
{
    struct fixture *f = *state;
    struct endpoint peer;
    int fd = open_peer("::1", &peer);
    greet(f, f->peer, &f->peer_endpoint);
    struct sockaddr_storage us = greet(f, fd, &peer);
    sendto(fd, "six", 3, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in6));
    wait_for(f, 1);
    assert_true(endpoint_is_equal(&f->from, &peer));
    close(fd);
}

static void test_the_largest(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[DGRAM_MAX_BYTES + 1], got[DGRAM_MAX_BYTES + 1];
    struct sockaddr_storage us = greet(f, f->peer, &f->peer_endpoint);
    memset(data, 'x', sizeof(data));
    assert_int_equal(dgram_send(f->dgram, &f->peer_endpoint, data, DGRAM_MAX_BYTES), 0);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), DGRAM_MAX_BYTES);
    assert_int_equal(dgram_send(f->dgram, &f->peer_endpoint, data, sizeof(data)), -EMSGSIZE);
    sendto(f->peer, data, DGRAM_MAX_BYTES, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 1);
    assert_int_equal(f->size, DGRAM_MAX_BYTES);
    assert_memory_equal(f->data, data, DGRAM_MAX_BYTES);
}

static void test_a_burst(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage us = greet(f, f->peer, &f->peer_endpoint);
    for (int i = 0; i < 100; i++)
        sendto(f->peer, "x", 1, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 100);
}

static void test_closed_in_the_middle_of_a_burst(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_storage us = greet(f, f->peer, &f->peer_endpoint);
    f->close_at = 3;
    for (int i = 0; i < 10; i++)
        sendto(f->peer, "x", 1, 0, (struct sockaddr *)&us, sizeof(struct sockaddr_in));
    wait_for(f, 3);
    loop_run_once(f->loop, 0);
    assert_int_equal(f->received, 3);
}

static void test_what_cannot_be_sent_is_lost(void **state)
{
    struct fixture *f = *state;
    struct endpoint nobody, name;
    int fd = open_peer("127.0.0.4", &nobody);
    close(fd);
    assert_int_equal(endpoint_parse("example.com:53", 0, &name), 0);
    assert_int_equal(dgram_send(f->dgram, &name, "x", 1), ERR_UNSUPPORTED);
    for (int i = 0; i < 3; i++) /* a port that nobody has is no error of ours */
        assert_int_equal(dgram_send(f->dgram, &nobody, "x", 1), 0);
    greet(f, f->peer, &f->peer_endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_anybody_may_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ipv6_by_the_same_dgram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_largest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_burst, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_in_the_middle_of_a_burst, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_sent_is_lost, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
