#include "base/err.h"
#include "door_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TO_NAME                                                                                    \
    "\0\0\0\x03\x0b"                                                                               \
    "example.com"                                                                                  \
    "\0\x35"
#define TO_ADDRESS "\0\0\0\x01\xc0\0\x02\x07\x01\xbb"

/* A client with its connection, and its UDP socket connected to the door's. */
struct client {
    int tcp, udp;
    struct sockaddr_in door;
};

static int udp_socket(const char *ip)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, ip, &where.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    return fd;
}

static void send_request(struct door_rig *rig, struct client *client, uint16_t announced_port)
{
    char request[] = "\x05\x01\x00\x05\x03\x00\x01\x7f\x00\x00\x01\x00\x00";
    client->tcp = door_rig_connect(rig);
    request[11] = (char)(announced_port >> 8);
    request[12] = (char)announced_port;
    door_rig_send(client->tcp, request, sizeof(request) - 1);
    door_rig_expect(rig, client->tcp, "\x05\x00", 2);
}

static void associate(struct door_rig *rig, struct client *client, uint16_t announced_port)
{
    uint8_t reply[6];
    client->udp = udp_socket("127.0.0.1");
    send_request(rig, client, announced_port);
    door_rig_expect(rig, client->tcp, "\x05\x00\x00\x01", 4);
    for (int i = 0; i < 3000 && recv(client->tcp, reply, sizeof(reply), MSG_PEEK) < 6; i++)
        loop_run_once(rig->loop, 10);
    assert_int_equal(recv(client->tcp, reply, sizeof(reply), 0), 6);
    client->door = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&client->door.sin_addr, reply, 4);
    memcpy(&client->door.sin_port, reply + 4, 2);
    assert_int_equal(ntohl(client->door.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_non_null(rig->dgram);
}

static void send_datagram(const struct client *client, int fd, const char *data, size_t size)
{
    assert_int_equal(
        sendto(fd, data, size, 0, (const struct sockaddr *)&client->door, sizeof(client->door)),
        size);
}

static void wait_for_datagrams(struct door_rig *rig, int count)
{
    for (int i = 0; i < 3000 && rig->datagrams < count; i++)
        loop_run_once(rig->loop, 10);
    assert_int_equal(rig->datagrams, count);
}

static void wait_for_end(struct door_rig *rig)
{
    for (int i = 0; i < 3000 && rig->dgram_end == 0; i++)
        loop_run_once(rig->loop, 10);
}

static void close_client(struct client *client)
{
    close(client->tcp);
    close(client->udp);
}

static void test_carries_both_ways(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    char got[64];
    associate(rig, &client, 0);
    send_datagram(&client, client.udp, TO_NAME "query", sizeof(TO_NAME) - 1 + 5);
    wait_for_datagrams(rig, 1);
    assert_string_equal(rig->peer.name, "example.com");
    assert_int_equal(rig->peer.address.port, 53);
    assert_int_equal(rig->datagram_size, 5);
    assert_memory_equal(rig->datagram, "query", 5);
    assert_int_equal(rig->dgram->client.family, 4);
    struct endpoint from;
    assert_int_equal(endpoint_parse("192.0.2.7:443", 0, &from), 0);
    assert_int_equal(dgram_send(rig->dgram, &from, "answer", 6), 0);
    assert_int_equal(recv(client.udp, got, sizeof(got), 0), sizeof(TO_ADDRESS) - 1 + 6);
    assert_memory_equal(got, TO_ADDRESS "answer", sizeof(TO_ADDRESS) - 1 + 6);
    close_client(&client);
    wait_for_end(rig);
    assert_int_equal(rig->dgram_end, ERR_EOF);
    assert_int_equal(door_stats(rig->door).clients, 0);
}

static void test_drops_what_is_not_the_clients(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    int other_ip = udp_socket("127.0.0.2"), other_port = udp_socket("127.0.0.1");
    associate(rig, &client, 0);
    send_datagram(&client, other_ip, TO_ADDRESS "a", sizeof(TO_ADDRESS));
    door_rig_settle(rig);
    send_datagram(&client, client.udp, TO_ADDRESS "b", sizeof(TO_ADDRESS));
    wait_for_datagrams(rig, 1);
    assert_memory_equal(rig->datagram, "b", 1);
    send_datagram(&client, other_port, TO_ADDRESS "c", sizeof(TO_ADDRESS));
    send_datagram(&client, client.udp, TO_ADDRESS "d", sizeof(TO_ADDRESS));
    wait_for_datagrams(rig, 2);
    assert_memory_equal(rig->datagram, "d", 1);
    assert_int_equal(door_stats(rig->door).datagrams_dropped, 1);
    close(other_ip);
    close(other_port);
    close_client(&client);
    wait_for_end(rig);
}

static void test_believes_a_plausible_announcement(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1, .udp = -1};
    struct sockaddr_in where = {0};
    socklen_t size = sizeof(where);
    int announced = udp_socket("127.0.0.1");
    assert_int_equal(getsockname(announced, (struct sockaddr *)&where, &size), 0);
    associate(rig, &client, ntohs(where.sin_port));
    assert_int_equal(rig->dgram->client.port, ntohs(where.sin_port));
    send_datagram(&client, client.udp, TO_ADDRESS "x", sizeof(TO_ADDRESS));
    send_datagram(&client, announced, TO_ADDRESS "y", sizeof(TO_ADDRESS));
    wait_for_datagrams(rig, 1);
    assert_memory_equal(rig->datagram, "y", 1);
    close(announced);
    close_client(&client);
    wait_for_end(rig);
}

static void test_drops_malformed_datagrams(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    associate(rig, &client, 0);
    send_datagram(&client, client.udp,
                  "\0\0\x01\x01\xc0\0\x02\x07\x01\xbb"
                  "frag",
                  14);
    send_datagram(&client, client.udp,
                  "\0\0\0\x01\xc0\0\x02\x07\0\0"
                  "port0",
                  15);
    send_datagram(&client, client.udp, "\0\0", 2);
    send_datagram(&client, client.udp, TO_ADDRESS, sizeof(TO_ADDRESS) - 1);
    wait_for_datagrams(rig, 1);
    assert_int_equal(rig->datagram_size, 0);
    assert_int_equal(door_stats(rig->door).datagrams_dropped, 3);
    close_client(&client);
    wait_for_end(rig);
}

static void test_drops_answers_without_a_receiver(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    struct endpoint from;
    static const char large[DGRAM_MAX_BYTES];
    endpoint_parse("192.0.2.7:443", 0, &from);
    associate(rig, &client, 0);
    assert_int_equal(dgram_send(rig->dgram, &from, "x", 1), -EAGAIN);
    assert_int_equal(dgram_send(rig->dgram, &from, large, sizeof(large)), -EMSGSIZE);
    send_datagram(&client, client.udp, TO_ADDRESS, sizeof(TO_ADDRESS) - 1);
    wait_for_datagrams(rig, 1);
    close(client.udp);
    for (int i = 0; i < 4; i++) /* the client's socket is gone: dropped, yet nothing is dead */
        assert_int_not_equal(dgram_send(rig->dgram, &from, "x", 1), -EPIPE);
    door_rig_settle(rig);
    assert_non_null(rig->dgram);
    close(client.tcp);
    wait_for_end(rig);
}

static void test_closing_it_ends_the_client(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    associate(rig, &client, 0);
    dgram_close(rig->dgram);
    rig->dgram = NULL;
    assert_string_equal(door_rig_read_to_end(rig, client.tcp), "");
    assert_int_equal(door_stats(rig->door).clients, 0);
    close_client(&client);
}

static void test_may_be_closed_while_it_receives(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    rig->closes_on_datagram = true;
    associate(rig, &client, 0);
    for (int i = 0; i < 3; i++)
        send_datagram(&client, client.udp, TO_ADDRESS, sizeof(TO_ADDRESS) - 1);
    assert_string_equal(door_rig_read_to_end(rig, client.tcp), "");
    assert_int_equal(rig->datagrams, 1);
    close_client(&client);
}

static void test_says_no_when_nobody_takes_it(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    rig->refuses_dgrams = true;
    send_request(rig, &client, 0);
    door_rig_expect(rig, client.tcp, "\x05\x07\x00\x01\0\0\0\0\0\0", 10);
    assert_string_equal(door_rig_read_to_end(rig, client.tcp), "");
    close(client.tcp);
}

static void test_outlives_the_door(void **state)
{
    struct door_rig *rig = *state;
    struct client client = {.tcp = -1};
    associate(rig, &client, 0);
    door_close(rig->door);
    rig->door = NULL;
    send_datagram(&client, client.udp, TO_ADDRESS, sizeof(TO_ADDRESS) - 1);
    wait_for_datagrams(rig, 1);
    close_client(&client);
    wait_for_end(rig);
    assert_null(rig->dgram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, door_rig_set_up, door_rig_tear_down)
        TEST(test_carries_both_ways),
        TEST(test_drops_what_is_not_the_clients),
        TEST(test_believes_a_plausible_announcement),
        TEST(test_drops_malformed_datagrams),
        TEST(test_drops_answers_without_a_receiver),
        TEST(test_closing_it_ends_the_client),
        TEST(test_may_be_closed_while_it_receives),
        TEST(test_says_no_when_nobody_takes_it),
        TEST(test_outlives_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
