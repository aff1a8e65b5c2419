/* lwIP calls back only while it is being called: from the packet path, from the timers or from an
 * operation of the owner. Callbacks change this struct and signal; what follows from the change is
 * done in settle(), after lwIP has returned. */
#include "tun2socks/tcp_stream.h"

#include "base/err.h"
#include "tun2socks/held.h"
#include "tun2socks/packet.h"
#include "tun2socks/pcb.h"
#include "tun2socks/tcp_stack.h"
#include "tun2socks/unread.h"

#include "lwip/priv/tcp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    COPY_MAX = 2048,         /* spans up to this size are copied: one buffer with the headers */
    PIN_RATIO = 16,          /* a chunk is not held for less than this part of it */
    PEER_MSS_MIN = 64,       /* below, headers are all that is sent */
    RELEASED_QUIET_MAX = 240 /* ticks of 250 ms without progress after the owner let go */
};

struct tcp_stream {
    struct stream stream;
    struct flow flow;
    struct tcp_stack *stack;
    struct tcp_pcb *pcb;    /* NULL once lwIP has freed it */
    struct list hot, dirty; /* in the stack's lists */
    struct unread unread;
    struct held held;
    int err;
    uint32_t last_ack; /* for quiet_ticks */
    uint16_t quiet_ticks;
    uint16_t peer_mss;     /* payload per packet on the wire */
    uint16_t segment_size; /* payload per segment as lwIP sees it */
    bool is_eof;
    bool is_finished; /* the owner has written everything */
    bool is_fin_sent; /* lwIP knows */
    bool is_released; /* the owner let go */
    bool wants_room;  /* a write was cut short */
};

static struct tcp_stream *opening; /* whose SYN lwIP is looking at */

static struct tcp_stream *tcp_stream_of(struct stream *stream)
{
    return (struct tcp_stream *)stream;
}

static struct tcp_stream *of_flow(struct flow *flow)
{
    return flow_item(flow, struct tcp_stream, flow);
}

uint16_t tcp_stream_peer_mss(const struct tcp_pcb *pcb)
{
    const struct tcp_stream *tcp = pcb->callback_arg;
    return tcp->peer_mss;
}

static void enter(struct tcp_stream *tcp)
{
    assert(!tcp_active_pcbs);
    tcp_active_pcbs = tcp->pcb;
}

static void update_hot(struct tcp_stream *tcp)
{
    bool is_hot = !list_is_empty(&tcp->hot);
    if (pcb_needs_timer(tcp->pcb) == is_hot)
        return;
    if (is_hot) {
        list_remove(&tcp->hot);
    } else {
        list_append(&tcp->stack->hot, &tcp->hot);
        tcp_stack_start_tick(tcp->stack);
    }
}

/* The FIN has to wait for the handshake: lwIP opens its congestion window only on the way from
 * SYN_RCVD to ESTABLISHED. */
static void send_fin(struct tcp_stream *tcp)
{
    if (!tcp->is_finished || tcp->is_fin_sent || tcp->pcb->state < ESTABLISHED ||
        !pcb_leaves_whole(tcp->pcb))
        return;
    tcp->is_fin_sent = true;
    tcp_active_pcbs = tcp->pcb;
    tcp_shutdown(tcp->pcb, 0, 1);
    tcp_active_pcbs = NULL;
}

/* lwIP sends a segment when the whole of it fits the client's window, and cuts it only when the
 * persist timer says so, seconds later. A superpacket that meets a shrunken window is cut now. */
static void fill_window(struct tcp_stream *tcp)
{
    struct tcp_pcb *pcb = tcp->pcb;
    if (!pcb->unsent || pcb->unacked || pcb->unsent->len <= pcb->snd_wnd ||
        pcb->snd_wnd < tcp->peer_mss || pcb->state < ESTABLISHED)
        return;
    tcp_active_pcbs = pcb;
    if (pcb_split(pcb, (u16_t)(pcb->snd_wnd / tcp->peer_mss * tcp->peer_mss)))
        tcp_output(pcb);
    tcp_active_pcbs = NULL;
}

static void settle(struct tcp_stream *tcp)
{
    if (tcp->pcb) {
        pcb_repair(tcp->pcb, tcp->segment_size);
        send_fin(tcp);
        fill_window(tcp);
        /* Everything has arrived and nobody reads here: what still comes is reset, and waiting for
         * the client's FIN ends some time. */
        if (tcp->is_released && tcp->pcb->state == FIN_WAIT_2)
            tcp_shutdown(tcp->pcb, 1, 0);
        update_hot(tcp);
        return;
    }
    list_remove(&tcp->hot);
    list_remove(&tcp->dirty);
    if (tcp->is_released)
        free(tcp);
}

static void leave(struct tcp_stream *tcp)
{
    tcp_active_pcbs = NULL;
    /* TIME_WAIT protects a peer behind a network that delays packets. This one is our own kernel,
     * and while we waited it could not use the port again. */
    if (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    settle(tcp);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t err)
{
    struct tcp_stream *tcp = arg;
    (void)err;
    if (!pbuf) {
        tcp->is_eof = true;
    } else if (tcp->is_released) {
        tcp_recved(pcb, pbuf->tot_len);
        pbuf_free(pbuf);
    } else {
        unread_put(&tcp->unread, pbuf);
    }
    stream_signal(&tcp->stream);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t size)
{
    struct tcp_stream *tcp = arg;
    held_release(&tcp->held, size);
    if (tcp->wants_room && pcb_has_room(pcb)) {
        tcp->wants_room = false;
        stream_signal(&tcp->stream);
    }
    return ERR_OK;
}

/* The pcb is gone or about to go. ERR_CLSD only says that both sides are through. */
static void on_err(void *arg, err_t err)
{
    struct tcp_stream *tcp = arg;
    if (err == ERR_CLSD || tcp->err)
        return;
    tcp->err = err == ERR_RST ? -ECONNRESET : -ETIMEDOUT;
    stream_signal(&tcp->stream);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)pcb;
    return err;
}

static void on_destroy(u8_t id, void *data)
{
    struct tcp_stream *tcp = data;
    (void)id;
    if (!tcp) /* the listener's */
        return;
    tcp->pcb = NULL;
    held_clear(&tcp->held);
    flow_table_remove(&tcp->stack->flows, &tcp->flow);
}

static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);

static const struct tcp_ext_arg_callbacks pcb_callbacks = {.destroy = on_destroy,
                                                           .passive_open = on_passive_open};

static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb)
{
    struct tcp_stream *tcp = opening;
    (void)listener;
    tcp->pcb = pcb;
    tcp_ext_arg_set_callbacks(pcb, id, &pcb_callbacks);
    tcp_ext_arg_set(pcb, id, tcp);
    tcp_arg(pcb, tcp);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_err);
    tcp_nagle_disable(pcb); /* writes are gathered for the length of a turn, which is enough */
    tcp->peer_mss = pcb->mss < PEER_MSS_MIN ? PEER_MSS_MIN : pcb->mss;
    tcp->segment_size = tcp_stack_segment_size(tcp->stack, tcp->peer_mss);
    pcb->mss = tcp->segment_size;
    /* lwIP makes segments of half this at most, and stops at an assertion when they become smaller
     * while one is queued. */
    if (pcb->snd_wnd_max < 2U * tcp->peer_mss)
        pcb->snd_wnd_max = 2U * tcp->peer_mss;
    return ERR_OK;
}

void tcp_stream_listen(struct tcp_pcb_listen *listener)
{
    struct tcp_pcb *pcb = (struct tcp_pcb *)listener;
    static bool has_id;
    if (!has_id)
        tcp_ext_arg_alloc_id(); /* the only one, 0 */
    has_id = true;
    tcp_ext_arg_set_callbacks(pcb, 0, &pcb_callbacks);
    tcp_ext_arg_set(pcb, 0, NULL);
    tcp_accept(pcb, on_accept);
}

static int tcp_stream_peek(struct stream *stream, struct span *ret, int max)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    int count = unread_peek(&tcp->unread, ret, max);
    if (count > 0)
        return count;
    if (tcp->err)
        return tcp->err;
    return tcp->is_eof ? ERR_EOF : 0;
}

static void open_window(struct tcp_stream *tcp, size_t size)
{
    if (!tcp->pcb)
        return;
    enter(tcp);
    while (size > 0 && tcp->pcb) {
        u16_t part = (u16_t)(size < UINT16_MAX ? size : UINT16_MAX);
        tcp_recved(tcp->pcb, part);
        size -= part;
    }
    leave(tcp);
}

static void tcp_stream_consume(struct stream *stream, size_t size)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    unread_consume(&tcp->unread, size);
    open_window(tcp, size);
}

static bool may_hold(const struct span *span)
{
    return span->chunk && span->size > COPY_MAX && span->size * PIN_RATIO >= span->chunk->capacity;
}

/* Returns how much lwIP took. Its lengths are 16 bits wide. */
static size_t write_span(struct tcp_stream *tcp, const struct span *span, bool is_last)
{
    bool is_held = may_hold(span);
    size_t done = 0;
    while (done < span->size) {
        size_t part = span->size - done;
        if (part > UINT16_MAX)
            part = UINT16_MAX;
        if (part > tcp->pcb->snd_buf)
            part = tcp->pcb->snd_buf;
        u8_t flags = is_held ? 0 : TCP_WRITE_FLAG_COPY;
        if (!is_last || done + part < span->size)
            flags |= TCP_WRITE_FLAG_MORE;
        if (part == 0 || held_reserve(&tcp->held) < 0 ||
            tcp_write(tcp->pcb, span->data + done, (u16_t)part, flags) != ERR_OK)
            break;
        held_add(&tcp->held, is_held ? span->chunk : NULL, part);
        done += part;
    }
    return done;
}

static ssize_t tcp_stream_write(struct stream *stream, const struct span *spans, int count)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    size_t taken = 0;
    if (tcp->err)
        return tcp->err;
    if (tcp->is_finished || !tcp->pcb)
        return -EPIPE;
    enter(tcp);
    tcp->wants_room = false;
    for (int i = 0; i < count && !tcp->wants_room; i++) {
        size_t part = write_span(tcp, &spans[i], i + 1 == count);
        taken += part;
        tcp->wants_room = part < spans[i].size;
    }
    leave(tcp);
    if (taken > 0 && list_is_empty(&tcp->dirty)) {
        list_append(&tcp->stack->dirty, &tcp->dirty);
        deferred_schedule(&tcp->stack->flush);
    }
    return (ssize_t)taken;
}

static int tcp_stream_finish(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    if (tcp->err)
        return tcp->err;
    if (tcp->is_finished)
        return 0;
    tcp->is_finished = true;
    if (!tcp->pcb)
        return -EPIPE;
    enter(tcp);
    leave(tcp);
    return 0;
}

/* Whatever comes from lwIP now has no owner. */
static void release(struct tcp_stream *tcp)
{
    stream_done(&tcp->stream);
    tcp->is_released = true;
    if (tcp->pcb)
        tcp_err(tcp->pcb, NULL);
}

static void tcp_stream_close(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    size_t unread = unread_size(&tcp->unread);
    unread_clear(&tcp->unread);
    release(tcp);
    tcp->is_finished = true;
    if (!tcp->pcb) {
        settle(tcp);
        return;
    }
    /* With unread bytes behind the window lwIP would reset instead of flushing. */
    enter(tcp);
    for (; unread > 0; unread -= unread < UINT16_MAX ? unread : UINT16_MAX)
        tcp_recved(tcp->pcb, (u16_t)(unread < UINT16_MAX ? unread : UINT16_MAX));
    leave(tcp);
}

static void drop_pcb(struct tcp_stream *tcp, bool with_reset)
{
    if (!tcp->pcb)
        return;
    enter(tcp);
    tcp_abandon(tcp->pcb, with_reset);
    tcp_active_pcbs = NULL;
}

static void tcp_stream_abort(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    unread_clear(&tcp->unread);
    release(tcp);
    drop_pcb(tcp, true);
    settle(tcp);
}

static const struct stream_ops tcp_stream_ops = {
    .peek = tcp_stream_peek,
    .consume = tcp_stream_consume,
    .write = tcp_stream_write,
    .finish = tcp_stream_finish,
    .close = tcp_stream_close,
    .abort = tcp_stream_abort,
};

int tcp_stream_new(struct tcp_stack *stack, const struct packet *syn, struct stream **ret)
{
    struct tcp_stream *tcp = calloc(1, sizeof(*tcp));
    if (!tcp)
        return -ENOMEM;
    stream_init(&tcp->stream, stack->loop, &tcp_stream_ops);
    tcp->stack = stack;
    tcp->flow = (struct flow){.client = syn->from, .target = syn->to, .kind = FLOW_STREAM};
    list_init(&tcp->hot);
    list_init(&tcp->dirty);
    if (flow_table_add(&stack->flows, &tcp->flow) < 0) {
        free(tcp);
        return -ENOMEM;
    }
    assert(!tcp_active_pcbs);
    opening = tcp;
    stack->listener->local_port = syn->to.port;
    tcp_stack_input(stack, syn, NULL);
    opening = NULL;
    tcp_active_pcbs = NULL;
    if (!tcp->pcb) {
        flow_table_remove(&stack->flows, &tcp->flow);
        free(tcp);
        return -ENOMEM;
    }
    settle(tcp);
    *ret = &tcp->stream;
    return 0;
}

void tcp_stream_input(struct flow *flow, const struct packet *packet, struct chunk *chunk)
{
    struct tcp_stream *tcp = of_flow(flow);
    enter(tcp);
    tcp_stack_input(tcp->stack, packet, chunk);
    leave(tcp);
}

static void lose(struct tcp_stream *tcp, int err, bool with_reset)
{
    tcp->err = tcp->err ? tcp->err : err;
    tcp_err(tcp->pcb, NULL);
    drop_pcb(tcp, with_reset);
    stream_signal(&tcp->stream);
    settle(tcp);
}

bool tcp_stream_yields_to(struct flow *flow, const struct packet *syn)
{
    struct tcp_stream *tcp = of_flow(flow);
    bool is_over = tcp->pcb->state > ESTABLISHED && tcp->is_fin_sent;
    if (tcp->pcb->state == SYN_RCVD)
        is_over = syn->sequence != tcp->pcb->rcv_nxt - 1;
    if (is_over)
        lose(tcp, -ECONNRESET, false);
    return is_over;
}

void tcp_stream_limit_packets(struct flow *flow, size_t mtu)
{
    struct tcp_stream *tcp = of_flow(flow);
    size_t headers =
        TCP_HEADER_BYTES + (flow->client.family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
    if (mtu < headers + PEER_MSS_MIN || mtu - headers >= tcp->peer_mss)
        return;
    /* Superpackets are cut anew each time; without them a queued segment keeps its size. */
    tcp->peer_mss = (uint16_t)(mtu - headers);
    if (!tcp->stack->tun->has_vnet && !tcp->pcb->unsent && !tcp->pcb->unacked)
        tcp->segment_size = tcp->pcb->mss = tcp->peer_mss;
}

void tcp_stream_shut(struct flow *flow)
{
    lose(of_flow(flow), -ENETDOWN, true);
}

void tcp_stream_flush(struct list *dirty_node)
{
    struct tcp_stream *tcp = list_item(dirty_node, struct tcp_stream, dirty);
    enter(tcp);
    tcp_output(tcp->pcb);
    leave(tcp);
}

struct tcp_pcb *tcp_stream_hot_pcb(struct list *hot_node)
{
    return list_item(hot_node, struct tcp_stream, hot)->pcb;
}

/* A client that stopped reading may keep a closed connection for ever: its kernel goes on answering
 * window probes. */
static bool is_stuck(struct tcp_stream *tcp)
{
    if (!tcp->is_released || !tcp->pcb)
        return false;
    if (tcp->last_ack != tcp->pcb->lastack)
        tcp->quiet_ticks = 0;
    tcp->last_ack = tcp->pcb->lastack;
    return ++tcp->quiet_ticks > RELEASED_QUIET_MAX;
}

void tcp_stream_after_tick(struct list *hot_node)
{
    struct tcp_stream *tcp = list_item(hot_node, struct tcp_stream, hot);
    if (is_stuck(tcp))
        drop_pcb(tcp, true);
    settle(tcp);
}
