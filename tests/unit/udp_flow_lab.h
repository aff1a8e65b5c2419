/* An application's UDP socket that is the test, and what its datagrams may meet: a peer that
 * echoes, a SOCKS5 server that carries UDP, one that does not. All on loopback. */
#ifndef TESTS_UDP_FLOW_LAB_H
#define TESTS_UDP_FLOW_LAB_H

#include "dns_peer.h"
#include "engine_lab.h"
#include "tests/fake/fake_dgram.h"

/* A datagram socket that sends back what it is sent. */
struct udp_echo {
    int fd;
    struct watch *watch;
    struct address address;
    int heard;
};

/* At 127.0.0.`last`. */
void udp_echo_open(struct udp_echo *echo, struct loop *loop, unsigned last);
void udp_echo_close(struct udp_echo *echo);

struct udp_flow_lab {
    struct engine_lab engine;
    struct udp_echo echo;         /* a peer, for upstreams of kind direct */
    struct udp_echo relay;        /* of the proxy: echoes, header and all, as if the peer did */
    struct loopback_server proxy; /* grants associations, at `relay` */
    uint8_t proxy_code;
    struct loopback_server dns;
    struct dns_peer dns_peer;
    char echo_text[ADDRESS_TEXT_MAX];
    struct fake_dgram *client;
};

int udp_flow_lab_open(void **state);
int udp_flow_lab_close(void **state);

/* The proxy alone, or before direct, or direct alone (as at first). */
void udp_flow_lab_use_proxy(struct udp_flow_lab *lab, bool and_direct);

bool udp_flow_lab_say(struct udp_flow_lab *lab, const char *peer, const char *text);
/* Turns until the client was sent so many; the last one is this text, from this peer. */
void udp_flow_lab_hear(struct udp_flow_lab *lab, int count, const char *peer, const char *text);
bool udp_flow_lab_has_flow(const struct udp_flow_lab *lab); /* in the registry */
const struct flow *udp_flow_lab_flow(const struct udp_flow_lab *lab);

#endif
