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
    struct half_open_destination *half_open; /* while it is listed */
    struct syn_gate *gate;                   /* NULL after the netstack was closed */
    struct packet syn;                       /* lies in `bytes` */
    uint8_t bytes[];                         /* IP and TCP header */
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

static int list_knock(struct knock *knock)
{
    struct tcp_stack *stack = knock->gate->stack;
    int err = half_open_enter(&stack->half_open, &knock->flow.target, &knock->half_open);
    if (err < 0)
        return err;
    err = flow_table_add(&stack->flows, &knock->flow);
    if (err < 0)
        half_open_leave(&stack->half_open, knock->half_open);
    return err;
}

static void unlist_knock(struct knock *knock)
{
    struct tcp_stack *stack = knock->gate->stack;
    flow_table_remove(&stack->flows, &knock->flow);
    half_open_leave(&stack->half_open, knock->half_open);
}

static void knock_refuse(struct inbound *inbound, int err)
{
    struct knock *knock = (struct knock *)inbound;
    /* One that is gone has no claim to an answer: its 4-tuple may be another connection's now. */
    if (knock->flow.is_listed) {
        unlist_knock(knock);
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
        err = tcp_stream_new(gate->stack, &knock->syn, knock->half_open, ret);
        if (err < 0) {
            half_open_leave(&gate->stack->half_open, knock->half_open);
            send_reset(gate->stack, &knock->syn);
        }
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

/* The burst is what a second has; time that passed gives back as much as it is worth. */
static bool may_answer(struct syn_gate *gate)
{
    uint64_t now_ms = loop_now_ms(gate->stack->loop);
    uint64_t earned = (now_ms - gate->answers_at_ms) * SYN_GATE_ANSWERS_PER_SECOND / 1000;
    if (earned > 0) {
        uint64_t answers = gate->answers + earned;
        gate->answers =
            answers < SYN_GATE_ANSWERS_PER_SECOND ? (uint32_t)answers : SYN_GATE_ANSWERS_PER_SECOND;
        gate->answers_at_ms = now_ms;
    }
    if (gate->answers == 0)
        return false;
    gate->answers--;
    return true;
}

/* Before anything was allocated or asked. */
static void refuse_at_limit(struct syn_gate *gate, const struct packet *syn, uint64_t *counter)
{
    (*counter)++;
    if (may_answer(gate))
        send_reset(gate->stack, syn);
    else
        gate->unanswered++;
}

void syn_gate_knock(struct syn_gate *gate, const struct packet *syn)
{
    struct tcp_stack *stack = gate->stack;
    if (gate->is_closed || half_open_is_full(&stack->half_open) ||
        flow_table_is_full(&stack->flows)) {
        refuse_at_limit(gate, syn, &gate->refused);
        return;
    }
    if (half_open_is_full_for(&stack->half_open, &syn->to)) {
        refuse_at_limit(gate, syn, &gate->refused_each);
        return;
    }
    struct knock *knock = knock_new(gate, syn);
    if (!knock || list_knock(knock) < 0) {
        free(knock);
        refuse_at_limit(gate, syn, &gate->refused);
        return;
    }
    gate->on_inbound(gate->owner, &knock->inbound);
}

/* Its owner has to end it by a refusal, which then says nothing to anybody. */
static void give_up(struct knock *knock)
{
    unlist_knock(knock);
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
    unlist_knock(knock);
    knock->gate = NULL;
    if (knock->inbound.on_gone)
        knock->inbound.on_gone(knock->inbound.owner);
}
