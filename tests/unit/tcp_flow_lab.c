#include "tcp_flow_lab.h"

#include "service/engine/dns_stream.h"
#include "service/engine/tcp_flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TURNS_MAX = 3000, TURN_WAIT_MS = 10 };

int tcp_flow_lab_open(void **state)
{
    struct tcp_flow_lab *lab = calloc(1, sizeof(*lab));
    struct upstream_options proxy;

    engine_lab_open(&lab->engine);
    loopback_server_open(&lab->proxy, lab->engine.loop, loopback_socks5, &lab->proxy_code);
    proxy = engine_lab_socks5("proxy", &lab->proxy.address);
    engine_lab_set_upstreams(&lab->engine, &proxy, 1);
    *state = lab;
    return 0;
}

int tcp_flow_lab_close(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_abort_all(&lab->engine.traffic);
    dns_stream_abort_all(&lab->engine.traffic);
    fake_inbound_free(lab->inbound);
    loopback_server_close(&lab->proxy);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

void tcp_flow_lab_knock(struct tcp_flow_lab *lab, const char *door, const char *target)
{
    lab->inbound = fake_inbound_new(lab->engine.loop, door, target);
    tcp_flow_start(&lab->engine.traffic, &lab->inbound->inbound);
}

void tcp_flow_lab_say(struct tcp_flow_lab *lab, const void *data, size_t size)
{
    fake_stream_feed(lab->inbound->client, data, size);
}

static void listen_to(struct tcp_flow_lab *lab)
{
    lab->heard_size += fake_stream_take(lab->inbound->client, lab->heard + lab->heard_size,
                                        sizeof(lab->heard) - lab->heard_size);
}

void tcp_flow_lab_hear(struct tcp_flow_lab *lab, size_t size)
{
    listen_to(lab);
    for (int i = 0; i < TURNS_MAX && lab->heard_size < size; i++) {
        loop_run_once(lab->engine.loop, TURN_WAIT_MS);
        listen_to(lab);
    }
    assert_true(lab->heard_size >= size);
}

void tcp_flow_lab_until(struct tcp_flow_lab *lab, const bool *it)
{
    for (int i = 0; i < TURNS_MAX && !*it; i++)
        loop_run_once(lab->engine.loop, TURN_WAIT_MS);
    assert_true(*it);
}

bool tcp_flow_lab_is_over(const struct tcp_flow_lab *lab)
{
    return list_is_empty(&lab->engine.traffic.flows.all) &&
           list_is_empty(&lab->engine.traffic.tcp_flows);
}

const struct flow *tcp_flow_lab_flow(const struct tcp_flow_lab *lab)
{
    assert_false(list_is_empty(&lab->engine.traffic.flows.all));
    return list_item(lab->engine.traffic.flows.all.next, struct flow, node);
}

static uint8_t *put16(uint8_t *to, size_t value)
{
    *to++ = (uint8_t)(value >> 8);
    *to++ = (uint8_t)value;
    return to;
}

size_t tcp_flow_lab_hello(const char *name, uint8_t to[512])
{
    static const uint8_t ciphers[] = {0, 2, 0x13, 1, 1, 0}; /* one cipher, no compression */
    size_t length = strlen(name), extensions = 9 + length;
    size_t body = 2 + 32 + 1 + sizeof(ciphers) + 2 + extensions;
    uint8_t *at = to;

    *at++ = 22; /* handshake */
    at = put16(at, 0x0301);
    at = put16(at, body + 4);
    *at++ = 1; /* ClientHello */
    *at++ = 0;
    at = put16(at, body);
    at = put16(at, 0x0303);
    memset(at, 'r', 32);
    at += 32;
    *at++ = 0; /* no session */
    memcpy(at, ciphers, sizeof(ciphers));
    at = put16(at + sizeof(ciphers), extensions);
    at = put16(at, 0); /* server_name */
    at = put16(at, length + 5);
    at = put16(at, length + 3);
    *at++ = 0; /* host_name */
    at = put16(at, length);
    memcpy(at, name, length);
    return (size_t)(at - to) + length;
}
