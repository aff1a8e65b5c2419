#include "tun2socks/syn_gate.h"

#include "base/err.h"
#include "tun2socks/ip_writer.h"
#include "tun2socks/tcp_stack.h"
#include "tun2socks/tcp_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct knock {
    struct inbound inbound;
    struct flow flow;
    struct syn_gate *gate; /* NULL after the netstack was closed */
    struct packet syn;     /* lies in `bytes` */
    uint8_t bytes[];       /* IP and TCP header */
};

static struct knock *of_flow(struct flow *flow)
{
    return flow_item(flow, struct knock, flow);
}

static void send_reset(struct tcp_stack *stack, const struct packet *packet)
{
    uint8_t reset[TCP_RESET_MAX_BYTES];
    tun_write_packet(stack->tun, reset, tcp_write_reset(reset, packet));
}

static void send_unreachable(struct tcp_stack *stack, const struct packet *packet)
{
    uint8_t error[ICMP_ERROR_MAX_BYTES];
    size_t size = icmp_write_error(error, packet, ICMP_REASON_HOST);
    if (size > 0)
        tun_write_packet(stack->tun, error, size);
}

/* A client whose SYN is answered "unreachable" gives up at once, and says so to its user in other
 * words than after a reset. */
static bool is_unreachable(int err)
{
    return err == ERR_TARGET_UNREACHABLE || err == ERR_NAME || err == -EHOSTUNREACH ||
           err == -ENETUNREACH;
}

static void knock_refuse(struct inbound *inbound, int err)
{
    struct knock *knock = (struct knock *)inbound;
    /* One that is gone has no claim to an answer: its 4-tuple may be another connection's now. */
    if (knock->flow.is_listed) {
        flow_table_remove(&knock->gate->stack->flows, &knock->flow);
        if (is_unreachable(err))
            send_unreachable(knock->gate->stack, &knock->syn);
        else
            send_reset(knock->gate->stack, &knock->syn);
    }
    free(knock);
}

static int knock_admit(struct inbound *inbound, struct stream **ret)
{
    struct knock *knock = (struct knock *)inbound;
    struct syn_gate *gate = knock->gate;
    int err = -ECONNRESET;
    if (knock->flow.is_listed) {
        flow_table_remove(&gate->stack->flows, &knock->flow);
        err = tcp_stream_new(gate->stack, &knock->syn, ret);
        if (err < 0)
            send_reset(gate->stack, &knock->syn);
    }
    free(knock);
    return err;
}

static const struct inbound_ops knock_ops = {.admit = knock_admit, .refuse = knock_refuse};

/* Headers only: bytes that travel with a SYN are sent again after the handshake (RFC 9293
 * sec. 3.10.7.2), so nobody has to keep them. */
static struct knock *knock_new(struct syn_gate *gate, const struct packet *syn)
{
    size_t ip_size = (size_t)(syn->payload - syn->data);
    size_t size = ip_size + syn->tcp_header_size;
    struct knock *knock = calloc(1, sizeof(*knock) + size);
    if (!knock)
        return NULL;
    knock->inbound = (struct inbound){.ops = &knock_ops, .door = "tun", .client = syn->from};
    knock->inbound.target = endpoint_from_address(&syn->to);
    knock->flow = (struct flow){.client = syn->from, .target = syn->to, .kind = FLOW_KNOCK};
    knock->gate = gate;
    memcpy(knock->bytes, syn->data, size);
    knock->syn = *syn;
    knock->syn.data = knock->bytes;
    knock->syn.size = size;
    knock->syn.payload = knock->bytes + ip_size;
    knock->syn.payload_size = syn->tcp_header_size;
    return knock;
}

uint32_t syn_gate_half_open(const struct syn_gate *gate)
{
    return gate->stack->flows.counts[FLOW_KNOCK] + gate->stack->opening;
}

void syn_gate_knock(struct syn_gate *gate, const struct packet *syn)
{
    struct flow_table *flows = &gate->stack->flows;
    struct knock *knock = NULL;
    if (!gate->is_closed && syn_gate_half_open(gate) < gate->limit && !flow_table_is_full(flows))
        knock = knock_new(gate, syn);
    if (knock && flow_table_add(flows, &knock->flow) < 0) {
        free(knock);
        knock = NULL;
    }
    if (!knock) {
        gate->refused++;
        send_reset(gate->stack, syn);
        return;
    }
    gate->on_inbound(gate->owner, &knock->inbound);
}

/* Its owner has to end it by a refusal, which then says nothing to anybody. */
static void give_up(struct knock *knock)
{
    flow_table_remove(&knock->gate->stack->flows, &knock->flow);
    if (knock->inbound.on_gone)
        knock->inbound.on_gone(knock->inbound.owner);
}

bool syn_gate_input(struct flow *flow, const struct packet *packet)
{
    struct knock *knock = of_flow(flow);
    uint32_t sequence = knock->syn.sequence;
    if (packet->tcp_flags & TCP_FLAG_RST) {
        if (packet->sequence == sequence || packet->sequence == sequence + 1)
            give_up(knock);
        return false;
    }
    if (!(packet->tcp_flags & TCP_FLAG_SYN) || packet->sequence == sequence)
        return false; /* the same SYN again: patience */
    give_up(knock);
    return true;
}

void syn_gate_shut(struct flow *flow)
{
    struct knock *knock = of_flow(flow);
    send_reset(knock->gate->stack, &knock->syn);
    struct syn_gate *gate = knock->gate;
    flow_table_remove(&gate->stack->flows, &knock->flow);
    knock->gate = NULL;
    if (knock->inbound.on_gone)
        knock->inbound.on_gone(knock->inbound.owner);
}
