#include "udp_flow_lab.h"

#include "service/engine/udp_flow.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void on_datagram(void *owner, int events, int err)
{
    struct udp_echo *echo = owner;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof(from);
    char data[2048];
    ssize_t size = recvfrom(echo->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_size);

    (void)events;
    (void)err;
    if (size < 0)
        return;
    echo->heard++;
    sendto(echo->fd, data, (size_t)size, 0, (struct sockaddr *)&from, from_size);
}

void udp_echo_open(struct udp_echo *echo, struct loop *loop, unsigned last)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);

    echo->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    where.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffU) | last);
    assert_int_equal(bind(echo->fd, (struct sockaddr *)&where, size), 0);
    getsockname(echo->fd, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &echo->address);
    assert_int_equal(watch_open(loop, echo->fd, on_datagram, echo, &echo->watch), 0);
    watch_set(echo->watch, WATCH_READ);
}

void udp_echo_close(struct udp_echo *echo)
{
    watch_close(echo->watch);
    close(echo->fd);
}

/* RFC 1928 sec. 4 to 7: no login, and UDP ASSOCIATE only. */
static void grant(struct loopback_peer *peer)
{
    struct udp_flow_lab *lab = peer->server->owner;
    const struct address *relay = &lab->relay.address;
    uint8_t reply[10] = {5, lab->proxy_code, 0, 1};

    memcpy(reply + 4, relay->ip, 4);
    reply[8] = (uint8_t)(relay->port >> 8);
    reply[9] = (uint8_t)relay->port;
    if (peer->step == 0 && peer->size >= 3) {
        loopback_use_up(peer, 3);
        loopback_say(peer, "\5\0", 2);
        peer->step = 1;
    }
    if (peer->step == 1 && peer->size >= 10) {
        assert_int_equal(peer->got[1], 3);
        loopback_use_up(peer, 10);
        loopback_say(peer, reply, sizeof(reply));
        peer->step = 2;
    }
    if (peer->has_ended)
        loopback_hang_up(peer);
}

int udp_flow_lab_open(void **state)
{
    struct udp_flow_lab *lab = calloc(1, sizeof(*lab));

    engine_lab_open(&lab->engine);
    udp_echo_open(&lab->echo, lab->engine.loop, 1);
    udp_echo_open(&lab->relay, lab->engine.loop, 1);
    loopback_server_open(&lab->proxy, lab->engine.loop, grant, lab);
    loopback_server_open(&lab->dns, lab->engine.loop, dns_peer_answer, &lab->dns_peer);
    engine_lab_set_dns(&lab->engine, &lab->dns.address, 1);
    address_format(&lab->echo.address, lab->echo_text);
    lab->client = fake_dgram_new("192.0.2.9:5000");
    udp_flow_start(&lab->engine.traffic, "tun", &lab->client->dgram);
    *state = lab;
    return 0;
}

int udp_flow_lab_close(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_abort_all(&lab->engine.traffic);
    fake_dgram_free(lab->client);
    assert_int_equal(lab->engine.traffic.flows.live[FLOW_UDP], 0);
    loopback_server_close(&lab->proxy);
    loopback_server_close(&lab->dns);
    udp_echo_close(&lab->echo);
    udp_echo_close(&lab->relay);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

void udp_flow_lab_use_proxy(struct udp_flow_lab *lab, bool and_direct)
{
    const struct upstream_options list[] = {engine_lab_socks5("proxy", &lab->proxy.address),
                                            {.name = "direct", .kind = UPSTREAM_DIRECT}};
    engine_lab_set_upstreams(&lab->engine, list, and_direct ? 2 : 1);
}

bool udp_flow_lab_say(struct udp_flow_lab *lab, const char *peer, const char *text)
{
    return fake_dgram_deliver(lab->client, peer, text, strlen(text));
}

void udp_flow_lab_hear(struct udp_flow_lab *lab, int count, const char *peer, const char *text)
{
    const struct fake_datagram *last = &lab->client->kept[count - 1];
    char from[ENDPOINT_TEXT_MAX];

    engine_lab_wait(&lab->engine, &lab->client->sent, count);
    assert_string_equal(endpoint_format(&last->peer, from), peer);
    assert_int_equal(last->size, strlen(text));
    assert_memory_equal(last->data, text, strlen(text));
}

bool udp_flow_lab_has_flow(const struct udp_flow_lab *lab)
{
    return !list_is_empty(&lab->engine.traffic.flows.all);
}

const struct flow *udp_flow_lab_flow(const struct udp_flow_lab *lab)
{
    assert_true(udp_flow_lab_has_flow(lab));
    return list_item(lab->engine.traffic.flows.all.next, struct flow, node);
}
