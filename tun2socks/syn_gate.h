/* SYNs that wait for an answer, as base/inbound.h. lwIP does not know of them: a refused connection
 * was never there, and a flood costs a small record each, up to a limit. */
#ifndef TUN2SOCKS_SYN_GATE_H
#define TUN2SOCKS_SYN_GATE_H

#include "base/inbound.h"
#include "tun2socks/flow_table.h"

struct packet;
struct tcp_stack;

/* What is refused at a limit is answered, so that whoever knocked hears of it at once; in a flood
 * so many a second are, and as many again in a burst. An answer costs several times what it takes
 * to read the SYN, and those who really wait for one knock again. */
enum { SYN_GATE_ANSWERS_PER_SECOND = 5000 };

struct syn_gate {
    struct tcp_stack *stack;
    uint64_t refused;      /* at a limit of all */
    uint64_t refused_each; /* at the limit of a destination's half-open ones */
    uint64_t unanswered;   /* of both, those that were not told */
    uint64_t answers_at_ms;
    uint32_t answers; /* may be given now */
    bool is_closed;
    void (*on_inbound)(void *owner, struct inbound *inbound);
    void *owner;
};

/* A SYN whose 4-tuple is not in the table. At a limit it is answered with a reset at once. */
void syn_gate_knock(struct syn_gate *gate, const struct packet *syn);
/* A further packet of a 4-tuple that knocks. True: the knock is over (the client started again) and
 * the packet is a new one. */
bool syn_gate_input(struct flow *flow, const struct packet *packet);
/* The netstack closes: whoever holds the knock is told that it is gone. */
void syn_gate_shut(struct flow *flow);

#endif
