/* What the stack does with its connections: packets in, ticks, and the end of those that would
 * otherwise stay for ever. */
#include "tun2socks/packet.h"
#include "tun2socks/tcp_call.h"
#include "tun2socks/tcp_stack.h"
#include "tun2socks/tcp_stream.h"

#include "lwip/priv/tcp_priv.h"

#include <errno.h>

enum {
    OPENING_QUIET_MAX = 20,   /* ticks of 250 ms until a client has to have confirmed our answer */
    RELEASED_QUIET_MAX = 240, /* ticks of 250 ms without progress after the owner let go */
    BLACK_HOLE_LOSSES = 2,    /* of the same segment */
    MTU_SMALL = 1280,         /* every IPv6 link takes it, and nearly every other */
    MTU_SMALLEST = 576,       /* RFC 791: what every IPv4 host takes */
    SILENT_MIN = 5,           /* after so many minutes a connection is probed, once a minute */
    PROBES_MAX = 3,           /* a kernel that knows the connection answers the first */
};

uint16_t tcp_stream_peer_mss(const struct tcp_pcb *pcb)
{
    const struct tcp_stream *tcp = pcb->callback_arg;
    return tcp->peer_mss;
}

static struct tcp_stream *of_flow(struct flow *flow)
{
    return flow_item(flow, struct tcp_stream, flow);
}

/* lwIP queues most of what comes out of order without regard to its window, and stops at an
 * assertion when the gap is closed. What lies beyond the window is cut off here. */
static void cut_to_window(struct packet *packet, const struct tcp_pcb *pcb)
{
    int32_t room = (int32_t)(pcb->rcv_nxt + pcb->rcv_wnd - packet->sequence);
    size_t size = packet->payload_size - packet->tcp_header_size;
    bool has_fin = packet->tcp_flags & TCP_FLAG_FIN;
    if (room < 0 || size + has_fin <= (size_t)room || (packet->tcp_flags & TCP_FLAG_SYN))
        return;
    packet->payload[TCP_FLAGS_AT] &= (uint8_t)~TCP_FLAG_FIN;
    if (size > (size_t)room)
        packet->payload_size = packet->tcp_header_size + (size_t)room;
}

bool tcp_stream_input(struct flow *flow, const struct packet *packet, struct chunk *chunk)
{
    struct tcp_stream *tcp = of_flow(flow);
    tcp->heard_at_min = tcp->stack->clock_min;
    tcp->probes = 0;
    struct packet segment = *packet;
    if (packet->size > TCP_COPY_MAX && unread_size(&tcp->unread) > 0 &&
        (!chunk || unread_size(&tcp->unread) + CHUNK_LARGE_BYTES >
                       chunk_pool_share(loop_chunks(tcp->stack->loop))))
        return false;
    cut_to_window(&segment, tcp->pcb);
    tcp_enter(tcp);
    int err = tcp_stack_input(tcp->stack, &segment, chunk);
    tcp_leave(tcp);
    return err == 0;
}

static void lose(struct tcp_stream *tcp, int err, bool with_reset)
{
    tcp->err = tcp->err ? tcp->err : err;
    tcp_err(tcp->pcb, NULL);
    tcp_drop(tcp, with_reset);
    stream_signal(&tcp->stream);
    tcp_settle(tcp);
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
    if (mtu < headers + TCP_PEER_MSS_MIN || mtu - headers >= tcp->peer_mss)
        return;
    /* Superpackets are cut anew each time; without them a queued segment keeps its size. */
    tcp->peer_mss = (uint16_t)(mtu - headers);
    if (!tcp->stack->tun->has_vnet && !tcp->pcb->unsent && !tcp->pcb->unacked)
        tcp->segment_size = tcp->pcb->mss = tcp->peer_mss;
    if (!tcp->pcb->unacked)
        return;
    tcp_enter(tcp);
    tcp_rexmit(tcp->pcb); /* what was too large is lost: there is nothing to wait for */
    tcp_output(tcp->pcb);
    tcp_leave(tcp);
}

/* A link on the way (to a container, to a guest) that takes less, and whose "too big" never reaches
 * us. RFC 4821 sec. 7.7: after some losses in a row smaller packets are tried. */
static void mind_black_hole(struct tcp_stream *tcp)
{
    if (tcp->pcb && tcp->pcb->nrtx >= BLACK_HOLE_LOSSES)
        tcp_stream_limit_packets(&tcp->flow, MTU_SMALL);
    if (tcp->pcb && tcp->pcb->nrtx > BLACK_HOLE_LOSSES + 1 && tcp->flow.client.family == 4)
        tcp_stream_limit_packets(&tcp->flow, MTU_SMALLEST);
}

void tcp_stream_shut(struct flow *flow)
{
    lose(of_flow(flow), -ENETDOWN, true);
}

void tcp_stream_flush(struct list *dirty_node)
{
    struct tcp_stream *tcp = list_item(dirty_node, struct tcp_stream, dirty);
    tcp_enter(tcp);
    tcp_output(tcp->pcb);
    tcp_leave(tcp);
}

struct tcp_pcb *tcp_stream_hot_pcb(struct list *hot_node)
{
    return list_item(hot_node, struct tcp_stream, hot)->pcb;
}

static void send_ack(struct tcp_stream *tcp)
{
    if (!tcp->pcb || !(tcp->pcb->flags & TF_ACK_DELAY))
        return;
    tcp_enter(tcp);
    tcp_ack_now(tcp->pcb);
    tcp_output(tcp->pcb);
    tcp_leave(tcp);
}

void tcp_stream_send_ack(struct list *hot_node)
{
    send_ack(list_item(hot_node, struct tcp_stream, hot));
}

void tcp_stream_send_owed_ack(struct list *owing_node)
{
    send_ack(list_item(owing_node, struct tcp_stream, owing));
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

/* A kernel that asked answers at once; lwIP would wait for four times as long. */
static bool is_unconfirmed(struct tcp_stream *tcp)
{
    return tcp->pcb && tcp->stream.is_opening && ++tcp->quiet_ticks > OPENING_QUIET_MAX;
}

void tcp_stream_after_tick(struct list *hot_node)
{
    struct tcp_stream *tcp = list_item(hot_node, struct tcp_stream, hot);
    if (is_unconfirmed(tcp)) {
        lose(tcp, -ETIMEDOUT, true);
        return;
    }
    if (is_stuck(tcp))
        tcp_drop(tcp, true);
    mind_black_hole(tcp);
    tcp_settle(tcp);
}

/* A reset that was lost on its way to us (the device's queue is finite, and a process that ends
 * closes all its sockets at once) is not sent again: without this the connection would stay. */
bool tcp_stream_check(struct flow *flow, uint16_t now_min, bool may_probe)
{
    struct tcp_stream *tcp = of_flow(flow);
    if ((uint16_t)(now_min - tcp->heard_at_min) < SILENT_MIN ||
        (tcp->probes > 0 && tcp->probed_at_min == now_min))
        return false;
    if (tcp->probes == PROBES_MAX) {
        lose(tcp, -ETIMEDOUT, true);
        return false;
    }
    if (!may_probe)
        return true;
    tcp->probes++;
    tcp->probed_at_min = now_min;
    tcp_enter(tcp);
    tcp_keepalive(tcp->pcb);
    tcp_leave(tcp);
    return true;
}
