#include "tun2socks/echo_gate.h"

#include "base/err.h"
#include "tun2socks/ip_writer.h"

#include <stdlib.h>
#include <string.h>

enum { PENDING_MAX = 256, PENDING_MAX_BYTES = 256 * 1024 };

struct pending {
    struct list node;
    struct packet packet; /* lies in `bytes` */
    uint8_t bytes[];
};

void echo_gate_init(struct echo_gate *gate, struct tun *tun)
{
    *gate = (struct echo_gate){.tun = tun};
    list_init(&gate->pending);
}

static void pending_free(struct echo_gate *gate, struct pending *pending)
{
    list_remove(&pending->node);
    gate->count--;
    gate->bytes -= pending->packet.size;
    free(pending);
}

void echo_gate_done(struct echo_gate *gate)
{
    list_each(node, &gate->pending)
        pending_free(gate, list_item(node, struct pending, node));
}

static void answer(struct echo_gate *gate, struct packet *packet)
{
    gate->answered++;
    icmp_turn_echo(packet);
    tun_write_packet(gate->tun, packet->data, packet->size);
}

static void refuse(struct echo_gate *gate, const struct packet *packet, enum icmp_reason reason)
{
    uint8_t error[ICMP_ERROR_MAX_BYTES];
    size_t size = icmp_write_error(error, packet, reason);
    gate->refused++;
    if (size > 0)
        tun_write_packet(gate->tun, error, size);
}

static bool is_waited_for(const struct echo_gate *gate, const struct address *target)
{
    list_each(node, &gate->pending)
        if (address_is_equal(&list_item(node, struct pending, node)->packet.to, target))
            return true;
    return false;
}

static bool keep(struct echo_gate *gate, const struct packet *packet)
{
    bool has_room = gate->count < PENDING_MAX && gate->bytes + packet->size <= PENDING_MAX_BYTES;
    struct pending *pending = has_room ? malloc(sizeof(*pending) + packet->size) : NULL;
    if (!pending)
        return false;
    memcpy(pending->bytes, packet->data, packet->size);
    pending->packet = *packet;
    pending->packet.data = pending->bytes;
    pending->packet.payload = pending->bytes + (packet->payload - packet->data);
    list_append(&gate->pending, &pending->node);
    gate->count++;
    gate->bytes += packet->size;
    return true;
}

/* One question for each target at a time: further requests share its result. */
static void ask(struct echo_gate *gate, const struct packet *packet)
{
    struct address target = packet->to;
    bool is_asked = is_waited_for(gate, &target);
    if (!keep(gate, packet))
        refuse(gate, packet, ICMP_REASON_REFUSED);
    else if (!is_asked)
        gate->on_echo(gate->owner, &target);
}

void echo_gate_input(struct echo_gate *gate, struct packet *packet)
{
    switch (gate->mode) {
    case NETSTACK_ECHO_REFUSE: refuse(gate, packet, ICMP_REASON_REFUSED); break;
    case NETSTACK_ECHO_ANSWER: answer(gate, packet); break;
    case NETSTACK_ECHO_ASK: ask(gate, packet); break;
    }
}

void echo_gate_settle(struct echo_gate *gate, const struct address *target, int err)
{
    bool is_policy = err == ERR_BLOCKED || err == ERR_LIMIT || err == ERR_REFUSED_BY_PROXY;
    list_each(node, &gate->pending) {
        struct pending *pending = list_item(node, struct pending, node);
        if (!address_is_equal(&pending->packet.to, target))
            continue;
        if (err == 0)
            answer(gate, &pending->packet);
        else
            refuse(gate, &pending->packet, is_policy ? ICMP_REASON_REFUSED : ICMP_REASON_HOST);
        pending_free(gate, pending);
    }
}
