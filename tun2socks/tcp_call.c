#include "tun2socks/tcp_call.h"

#include "tun2socks/pcb.h"
#include "tun2socks/tcp_stack.h"

#include "lwip/priv/tcp_priv.h"

#include <assert.h>
#include <stdlib.h>

void tcp_enter(struct tcp_stream *tcp)
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

/* lwIP would let an acknowledgement wait for up to 250 ms for something to travel with; a client
 * that writes its request in two pieces (and has Nagle's algorithm on) waits for it. At the
 * beginning of a connection, when that matters most, one waits a millisecond, in which an upstream
 * nearby has answered; later 40 ms, as in Linux. */
static void promise_ack(struct tcp_stream *tcp)
{
    if (!(tcp->pcb->flags & TF_ACK_DELAY) || !list_is_empty(&tcp->owing))
        return;
    if (tcp->quick_acks == 0) {
        tcp_stack_start_acks(tcp->stack);
        return;
    }
    tcp->quick_acks--;
    list_append(&tcp->stack->owing, &tcp->owing);
    tcp_stack_start_quick_acks(tcp->stack);
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

void tcp_settle(struct tcp_stream *tcp)
{
    if (tcp->pcb) {
        pcb_repair(tcp->pcb, tcp->segment_size);
        send_fin(tcp);
        fill_window(tcp);
        promise_ack(tcp);
        /* Everything has arrived and nobody reads here: what still comes is reset, and waiting for
         * the client's FIN ends some time. */
        if (tcp->is_released && tcp->pcb->state == FIN_WAIT_2)
            tcp_shutdown(tcp->pcb, 1, 0);
        update_hot(tcp);
        return;
    }
    list_remove(&tcp->hot);
    list_remove(&tcp->dirty);
    list_remove(&tcp->owing);
    if (tcp->is_released)
        free(tcp);
}

void tcp_leave(struct tcp_stream *tcp)
{
    tcp_active_pcbs = NULL;
    /* TIME_WAIT protects a peer behind a network that delays packets. This one is our own kernel,
     * and while we waited it could not use the port again. */
    if (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    tcp_settle(tcp);
}

void tcp_drop(struct tcp_stream *tcp, bool with_reset)
{
    if (!tcp->pcb)
        return;
    tcp_enter(tcp);
    tcp_abandon(tcp->pcb, with_reset);
    tcp_active_pcbs = NULL;
}
