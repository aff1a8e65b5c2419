#include "tun2socks/fragments.h"

#include "tun2socks/ip_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_MS = 15000,
    UNIT_BYTES = 8, /* fragments start at multiples of this */
    UNITS_MAX = (PACKET_MAX_BYTES + UNIT_BYTES) / UNIT_BYTES,
    GROWTH_BYTES = 8192,
};

struct datagram {
    struct list node;
    struct address from, to;
    uint32_t id;
    uint8_t protocol;
    uint64_t expires_at_ms;
    size_t total;                       /* payload size, known from the last fragment; else 0 */
    size_t end;                         /* of the bytes that are there */
    size_t received;                    /* bytes */
    uint8_t *memory;                    /* room for the IP header, then the payload */
    size_t capacity;                    /* of the payload */
    uint8_t units[(UNITS_MAX + 7) / 8]; /* which are there */
};

static void datagram_free(struct fragments *fragments, struct datagram *datagram)
{
    list_remove(&datagram->node);
    fragments->count--;
    free(datagram->memory);
    free(datagram);
}

static void give_up(struct fragments *fragments, struct datagram *datagram)
{
    fragments->dropped++;
    datagram_free(fragments, datagram);
}

static struct datagram *oldest(const struct fragments *fragments)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is freed has left the list */
    return list_item(fragments->pending.next, struct datagram, node);
}

static void start_expiry(struct fragments *fragments)
{
    uint64_t now_ms = loop_now_ms(fragments->loop);
    if (list_is_empty(&fragments->pending)) {
        timer_stop(&fragments->expiry);
        return;
    }
    uint64_t at_ms = oldest(fragments)->expires_at_ms;
    timer_start(&fragments->expiry, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void on_expiry(void *owner)
{
    struct fragments *fragments = owner;
    uint64_t now_ms = loop_now_ms(fragments->loop);
    while (!list_is_empty(&fragments->pending) && oldest(fragments)->expires_at_ms <= now_ms)
        give_up(fragments, oldest(fragments));
    start_expiry(fragments);
}

void fragments_init(struct fragments *fragments, struct loop *loop)
{
    *fragments = (struct fragments){.loop = loop};
    list_init(&fragments->pending);
    timer_init(&fragments->expiry, loop, on_expiry, fragments);
}

void fragments_done(struct fragments *fragments)
{
    while (!list_is_empty(&fragments->pending))
        datagram_free(fragments, oldest(fragments));
    timer_stop(&fragments->expiry);
}

static struct datagram *find(struct fragments *fragments, const struct packet *fragment)
{
    list_each(node, &fragments->pending) {
        struct datagram *datagram = list_item(node, struct datagram, node);
        if (datagram->id == fragment->fragment.id && datagram->protocol == fragment->protocol &&
            address_is_equal(&datagram->from, &fragment->from) &&
            address_is_equal(&datagram->to, &fragment->to))
            return datagram;
    }
    return NULL;
}

static struct datagram *add(struct fragments *fragments, const struct packet *fragment)
{
    if (fragments->count == FRAGMENTS_MAX_DATAGRAMS)
        give_up(fragments, oldest(fragments));
    struct datagram *datagram = calloc(1, sizeof(*datagram));
    if (!datagram)
        return NULL;
    datagram->from = fragment->from;
    datagram->to = fragment->to;
    datagram->id = fragment->fragment.id;
    datagram->protocol = fragment->protocol;
    datagram->expires_at_ms = loop_now_ms(fragments->loop) + PATIENCE_MS;
    list_append(&fragments->pending, &datagram->node);
    fragments->count++;
    start_expiry(fragments);
    return datagram;
}

static int grow(struct datagram *datagram, size_t size)
{
    if (size <= datagram->capacity)
        return 0;
    size_t capacity = (size + GROWTH_BYTES - 1) / GROWTH_BYTES * GROWTH_BYTES;
    uint8_t *memory = realloc(datagram->memory, IP_WRITER_HEADER_MAX + capacity);
    if (!memory)
        return -ENOMEM;
    datagram->memory = memory;
    datagram->capacity = capacity;
    return 0;
}

/* Marks the units of the fragment; an overlap is an attack or a broken sender. */
static int mark(struct datagram *datagram, size_t from, size_t size)
{
    size_t last = (from + size - 1) / UNIT_BYTES;
    for (size_t unit = from / UNIT_BYTES; unit <= last; unit++) {
        uint8_t bit = (uint8_t)(1U << unit % 8);
        if (datagram->units[unit / 8] & bit)
            return -EBADMSG;
        datagram->units[unit / 8] |= bit;
    }
    return 0;
}

static int store(struct datagram *datagram, const struct packet *fragment)
{
    size_t from = fragment->fragment.offset;
    size_t size = fragment->payload_size;
    size_t end = from + size;
    bool is_last = !fragment->fragment.has_more;
    if (is_last ? datagram->total || end < datagram->end : datagram->total && end > datagram->total)
        return -EBADMSG;
    if (mark(datagram, from, size) < 0 || grow(datagram, end) < 0)
        return -EBADMSG;
    memcpy(datagram->memory + IP_WRITER_HEADER_MAX + from, fragment->payload, size);
    datagram->received += size;
    if (end > datagram->end)
        datagram->end = end;
    if (is_last)
        datagram->total = end;
    return 0;
}

static bool is_plausible(const struct packet *fragment)
{
    size_t header_size = fragment->from.family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    size_t end = fragment->fragment.offset + fragment->payload_size;
    return fragment->payload_size > 0 && end <= PACKET_MAX_BYTES - header_size &&
           (!fragment->fragment.has_more || fragment->payload_size % UNIT_BYTES == 0);
}

int fragments_put(struct fragments *fragments, const struct packet *fragment, struct packet *ret,
                  void **ret_memory)
{
    if (!is_plausible(fragment))
        return -EBADMSG;
    struct datagram *datagram = find(fragments, fragment);
    if (!datagram)
        datagram = add(fragments, fragment);
    if (!datagram)
        return -ENOMEM;
    if (store(datagram, fragment) < 0) {
        give_up(fragments, datagram);
        return -EBADMSG;
    }
    if (!datagram->total || datagram->received < datagram->total)
        return 0;
    /* As if it had come in one piece: a plain header directly in front of the payload. */
    size_t header_size = datagram->from.family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    uint8_t *whole = datagram->memory + IP_WRITER_HEADER_MAX - header_size;
    ip_write_header(whole, &datagram->from, &datagram->to, datagram->protocol, datagram->total);
    int err = packet_parse(whole, header_size + datagram->total, ret);
    if (err == 0 && ret->fragment.is_one) /* fragments of a fragment: not looked at any further */
        err = -EBADMSG;
    if (err == 0) {
        *ret_memory = datagram->memory;
        datagram->memory = NULL; /* the caller's */
    }
    datagram_free(fragments, datagram);
    return err == 0 ? 1 : -EBADMSG;
}
