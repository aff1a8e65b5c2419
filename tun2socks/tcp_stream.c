/* The contract of base/stream.h over lwIP, and what lwIP calls back. */
#include "tun2socks/tcp_stream.h"

#include "base/err.h"
#include "tun2socks/packet.h"
#include "tun2socks/pcb.h"
#include "tun2socks/tcp_call.h"
#include "tun2socks/tcp_stack.h"

#include "lwip/priv/tcp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    COPY_MAX = 2048, /* spans up to this size are copied: one buffer with the headers */
    QUICK_ACKS = 4,  /* a first request */
    PIN_RATIO = 16,  /* a chunk is not held for less than this part of it */
};

static struct tcp_stream *opening; /* whose SYN lwIP is looking at */

static struct tcp_stream *tcp_stream_of(struct stream *stream)
{
    return (struct tcp_stream *)stream;
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
    /* Where so much waits, whoever should take it has stopped, and would never see the end behind.
     */
    if (unread_size(&tcp->unread) >= TCP_WND / 2)
        unread_clear(&tcp->unread);
    stream_signal(&tcp->stream);
}

static void set_open(struct tcp_stream *tcp)
{
    if (tcp->stream.is_opening)
        half_open_leave(&tcp->stack->half_open, tcp->half_open);
    tcp->stream.is_opening = false;
    tcp->quiet_ticks = 0;
}

/* The handshake is done; or, without a pcb, there was no memory for it. */
static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct tcp_stream *tcp = arg;
    if (pcb)
        set_open(tcp);
    return err;
}

static void on_destroy(u8_t id, void *data)
{
    struct tcp_stream *tcp = data;
    (void)id;
    if (!tcp) /* the listener's */
        return;
    tcp->pcb = NULL;
    set_open(tcp);
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
    tcp->peer_mss = pcb->mss < TCP_PEER_MSS_MIN ? TCP_PEER_MSS_MIN : pcb->mss;
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
    tcp_enter(tcp);
    while (size > 0 && tcp->pcb) {
        u16_t part = (u16_t)(size < UINT16_MAX ? size : UINT16_MAX);
        tcp_recved(tcp->pcb, part);
        size -= part;
    }
    tcp_leave(tcp);
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

/* Of the send queue; less than the whole of it while memory is short. */
static size_t send_room(const struct tcp_stream *tcp)
{
    size_t queued = TCP_SND_BUF - tcp->pcb->snd_buf;
    size_t share = chunk_pool_share(loop_chunks(tcp->stack->loop));
    size_t left = share > queued ? share - queued : 0;
    return left < tcp->pcb->snd_buf ? left : tcp->pcb->snd_buf;
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
        size_t room = send_room(tcp);
        if (part > room)
            part = room;
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
    tcp_enter(tcp);
    tcp->wants_room = false;
    for (int i = 0; i < count && !tcp->wants_room; i++) {
        size_t part = write_span(tcp, &spans[i], i + 1 == count);
        taken += part;
        tcp->wants_room = part < spans[i].size;
    }
    /* Whole segments leave while their bytes are in the cache; the rest waits for more, until the
     * end of the turn (lwIP's Nagle makes the difference, and is off again afterwards). */
    tcp_nagle_enable(tcp->pcb);
    tcp_output(tcp->pcb);
    tcp_nagle_disable(tcp->pcb);
    tcp_leave(tcp);
    if (taken > 0 && tcp->pcb && tcp->pcb->unsent && list_is_empty(&tcp->dirty)) {
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
    tcp_enter(tcp);
    tcp_leave(tcp);
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
        tcp_settle(tcp);
        return;
    }
    /* With unread bytes behind the window lwIP would reset instead of flushing. */
    tcp_enter(tcp);
    for (; unread > 0; unread -= unread < UINT16_MAX ? unread : UINT16_MAX)
        tcp_recved(tcp->pcb, (u16_t)(unread < UINT16_MAX ? unread : UINT16_MAX));
    tcp_leave(tcp);
}

static void tcp_stream_abort(struct stream *stream)
{
    struct tcp_stream *tcp = tcp_stream_of(stream);
    unread_clear(&tcp->unread);
    release(tcp);
    tcp_drop(tcp, true);
    tcp_settle(tcp);
}

static const struct stream_ops tcp_stream_ops = {
    .peek = tcp_stream_peek,
    .consume = tcp_stream_consume,
    .write = tcp_stream_write,
    .finish = tcp_stream_finish,
    .close = tcp_stream_close,
    .abort = tcp_stream_abort,
};

int tcp_stream_new(struct tcp_stack *stack, const struct packet *syn,
                   struct half_open_destination *half_open, struct stream **ret)
{
    struct tcp_stream *tcp = calloc(1, sizeof(*tcp));
    if (!tcp)
        return -ENOMEM;
    stream_init(&tcp->stream, stack->loop, &tcp_stream_ops);
    tcp->stack = stack;
    tcp->flow = (struct flow){.client = syn->from, .target = syn->to, .kind = FLOW_STREAM};
    list_init(&tcp->hot);
    list_init(&tcp->dirty);
    list_init(&tcp->owing);
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
    tcp->half_open = half_open;
    tcp->stream.is_opening = true;
    tcp->heard_at_min = stack->clock_min;
    tcp->quick_acks = QUICK_ACKS;
    tcp_stack_start_check(stack);
    tcp_settle(tcp);
    *ret = &tcp->stream;
    return 0;
}
