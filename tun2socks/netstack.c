/* The way of a packet: read, parse, check, find whose it is. Everything behind is in the files
 * named after it: tcp_stream, syn_gate, udp_dgram, fragments, ip_writer. */
#include "tun2socks/netstack.h"

#include "base/chunk.h"
#include "base/err.h"
#include "tun2socks/echo_gate.h"
#include "tun2socks/fragments.h"
#include "tun2socks/gso.h"
#include "tun2socks/ip_writer.h"
#include "tun2socks/syn_gate.h"
#include "tun2socks/tcp_stack.h"
#include "tun2socks/tcp_stream.h"
#include "tun2socks/udp_dgram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A turn: then the flows that were woken get theirs, while their bytes are in the cache. */
    TURN_PACKETS = 64,
    TURN_BYTES = 256 * 1024,
    MTU_MIN = 1280,
    BUFFER_MIN_BYTES = 64 * 1024,
    BUFFER_MAX_BYTES = 4 * 1024 * 1024,
    UDP_IDLE_MS = 60000,
};

struct netstack {
    struct tun tun;
    struct loop *loop;
    struct watch *watch;
    struct chunk *buffer; /* the next packet goes here; never NULL */
    struct chunk *spare;  /* takes its place when a packet stays in it; NULL until needed */
    struct tcp_stack tcp;
    struct syn_gate gate;
    struct udp_table udp;
    struct fragments fragments;
    struct echo_gate echo;
    uint64_t bad_packets, dropped_in;
};

static void send_error(struct netstack *netstack, const struct packet *packet,
                       enum icmp_reason reason)
{
    uint8_t error[ICMP_ERROR_MAX_BYTES];
    size_t size = icmp_write_error(error, packet, reason);
    if (size > 0)
        tun_write_packet(&netstack->tun, error, size);
}

static void send_reset(struct netstack *netstack, const struct packet *packet)
{
    uint8_t reset[TCP_RESET_MAX_BYTES];
    if (!(packet->tcp_flags & TCP_FLAG_RST))
        tun_write_packet(&netstack->tun, reset, tcp_write_reset(reset, packet));
}

static bool is_syn(const struct packet *packet)
{
    return (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) ==
           TCP_FLAG_SYN;
}

static void input_tcp(struct netstack *netstack, const struct packet *packet, struct chunk *chunk)
{
    struct flow *flow = flow_table_find(&netstack->tcp.flows, &packet->from, &packet->to);
    if (flow && flow->kind == FLOW_KNOCK) {
        if (!syn_gate_input(flow, packet))
            return;
    } else if (flow) {
        if (!is_syn(packet) || !tcp_stream_yields_to(flow, packet)) {
            if (!tcp_stream_input(flow, packet, chunk))
                netstack->dropped_in++;
            return;
        }
    }
    if (is_syn(packet))
        syn_gate_knock(&netstack->gate, packet);
    else
        send_reset(netstack, packet);
}

/* What our own packet met on its way to the application; the quote was written by our kernel, but
 * anybody inside may have sent it, so it decides little. RFC 792, RFC 4443, RFC 1191, RFC 8201. */
static void input_icmp_error(struct netstack *netstack, const struct packet *packet)
{
    bool is_ipv4 = packet->from.family == 4;
    uint8_t type = packet->payload[0];
    uint8_t code = packet->payload[1];
    const uint8_t *rest = packet->payload + 4;
    bool is_port = is_ipv4 ? type == 3 && code == 3 : type == 1 && code == 4;
    bool is_too_big = is_ipv4 ? type == 3 && code == 4 : type == 2;
    struct packet quote;
    if ((!is_port && !is_too_big) ||
        packet_parse_quote(packet->payload + 8, packet->payload_size - 8, &quote) < 0)
        return;
    if (is_port && quote.protocol == IPPROTO_UDP)
        udp_table_gone(&netstack->udp, &quote.to);
    struct flow *flow = flow_table_find(&netstack->tcp.flows, &quote.to, &quote.from);
    if (is_too_big && quote.protocol == IPPROTO_TCP && flow && flow->kind == FLOW_STREAM)
        tcp_stream_limit_packets(flow, (size_t)rest[2] << 8 | rest[3]);
}

static void input_icmp(struct netstack *netstack, struct packet *packet)
{
    if (icmp_is_echo_request(packet))
        echo_gate_input(&netstack->echo, packet);
    else
        input_icmp_error(netstack, packet);
}

static void input_whole(struct netstack *netstack, struct packet *packet, size_t piece_size,
                        struct chunk *chunk)
{
    switch (packet->protocol) {
    case IPPROTO_TCP: input_tcp(netstack, packet, chunk); break;
    case IPPROTO_UDP: udp_table_input(&netstack->udp, packet, piece_size); break;
    default: input_icmp(netstack, packet);
    }
}

static void input_fragment(struct netstack *netstack, const struct packet *fragment)
{
    struct packet packet;
    void *memory;
    int complete = fragments_put(&netstack->fragments, fragment, &packet, &memory);
    if (complete < 0)
        netstack->bad_packets++;
    if (complete <= 0)
        return;
    if (packet_has_valid_checksum(&packet))
        input_whole(netstack, &packet, 0, NULL);
    else
        netstack->bad_packets++;
    free(memory);
}

/* While memory is short there is none; but the acknowledgements that free the pool's memory must
 * always find a buffer to arrive in, so the last one is never given away. */
static bool has_spare(struct netstack *netstack)
{
    if (chunk_pool_share(loop_chunks(netstack->loop)) < CHUNK_LARGE_BYTES)
        return false;
    if (!netstack->spare)
        netstack->spare = chunk_new(loop_chunks(netstack->loop), CHUNK_LARGE_BYTES);
    return netstack->spare != NULL;
}

static void input_packet(struct netstack *netstack, const struct virtio_net_hdr *header,
                         size_t size)
{
    struct chunk *chunk = netstack->buffer;
    struct packet packet;
    int err = packet_parse(chunk->data, size, &packet);
    if (err == -EPROTONOSUPPORT)
        send_error(netstack, &packet, ICMP_REASON_PROTOCOL);
    else if (err == -EBADMSG)
        netstack->bad_packets++;
    if (err < 0)
        return;
    if (packet.fragment.is_one) {
        input_fragment(netstack, &packet);
        return;
    }
    if (!gso_vouches_checksum(header) && !packet_has_valid_checksum(&packet)) {
        netstack->bad_packets++;
        return;
    }
    bool may_stay = packet.size > TCP_COPY_MAX && has_spare(netstack);
    input_whole(netstack, &packet, gso_datagram_size(header), may_stay ? chunk : NULL);
    if (chunk->refs == 1)
        return;
    chunk_unref(chunk);
    netstack->buffer = netstack->spare;
    netstack->spare = NULL;
}

static void on_readable(void *owner, int events, int err)
{
    struct netstack *netstack = owner;
    size_t bytes = 0;
    (void)events;
    for (int i = 0; i < TURN_PACKETS && bytes < TURN_BYTES && err >= 0; i++) {
        struct virtio_net_hdr header;
        ssize_t size = tun_read(&netstack->tun, netstack->buffer->data, CHUNK_LARGE_BYTES, &header);
        if (size == -EAGAIN)
            return;
        if (size >= 0)
            input_packet(netstack, &header, (size_t)size);
        else
            err = (int)size;
        bytes += size > 0 ? (size_t)size : 0;
    }
    if (err < 0)
        watch_set(netstack->watch, 0); /* the device is gone: nothing will ever come */
}

static uint32_t bounded(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static void set_up(struct netstack *netstack, const struct netstack_options *options,
                   const struct netstack_events *events, void *owner)
{
    echo_gate_init(&netstack->echo, &netstack->tun);
    netstack->echo.mode = options->echo;
    netstack->echo.on_echo = events->on_echo;
    netstack->echo.owner = owner;
    netstack->gate = (struct syn_gate){
        .stack = &netstack->tcp, .on_inbound = events->on_inbound, .owner = owner};
    netstack->tcp.half_open.limit = options->knocks_max;
    if (options->knocks_per_destination)
        netstack->tcp.half_open.limit_each = options->knocks_per_destination;
    udp_table_init(&netstack->udp, netstack->loop, &netstack->tun);
    netstack->udp.limit = options->udp_max;
    netstack->udp.idle_ms = options->udp_idle_ms ? options->udp_idle_ms : UDP_IDLE_MS;
    netstack->udp.mtu = (uint16_t)bounded(options->mtu, MTU_MIN, UINT16_MAX);
    netstack->udp.on_udp = events->on_udp;
    netstack->udp.owner = owner;
    fragments_init(&netstack->fragments, netstack->loop);
}

static enum tun_offload most_offload(enum netstack_offload offload)
{
    switch (offload) {
    case NETSTACK_OFFLOAD_NO_UDP: return TUN_OFFLOAD_TCP;
    case NETSTACK_OFFLOAD_NO_TCP: return TUN_OFFLOAD_CHECKSUM;
    case NETSTACK_OFFLOAD_NONE: return TUN_OFFLOAD_NONE;
    default: return TUN_OFFLOAD_UDP;
    }
}

int netstack_open(struct loop *loop, int tun_fd, bool with_vnet,
                  const struct netstack_options *options, const struct netstack_events *events,
                  void *owner, struct netstack **ret)
{
    struct netstack *netstack = calloc(1, sizeof(*netstack));
    if (!netstack)
        return -ENOMEM;
    netstack->loop = loop;
    netstack->buffer = chunk_new(loop_chunks(loop), CHUNK_LARGE_BYTES);
    int err = netstack->buffer ? 0 : -ENOMEM;
    if (err == 0)
        err = tun_open(&netstack->tun, tun_fd, with_vnet, most_offload(options->offload));
    if (err == 0)
        err = watch_open(loop, tun_fd, on_readable, netstack, &netstack->watch);
    if (err == 0)
        err = tcp_stack_init(&netstack->tcp, loop, &netstack->tun,
                             (uint16_t)bounded(options->mtu, MTU_MIN, UINT16_MAX),
                             bounded(options->buffer_bytes, BUFFER_MIN_BYTES, BUFFER_MAX_BYTES),
                             options->tcp_max);
    if (err < 0) {
        watch_close(netstack->watch);
        chunk_unref(netstack->buffer);
        free(netstack);
        return err;
    }
    set_up(netstack, options, events, owner);
    watch_set(netstack->watch, WATCH_READ);
    *ret = netstack;
    return 0;
}

void netstack_echo_result(struct netstack *netstack, const struct address *target, int err)
{
    echo_gate_settle(&netstack->echo, target, err);
}

struct netstack_stats netstack_stats(const struct netstack *netstack)
{
    const struct tun *tun = &netstack->tun;
    return (struct netstack_stats){
        .packets_in = tun->packets_in,
        .packets_out = tun->packets_out,
        .bytes_in = tun->bytes_in,
        .bytes_out = tun->bytes_out,
        .bad_packets = netstack->bad_packets + netstack->fragments.dropped,
        .refused_tcp = netstack->gate.refused,
        .refused_tcp_per_destination = netstack->gate.refused_each,
        .refused_tcp_silently = netstack->gate.unanswered,
        .refused_udp = netstack->udp.refused,
        .dropped_out = tun->dropped_out,
        .dropped_in = netstack->dropped_in,
        .echo_answered = netstack->echo.answered,
        .echo_refused = netstack->echo.refused,
        .tcp = netstack->tcp.flows.counts[FLOW_STREAM],
        .udp = (uint32_t)netstack->udp.clients.count,
        .knocks = netstack->tcp.flows.counts[FLOW_KNOCK],
        .half_open = netstack->tcp.half_open.count,
    };
}

static void shut_flow(void *owner, struct map_node *node)
{
    struct flow *flow = map_item(node, struct flow, node);
    (void)owner;
    if (flow->kind == FLOW_KNOCK)
        syn_gate_shut(flow);
    else
        tcp_stream_shut(flow);
}

void netstack_close(struct netstack *netstack)
{
    if (!netstack)
        return;
    watch_close(netstack->watch);
    netstack->gate.is_closed = true;
    flow_table_each(&netstack->tcp.flows, shut_flow, NULL);
    udp_table_done(&netstack->udp);
    echo_gate_done(&netstack->echo);
    fragments_done(&netstack->fragments);
    tcp_stack_done(&netstack->tcp);
    chunk_unref(netstack->buffer);
    chunk_unref(netstack->spare);
    free(netstack);
}
