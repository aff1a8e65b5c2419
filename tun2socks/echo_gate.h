/* ICMP echo requests, and what becomes of them: refused, answered for everybody, or kept until
 * somebody has found out whether their target can be reached. Knows packets, not how that is found
 * out. RFC 792, RFC 4443. */
#ifndef TUN2SOCKS_ECHO_GATE_H
#define TUN2SOCKS_ECHO_GATE_H

#include "base/list.h"
#include "tun2socks/netstack.h"
#include "tun2socks/packet.h"
#include "tun2socks/tun.h"

struct echo_gate {
    struct tun *tun;
    enum netstack_echo mode;
    struct list pending;
    size_t count, bytes;
    uint64_t answered, refused;
    void (*on_echo)(void *owner, const struct address *target);
    void *owner;
};

void echo_gate_init(struct echo_gate *gate, struct tun *tun);
void echo_gate_done(struct echo_gate *gate); /* those that wait are forgotten */

/* An echo request with a right checksum. */
void echo_gate_input(struct echo_gate *gate, struct packet *packet);
/* Everybody who waits for this target gets it: 0 is an answer, else an unreachable. */
void echo_gate_settle(struct echo_gate *gate, const struct address *target, int err);

#endif
