#include "tun2socks/udp_dgram.h"

#include "tun2socks/ip_writer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct udp_dgram {
    struct dgram dgram;
    struct map_node node;
    struct list order;
    struct udp_table *table; /* NULL after the netstack was closed */
    uint64_t active_at_ms;
    bool has_ended; /* on_end was called: waits to be closed */
};

static bool is_equal(const struct map_node *node, const void *client)
{
    return address_is_equal(&map_item(node, struct udp_dgram, node)->dgram.client, client);
}

static struct udp_dgram *find(const struct udp_table *table, const struct address *client)
{
    struct map_node *node = map_find(&table->clients, address_hash(client, 0), client);
    return node ? map_item(node, struct udp_dgram, node) : NULL;
}

static struct udp_dgram *longest_idle(const struct udp_table *table)
{
    return list_item(table->order.next, struct udp_dgram, order);
}

static void start_idle(struct udp_table *table)
{
    if (list_is_empty(&table->order) || timer_is_active(&table->idle))
        return;
    uint64_t now_ms = loop_now_ms(table->loop);
    uint64_t at_ms = longest_idle(table)->active_at_ms + table->idle_ms;
    timer_start(&table->idle, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void detach(struct udp_dgram *udp)
{
    if (udp->has_ended)
        return;
    map_remove(&udp->table->clients, &udp->node);
    list_remove(&udp->order);
    udp->table->ended++;
    udp->has_ended = true;
}

/* The owner closes it now or later; either way it is out of the table. */
static void end(struct udp_dgram *udp, int err)
{
    detach(udp);
    if (udp->dgram.on_end)
        udp->dgram.on_end(udp->dgram.owner, err);
}

static void on_idle(void *owner)
{
    struct udp_table *table = owner;
    uint64_t now_ms = loop_now_ms(table->loop);
    while (!list_is_empty(&table->order) &&
           longest_idle(table)->active_at_ms + table->idle_ms <= now_ms)
        end(longest_idle(table), -ETIMEDOUT);
    start_idle(table);
}

void udp_table_init(struct udp_table *table, struct loop *loop, struct tun *tun)
{
    *table = (struct udp_table){.loop = loop, .tun = tun};
    map_init(&table->clients, is_equal);
    list_init(&table->order);
    timer_init(&table->idle, loop, on_idle, table);
    udp_train_init(&table->train, loop, tun);
}

void udp_table_done(struct udp_table *table)
{
    while (!list_is_empty(&table->order)) {
        struct udp_dgram *udp = longest_idle(table);
        detach(udp);
        udp->table = NULL;
        if (udp->dgram.on_end)
            udp->dgram.on_end(udp->dgram.owner, -ENETDOWN);
    }
    timer_stop(&table->idle);
    udp_train_done(&table->train);
    map_done(&table->clients);
}

static void touch(struct udp_dgram *udp)
{
    udp->active_at_ms = loop_now_ms(udp->table->loop);
    list_remove(&udp->order);
    list_append(&udp->table->order, &udp->order);
}

static size_t ip_header_size(const struct address *address)
{
    return address->family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
}

/* The UDP header travels in the first fragment, in front of the data. */
static void send_fragmented(struct udp_table *table, const struct address *peer,
                            const struct address *client, const uint8_t *data, size_t size)
{
    static const struct virtio_net_hdr finished = {0};
    uint8_t udp[UDP_HEADER_BYTES];
    udp_train_flush(&table->train);
    udp_write_header(udp, peer, client, data, size, false);
    size_t room = ((size_t)table->mtu - ip_header_size(peer) - 8) / 8 * 8;
    size_t total = UDP_HEADER_BYTES + size;
    uint32_t id = ++table->fragment_id;
    for (size_t at = 0; at < total;) {
        uint8_t headers[IP_WRITER_HEADER_MAX];
        struct iovec parts[4];
        size_t piece = total - at < room ? total - at : room;
        struct packet_fragment fragment = {
            .has_more = at + piece < total, .id = id, .offset = (uint16_t)at};
        size_t ip_size =
            ip_write_fragment_header(headers, peer, client, IPPROTO_UDP, piece, &fragment);
        size_t skip = at == 0 ? UDP_HEADER_BYTES : 0;
        const uint8_t *from = at == 0 ? data : data + at - UDP_HEADER_BYTES;
        parts[1] = (struct iovec){.iov_base = headers, .iov_len = ip_size};
        parts[2] = (struct iovec){.iov_base = udp, .iov_len = skip};
        parts[3] = (struct iovec){.iov_base = (void *)(uintptr_t)from, .iov_len = piece - skip};
        tun_write(table->tun, &finished, parts, 4);
        at += piece;
    }
}

static int udp_dgram_send(struct dgram *dgram, const struct endpoint *peer, const void *data,
                          size_t size)
{
    struct udp_dgram *udp = (struct udp_dgram *)dgram;
    struct address from = address_unmapped(&peer->address);
    if (udp->has_ended)
        return -EPIPE;
    if (from.family != dgram->client.family || from.port == 0)
        return -EINVAL;
    if (size > (size_t)PACKET_MAX_BYTES - ip_header_size(&from) - UDP_HEADER_BYTES)
        return -EMSGSIZE;
    struct udp_table *table = udp->table;
    uint64_t dropped = table->tun->dropped_out;
    if (ip_header_size(&from) + UDP_HEADER_BYTES + size <= table->mtu)
        udp_train_send(&table->train, &from, &dgram->client, data, size);
    else
        send_fragmented(table, &from, &dgram->client, data, size);
    touch(udp);
    return table->tun->dropped_out == dropped ? 0 : -EAGAIN;
}

static void send_error(struct udp_table *table, const struct packet *packet)
{
    uint8_t error[ICMP_ERROR_MAX_BYTES];
    size_t size = icmp_write_error(error, packet, ICMP_REASON_PORT);
    if (size > 0)
        tun_write_packet(table->tun, error, size);
}

static void udp_dgram_refuse(struct dgram *dgram)
{
    const struct udp_dgram *udp = (struct udp_dgram *)dgram;
    if (udp->table && udp->table->current)
        send_error(udp->table, udp->table->current);
}

/* The packet is gone, but what an error has to quote can be written again: RFC 792 asks for the
 * headers, and they are what the application's kernel finds its socket by. */
static void udp_dgram_refuse_late(struct dgram *dgram, const struct endpoint *peer,
                                  const void *data, size_t size)
{
    const struct udp_dgram *udp = (struct udp_dgram *)dgram;
    struct address to = address_unmapped(&peer->address);
    uint8_t headers[IPV6_HEADER_BYTES + UDP_HEADER_BYTES];
    if (!udp->table || to.family != dgram->client.family)
        return;
    size_t ip_size =
        ip_write_header(headers, &dgram->client, &to, IPPROTO_UDP, UDP_HEADER_BYTES + size);
    udp_write_header(headers + ip_size, &dgram->client, &to, data, size, false);
    send_error(udp->table, &(struct packet){.data = headers,
                                            .size = ip_size + UDP_HEADER_BYTES,
                                            .from = dgram->client,
                                            .to = to,
                                            .protocol = IPPROTO_UDP,
                                            .payload = headers + ip_size,
                                            .payload_size = UDP_HEADER_BYTES});
}

static void udp_dgram_close(struct dgram *dgram)
{
    struct udp_dgram *udp = (struct udp_dgram *)dgram;
    detach(udp);
    free(udp);
}

static const struct dgram_ops udp_dgram_ops = {.send = udp_dgram_send,
                                               .refuse = udp_dgram_refuse,
                                               .refuse_late = udp_dgram_refuse_late,
                                               .close = udp_dgram_close};

static void refuse_at_limit(struct udp_table *table, const struct packet *packet)
{
    table->refused++;
    send_error(table, packet);
}

static struct udp_dgram *add(struct udp_table *table, const struct packet *packet)
{
    struct udp_dgram *udp = NULL;
    if (table->clients.count < table->limit)
        udp = calloc(1, sizeof(*udp));
    if (!udp)
        return NULL;
    udp->dgram.ops = &udp_dgram_ops;
    udp->dgram.client = packet->from;
    udp->table = table;
    list_init(&udp->order);
    if (map_insert(&table->clients, &udp->node, address_hash(&packet->from, 0)) < 0) {
        free(udp);
        return NULL;
    }
    touch(udp);
    start_idle(table);
    table->on_udp(table->owner, &udp->dgram);
    return find(table, &packet->from); /* it may have been closed at once */
}

/* One datagram, or as many as it stands for; the client's entry may vanish in the callback. */
static void deliver(struct udp_table *table, struct udp_dgram *udp, const struct packet *packet,
                    size_t piece_size)
{
    const uint8_t *data = packet->payload + UDP_HEADER_BYTES;
    size_t left = packet->payload_size - UDP_HEADER_BYTES;
    struct endpoint peer = endpoint_from_address(&packet->to);
    uint64_t ended = table->ended;
    touch(udp);
    do {
        size_t size = piece_size && piece_size < left ? piece_size : left;
        if (udp->dgram.on_datagram)
            udp->dgram.on_datagram(udp->dgram.owner, &peer, data, size);
        if (table->ended != ended)
            return;
        data += size;
        left -= size;
    } while (left > 0);
}

void udp_table_input(struct udp_table *table, struct packet *packet, size_t piece_size)
{
    struct udp_dgram *udp = find(table, &packet->from);
    if (!udp)
        udp = add(table, packet);
    if (udp) {
        table->current = packet;
        deliver(table, udp, packet, piece_size);
        table->current = NULL;
    } else if (table->clients.count >= table->limit) {
        refuse_at_limit(table, packet);
    }
}

void udp_table_gone(struct udp_table *table, const struct address *client)
{
    struct udp_dgram *udp = find(table, client);
    if (udp)
        end(udp, -ECONNREFUSED);
}
