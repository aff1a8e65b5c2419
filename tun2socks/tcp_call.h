/* For the files that together are tcp_stream.h: the connection itself, and the bracket around each
 * call of lwIP. lwIP calls back only while it is being called: from the packet path, from the
 * timers or from an operation of the owner. Callbacks change the struct and signal; what follows
 * from the change is done in tcp_settle(), after lwIP has returned. */
#ifndef TUN2SOCKS_TCP_CALL_H
#define TUN2SOCKS_TCP_CALL_H

#include "base/stream.h"
#include "tun2socks/flow_table.h"
#include "tun2socks/held.h"
#include "tun2socks/unread.h"

struct tcp_pcb;
struct tcp_stack;

struct tcp_stream {
    struct stream stream;
    struct flow flow;
    struct tcp_stack *stack;
    struct half_open_destination *half_open; /* while stream.is_opening */
    struct tcp_pcb *pcb;                     /* NULL once lwIP has freed it */
    struct list hot, dirty, owing;           /* in the stack's lists */
    struct unread unread;
    struct held held;
    int err;
    uint32_t last_ack; /* for quiet_ticks */
    uint16_t quiet_ticks;
    uint16_t heard_at_min, probed_at_min; /* of the stack's clock of minutes */
    uint8_t probes;                       /* without an answer */
    uint8_t quick_acks;                   /* how many more acknowledgements hardly wait */
    uint16_t peer_mss;                    /* payload per packet on the wire */
    uint16_t segment_size;                /* payload per segment as lwIP sees it */
    bool is_eof;
    bool is_finished; /* the owner has written everything */
    bool is_fin_sent; /* lwIP knows */
    bool is_released; /* the owner let go */
    bool wants_room;  /* a write was cut short */
};

/* lwIP's list of active connections is this one, until tcp_leave. */
void tcp_enter(struct tcp_stream *tcp);
/* May free the stream, if its owner has let go and lwIP is through with it. */
void tcp_leave(struct tcp_stream *tcp);
/* What tcp_leave does after a call that was not bracketed. */
void tcp_settle(struct tcp_stream *tcp);
/* End the connection in lwIP; tcp_settle must follow. Harmless when it has ended. */
void tcp_drop(struct tcp_stream *tcp, bool with_reset);

#endif
