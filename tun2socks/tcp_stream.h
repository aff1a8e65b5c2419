/* One TCP connection of an application, lwIP's side of it as a base/stream.h. */
#ifndef TUN2SOCKS_TCP_STREAM_H
#define TUN2SOCKS_TCP_STREAM_H

#include "base/stream.h"
#include "tun2socks/flow_table.h"

struct half_open_destination;
struct tcp_stack;
struct tcp_pcb;
struct tcp_pcb_listen;
struct packet;

/* Above this size a packet stays in the buffer it was read into; below, copying is cheaper than
 * pinning 64 KB. */
enum { TCP_COPY_MAX = 16 * 1024 };
enum { TCP_PEER_MSS_MIN = 64 }; /* below, headers are all that is sent */

/* Answer the SYN in `syn` (its memory is borrowed): the stream is usable at once and its flow is in
 * the stack's table. The stream leaves `half_open` when the handshake is done. 0; or -ENOMEM, and
 * it stays the caller's. */
int tcp_stream_new(struct tcp_stack *stack, const struct packet *syn,
                   struct half_open_destination *half_open, struct stream **ret);
/* A packet of the stream's 4-tuple; `chunk` as in tcp_stack_input. False: a large one was dropped
 * because nobody has memory for it, while older bytes still wait for their reader. */
bool tcp_stream_input(struct flow *flow, const struct packet *packet, struct chunk *chunk);
/* A SYN that cannot belong to this connection any more: the client has forgotten it. True: it is
 * gone from the table. */
bool tcp_stream_yields_to(struct flow *flow, const struct packet *syn);
/* The path to the client takes only packets of this size. */
void tcp_stream_limit_packets(struct flow *flow, size_t mtu);
/* The netstack closes: reset it; a stream with an owner stays with him and reports -ENETDOWN. */
void tcp_stream_shut(struct flow *flow);

/* A client that has not been heard of for minutes is asked whether it is still there. True: it is
 * to be asked now, and was if `may_probe`. The flow may end. */
bool tcp_stream_check(struct flow *flow, uint16_t now_min, bool may_probe);

/* For tcp_stack.c. */
void tcp_stream_listen(struct tcp_pcb_listen *listener);
void tcp_stream_flush(struct list *dirty_node);
struct tcp_pcb *tcp_stream_hot_pcb(struct list *hot_node); /* NULL: lwIP has freed it */
void tcp_stream_send_ack(struct list *hot_node);           /* if one waits */
void tcp_stream_send_owed_ack(struct list *owing_node);
void tcp_stream_after_tick(struct list *hot_node);
/* The payload per packet that the connection's peer takes. */
uint16_t tcp_stream_peer_mss(const struct tcp_pcb *pcb);

#endif
