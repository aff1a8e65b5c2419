/* lwIP as a TCP engine for one TUN device: interface, timers, and the rule that makes its cost
 * flat: around every call lwIP's list of active connections holds the one connection concerned. The
 * streams themselves are in tcp_stream.c. lwIP is global, so there is one per process. */
#ifndef TUN2SOCKS_TCP_STACK_H
#define TUN2SOCKS_TCP_STACK_H

#include "base/loop.h"
#include "tun2socks/flow_table.h"
#include "tun2socks/half_open.h"
#include "tun2socks/packet.h"
#include "tun2socks/tun.h"

#include "lwip/netif.h"
#include "lwip/tcp.h"

struct chunk;

struct tcp_stack {
    struct loop *loop;
    struct tun *tun;
    struct flow_table flows;
    struct netif netif;
    struct tcp_pcb_listen *listener;
    struct half_open half_open;
    struct list hot;               /* streams that need lwIP's timers */
    struct list dirty;             /* streams with bytes to send at the end of the turn */
    struct timer tick;             /* lwIP's, while there is something hot */
    struct list owing;             /* streams whose acknowledgement hardly waits */
    struct timer acks, quick_acks; /* those that waited long enough for company */
    struct timer check;            /* for connections that have vanished, while there is any */
    uint64_t minute_at_ms;
    uint16_t clock_min; /* wraps */
    struct deferred flush;
};

/* 0, -EBUSY (there is one already) or -ENOMEM. */
int tcp_stack_init(struct tcp_stack *stack, struct loop *loop, struct tun *tun, uint16_t mtu,
                   uint32_t buffer_bytes, uint32_t flows_max);
/* Every flow must have left. */
void tcp_stack_done(struct tcp_stack *stack);

/* What lwIP reads as the packet that it is being given. */
void tcp_stack_set_current(struct tcp_stack *stack, const struct address *client,
                           const struct address *target);
/* Hand lwIP one segment. `packet` was parsed and its checksum is right; `chunk`, if it is given, is
 * the counted memory in which it lies: then nothing is copied, and the reference is taken.
 * -ENOMEM: dropped. */
int tcp_stack_input(struct tcp_stack *stack, const struct packet *packet, struct chunk *chunk);
/* Memory of a received span, NULL when it is lwIP's own. */
struct chunk *tcp_stack_chunk_of(const struct pbuf *pbuf);

void tcp_stack_start_tick(struct tcp_stack *stack);
void tcp_stack_start_acks(struct tcp_stack *stack);
void tcp_stack_start_quick_acks(struct tcp_stack *stack);
void tcp_stack_start_check(struct tcp_stack *stack);

/* The largest segment to hand over at a time to a peer that takes `peer_mss` per packet. */
uint16_t tcp_stack_segment_size(const struct tcp_stack *stack, uint16_t peer_mss);

#endif
