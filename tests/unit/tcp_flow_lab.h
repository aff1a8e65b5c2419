/* A TCP conversation between a client that is the test and a target behind a SOCKS5 upstream on
 * loopback, which echoes. */
#ifndef TESTS_TCP_FLOW_LAB_H
#define TESTS_TCP_FLOW_LAB_H

#include "engine_lab.h"
#include "tests/fake/fake_inbound.h"

struct tcp_flow_lab {
    struct engine_lab engine;
    struct loopback_server proxy;
    uint8_t proxy_code;
    struct fake_inbound *inbound;
    char heard[65536]; /* what the client was sent */
    size_t heard_size;
};

int tcp_flow_lab_open(void **state);
int tcp_flow_lab_close(void **state); /* the inbound must have been ended by then, or it is now */

/* Knock; nothing has run yet. One conversation a test. */
void tcp_flow_lab_knock(struct tcp_flow_lab *lab, const char *door, const char *target);
void tcp_flow_lab_say(struct tcp_flow_lab *lab, const void *data, size_t size);
/* Turns until the client has heard so many bytes. */
void tcp_flow_lab_hear(struct tcp_flow_lab *lab, size_t size);
/* Turns until it is true; fails the test if that takes too long. */
void tcp_flow_lab_until(struct tcp_flow_lab *lab, const bool *it);
bool tcp_flow_lab_is_over(const struct tcp_flow_lab *lab);
const struct flow *tcp_flow_lab_flow(const struct tcp_flow_lab *lab);

/* A ClientHello that asks for this name, RFC 8446 sec. 4.1.2, RFC 6066 sec. 3. Returns its size. */
size_t tcp_flow_lab_hello(const char *name, uint8_t to[512]);

#endif
