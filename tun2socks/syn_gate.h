/* SYNs that wait for an answer, as base/inbound.h. lwIP does not know of them: a refused connection
 * was never there, and a flood costs a small record each, up to a limit. */
#ifndef TUN2SOCKS_SYN_GATE_H
#define TUN2SOCKS_SYN_GATE_H

#include "base/inbound.h"
#include "tun2socks/flow_table.h"

struct packet;
struct tcp_stack;

struct syn_gate {
    struct tcp_stack *stack;
    uint32_t limit;   /* of half-open connections */
    uint64_t refused; /* at a limit */
    bool is_closed;
    void (*on_inbound)(void *owner, struct inbound *inbound);
    void *owner;
};

/* A SYN whose 4-tuple is not in the table. At a limit it is answered with a reset at once. */
void syn_gate_knock(struct syn_gate *gate, const struct packet *syn);
/* SYNs that wait for an answer, and streams whose client has not confirmed it. */
uint32_t syn_gate_half_open(const struct syn_gate *gate);
/* A further packet of a 4-tuple that knocks. True: the knock is over (the client started again) and
 * the packet is a new one. */
bool syn_gate_input(struct flow *flow, const struct packet *packet);
/* The netstack closes: whoever holds the knock is told that it is gone. */
void syn_gate_shut(struct flow *flow);

#endif
