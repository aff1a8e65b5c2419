#include "tun2socks/tcp_stack.h"

#include "base/chunk.h"
#include "base/clock.h"
#include "tun2socks/checksum.h"
#include "tun2socks/gso.h"
#include "tun2socks/tcp_stream.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "tun2socks/lwip/hooks.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    TICK_MS = TCP_TMR_INTERVAL,
    OUTPUT_PARTS_MAX = 64, /* of one packet; more are copied together first */
    PIECES_MAX = 64,       /* packets that one superpacket may be cut into */
    ACK_DELAY_MS = 40,
    QUICK_ACK_DELAY_MS = 1,
    MINUTE_MS = 60000,
    CHECK_PROBES = 100, /* at a time, and then again after */
    CHECK_AGAIN_MS = 100,
};

uint32_t lwip_port_buffer_bytes;
const struct tcp_pcb *lwip_port_sending;
static bool is_in_use;

/* A received superpacket, in the chunk it was read into. */
struct chunk_pbuf {
    struct pbuf_custom custom;
    struct chunk *chunk;
};

uint32_t lwip_port_random(void)
{
    uint32_t value = 0;
    return getrandom(&value, sizeof(value), 0) == sizeof(value) ? value : (uint32_t)time(NULL);
}

u32_t sys_now(void)
{
    return (u32_t)clock_ms();
}

/* RFC 6528: a clock of 4 us ticks plus a keyed hash of the 4-tuple. */
u32_t lwip_port_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                    u16_t remote_port)
{
    struct {
        ip_addr_t local_ip, remote_ip;
        u32_t ports;
    } tuple;
    memset(&tuple, 0, sizeof(tuple));
    tuple.local_ip = *local_ip;
    tuple.remote_ip = *remote_ip;
    tuple.ports = (u32_t)local_port << 16 | remote_port;
    return (u32_t)(clock_us() / 4 + map_hash(&tuple, sizeof(tuple)));
}

/* Header pbuf and data pbufs as they are; the first parts[0] is the vnet header's. A chain of very
 * many pieces (small writes that were gathered) goes through one buffer. */
static int gather_parts(const struct pbuf *pbuf, struct iovec *parts)
{
    static uint8_t whole[PACKET_MAX_BYTES];
    int count = 1;
    for (const struct pbuf *part = pbuf; part; part = part->next) {
        if (part->len == 0)
            continue;
        if (count == OUTPUT_PARTS_MAX) {
            u16_t size = pbuf_copy_partial(pbuf, whole, pbuf->tot_len, 0);
            parts[1] = (struct iovec){.iov_base = whole, .iov_len = size};
            return 2;
        }
        parts[count++] = (struct iovec){.iov_base = part->payload, .iov_len = part->len};
    }
    return count;
}

static void read_addresses(const uint8_t *ip, bool is_ipv4, struct address *ret_from,
                           struct address *ret_to)
{
    size_t size = is_ipv4 ? 4 : 16;
    const uint8_t *at = ip + (is_ipv4 ? 12 : 8);
    ret_from->family = ret_to->family = is_ipv4 ? 4 : 6;
    memcpy(ret_from->ip, at, size);
    memcpy(ret_to->ip, at + size, size);
}

/* lwIP has written the IP and TCP header into the first pbuf. */
static err_t send_packet(struct netif *netif, struct pbuf *pbuf)
{
    struct tcp_stack *stack = netif->state;
    struct virtio_net_hdr header = {0};
    struct iovec parts[OUTPUT_PARTS_MAX];
    if (stack->tun->has_vnet) {
        uint8_t *ip = pbuf->payload;
        bool is_ipv4 = ip[0] >> 4 == 4;
        size_t ip_size = is_ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
        struct tcp_hdr *tcp = (struct tcp_hdr *)(void *)(ip + ip_size);
        size_t header_size = ip_size + TCPH_HDRLEN_BYTES(tcp);
        struct address from = {0};
        struct address to = {0};
        read_addresses(ip, is_ipv4, &from, &to);
        tcp->chksum = checksum_fold(
            checksum_pseudo(&from, &to, IPPROTO_TCP, (size_t)pbuf->tot_len - ip_size));
        header =
            gso_for_tcp(from.family, ip_size, header_size, pbuf->tot_len - header_size,
                        lwip_port_sending ? tcp_stream_peer_mss(lwip_port_sending) : UINT16_MAX);
    }
    tun_write(stack->tun, &header, parts, gather_parts(pbuf, parts));
    return ERR_OK;
}

static err_t send_ipv4(struct netif *netif, struct pbuf *pbuf, const ip4_addr_t *to)
{
    (void)to;
    return send_packet(netif, pbuf);
}

static err_t send_ipv6(struct netif *netif, struct pbuf *pbuf, const ip6_addr_t *to)
{
    (void)to;
    return send_packet(netif, pbuf);
}

static err_t init_netif(struct netif *netif)
{
    struct tcp_stack *stack = netif->state;
    netif->name[0] = 't';
    netif->name[1] = 'u';
    netif->output = send_ipv4;
    netif->output_ip6 = send_ipv6;
    NETIF_SET_CHECKSUM_CTRL(netif, stack->tun->has_vnet ? NETIF_CHECKSUM_GEN_IP
                                                        : NETIF_CHECKSUM_ENABLE_ALL);
    return ERR_OK;
}

uint16_t tcp_stack_segment_size(const struct tcp_stack *stack, uint16_t peer_mss)
{
    unsigned room = PACKET_MAX_BYTES - IPV6_HEADER_BYTES - TCP_HEADER_BYTES;
    unsigned pieces = room / peer_mss;
    if (!stack->tun->has_vnet || pieces == 0)
        return peer_mss;
    return (uint16_t)((pieces < PIECES_MAX ? pieces : PIECES_MAX) * peer_mss);
}

static void on_flush(void *owner)
{
    struct tcp_stack *stack = owner;
    struct list *node;
    while ((node = list_take_first(&stack->dirty)))
        tcp_stream_flush(node);
}

/* lwIP walks the hot connections; the others do not need a clock. */
static void on_tick(void *owner)
{
    struct tcp_stack *stack = owner;
    struct tcp_pcb **tail = &tcp_active_pcbs;
    list_each(node, &stack->hot) {
        struct tcp_pcb *pcb = tcp_stream_hot_pcb(node);
        if (pcb) {
            *tail = pcb;
            tail = &pcb->next;
        }
    }
    *tail = NULL;
    tcp_tmr();
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb;) {
        struct tcp_pcb *next = pcb->next;
        pcb->next = NULL;
        pcb = next;
    }
    tcp_active_pcbs = NULL;
    struct list walked, *node;
    list_init(&walked);
    list_splice(&walked, &stack->hot);
    while ((node = list_take_first(&walked)))
        tcp_stream_after_tick(node); /* back into `hot`, if it still is */
    tcp_stack_start_tick(stack);
}

void tcp_stack_start_tick(struct tcp_stack *stack)
{
    if (!list_is_empty(&stack->hot) && !timer_is_active(&stack->tick))
        timer_start(&stack->tick, TICK_MS);
}

static void on_acks(void *owner)
{
    struct tcp_stack *stack = owner;
    list_each(node, &stack->hot)
        tcp_stream_send_ack(node);
}

void tcp_stack_start_acks(struct tcp_stack *stack)
{
    if (!timer_is_active(&stack->acks))
        timer_start(&stack->acks, ACK_DELAY_MS);
}

static void on_quick_acks(void *owner)
{
    struct tcp_stack *stack = owner;
    struct list *node;
    while ((node = list_take_first(&stack->owing)))
        tcp_stream_send_owed_ack(node);
}

void tcp_stack_start_quick_acks(struct tcp_stack *stack)
{
    if (!timer_is_active(&stack->quick_acks))
        timer_start(&stack->quick_acks, QUICK_ACK_DELAY_MS);
}

struct check {
    uint16_t now_min;
    int budget;
    bool is_more;
};

static void check_flow(void *owner, struct map_node *node)
{
    struct check *check = owner;
    struct flow *flow = map_item(node, struct flow, node);
    if (flow->kind == FLOW_STREAM && tcp_stream_check(flow, check->now_min, check->budget > 0)) {
        check->is_more = check->is_more || check->budget == 0;
        check->budget -= check->budget > 0;
    }
}

/* A few at a time: the answers have to fit the device's queue. */
static void on_check(void *owner)
{
    struct tcp_stack *stack = owner;
    uint64_t now_ms = loop_now_ms(stack->loop);
    if (now_ms - stack->minute_at_ms >= MINUTE_MS) {
        stack->minute_at_ms = now_ms;
        stack->clock_min++;
    }
    struct check check = {.now_min = stack->clock_min, .budget = CHECK_PROBES};
    flow_table_each(&stack->flows, check_flow, &check);
    if (check.is_more)
        timer_start(&stack->check, CHECK_AGAIN_MS);
    else
        tcp_stack_start_check(stack);
}

void tcp_stack_start_check(struct tcp_stack *stack)
{
    uint64_t passed_ms = loop_now_ms(stack->loop) - stack->minute_at_ms;
    if (stack->flows.counts[FLOW_STREAM] > 0 && !timer_is_active(&stack->check))
        timer_start(&stack->check, passed_ms < MINUTE_MS ? MINUTE_MS - passed_ms : 0);
}

static struct tcp_pcb_listen *open_listener(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (!pcb)
        return NULL;
    /* Never bound: the port is written into it for each SYN. */
    struct tcp_pcb *listener = tcp_listen(pcb);
    if (!listener)
        tcp_abort(pcb);
    return (struct tcp_pcb_listen *)listener;
}

int tcp_stack_init(struct tcp_stack *stack, struct loop *loop, struct tun *tun, uint16_t mtu,
                   uint32_t buffer_bytes, uint32_t flows_max)
{
    if (is_in_use)
        return -EBUSY;
    *stack = (struct tcp_stack){.loop = loop, .tun = tun};
    lwip_port_buffer_bytes = buffer_bytes;
    stack->listener = open_listener();
    if (!stack->listener)
        return -ENOMEM;
    tcp_stream_listen(stack->listener);
    if (tcp_ticks == 0)
        tcp_ticks = 1; /* a time stamp of 0 means "none" to lwIP */
    netif_add_noaddr(&stack->netif, stack, init_netif, NULL);
    netif_set_default(&stack->netif);
    /* lwIP routes by an interface only if it has an address. This one is nobody's: RFC 7600. */
    ip_addr_set_ip4_u32(&stack->netif.ip_addr, PP_HTONL(0xc0000008));
    stack->netif.mtu = mtu;
    stack->netif.flags |= NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
    flow_table_init(&stack->flows, flows_max);
    half_open_init(&stack->half_open);
    list_init(&stack->hot);
    list_init(&stack->dirty);
    list_init(&stack->owing);
    timer_init(&stack->tick, loop, on_tick, stack);
    timer_init(&stack->acks, loop, on_acks, stack);
    timer_init(&stack->quick_acks, loop, on_quick_acks, stack);
    timer_init(&stack->check, loop, on_check, stack);
    stack->minute_at_ms = loop_now_ms(loop);
    deferred_init(&stack->flush, loop, on_flush, stack);
    is_in_use = true;
    return 0;
}

void tcp_stack_done(struct tcp_stack *stack)
{
    assert(list_is_empty(&stack->hot) && list_is_empty(&stack->dirty) &&
           list_is_empty(&stack->owing));
    timer_stop(&stack->tick);
    timer_stop(&stack->acks);
    timer_stop(&stack->quick_acks);
    timer_stop(&stack->check);
    deferred_cancel(&stack->flush);
    tcp_close((struct tcp_pcb *)stack->listener);
    netif_remove(&stack->netif);
    half_open_done(&stack->half_open);
    flow_table_done(&stack->flows);
    is_in_use = false;
}

static void set_ip(ip_addr_t *to, const struct address *from)
{
    if (from->family == 4) {
        u32_t ip;
        memcpy(&ip, from->ip, sizeof(ip));
        ip_addr_set_ip4_u32(to, ip);
        return;
    }
    memset(to, 0, sizeof(*to));
    memcpy(ip_2_ip6(to)->addr, from->ip, sizeof(from->ip));
    IP_SET_TYPE(to, IPADDR_TYPE_V6);
}

void tcp_stack_set_current(struct tcp_stack *stack, const struct address *client,
                           const struct address *target)
{
    ip_data.current_netif = &stack->netif;
    ip_data.current_input_netif = &stack->netif;
    set_ip(&ip_data.current_iphdr_src, client);
    set_ip(&ip_data.current_iphdr_dest, target);
}

static void free_chunk_pbuf(struct pbuf *pbuf)
{
    struct chunk_pbuf *holder = (struct chunk_pbuf *)(void *)pbuf;
    chunk_unref(holder->chunk);
    free(holder);
}

struct chunk *tcp_stack_chunk_of(const struct pbuf *pbuf)
{
    if (!(pbuf->flags & PBUF_FLAG_IS_CUSTOM))
        return NULL;
    return ((const struct chunk_pbuf *)(const void *)pbuf)->chunk;
}

static struct pbuf *wrap_chunk(const struct packet *packet, struct chunk *chunk)
{
    u16_t size = (u16_t)packet->payload_size;
    struct chunk_pbuf *holder = malloc(sizeof(*holder));
    if (!holder)
        return NULL;
    holder->chunk = chunk_ref(chunk);
    holder->custom.custom_free_function = free_chunk_pbuf;
    return pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &holder->custom, packet->payload, size);
}

static struct pbuf *copy_payload(const struct packet *packet)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)packet->payload_size, PBUF_RAM);
    if (pbuf)
        memcpy(pbuf->payload, packet->payload, packet->payload_size);
    return pbuf;
}

int tcp_stack_input(struct tcp_stack *stack, const struct packet *packet, struct chunk *chunk)
{
    struct pbuf *pbuf = chunk ? wrap_chunk(packet, chunk) : copy_payload(packet);
    if (!pbuf)
        return -ENOMEM;
    tcp_stack_set_current(stack, &packet->from, &packet->to);
    tcp_input(pbuf, &stack->netif); /* takes the reference */
    return 0;
}
