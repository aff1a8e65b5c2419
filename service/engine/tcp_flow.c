#include "service/engine/tcp_flow.h"

#include "adblock/http_gate.h"
#include "adblock/sniff.h"
#include "base/err.h"
#include "service/engine/dns_stream.h"
#include "service/engine/flow_trace.h"
#include "service/engine/target_rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "flow"
#include "base/log.h"

/* A client on a web port speaks first, at once. For one that does not the target is dialed, and
 * whoever speaks first then decides. A hello that was begun is waited for to its end: nobody can
 * answer half of it. */
enum { SNIFF_TIMEOUT_MS = 300, HELLO_TIMEOUT_MS = 10000, TLS_HANDSHAKE = 0x16 };

/* A client that got refusals from the gate may ask for something else on the same connection. */
enum { GATE_IDLE_MS = 60000 };

enum { DNS_PORT = 53 };

struct tcp_flow {
    struct flow flow;
    struct caller caller;
    struct list node; /* in traffic->tcp_flows */
    struct traffic *traffic;
    /* What is held at a time: the knock, then the client's stream; the connect, then the upstream's
     * stream; then the relay, which has both. */
    struct inbound *inbound;
    struct stream *client;
    struct connect *connect;
    struct stream *upstream;
    struct relay *relay;
    bool is_judged;        /* as far as a name can be had */
    bool is_gated;         /* the client's stream passes through a gate */
    bool is_hello_awaited; /* it was begun */
    bool is_silent;        /* the client said nothing for a while: the target may speak first */
    struct timer sniffing;
};

static void sniff(struct tcp_flow *flow);

static void tcp_flow_free(struct tcp_flow *flow)
{
    timer_stop(&flow->sniffing);
    connect_cancel(flow->connect);
    list_remove(&flow->node);
    flow_done(&flow->flow);
    free(flow);
}

/* The end of a conversation that never was: whoever knocked learns why, as far as there are words
 * for it; one that was admitted already is reset. */
static void drop(struct tcp_flow *flow, int err)
{
    char text[FLOW_TEXT_MAX];

    log_debug("refused flow=%llu door=%s %s err=\"%s\"", (unsigned long long)flow->flow.id,
              flow->flow.door, flow_format(&flow->flow, text), err_text(err));
    if (flow->inbound)
        inbound_refuse(flow->inbound, err);
    stream_abort(flow->client);
    stream_abort(flow->upstream);
    tcp_flow_free(flow);
}

/* For our part; a client that leaves is nobody's failure. */
static void refuse(struct tcp_flow *flow, int err)
{
    if (err == ERR_BLOCKED)
        flow->traffic->flows.counters.blocked++;
    else
        flow->traffic->flows.counters.failed++;
    drop(flow, err);
}

/* The end of a conversation that was answered here. */
static void leave(struct tcp_flow *flow)
{
    stream_close(flow->client);
    flow->client = NULL;
    stream_abort(flow->upstream);
    flow->upstream = NULL;
    tcp_flow_free(flow);
}

/* --- RELAYING -------------------------------------------------------------------------------- */

static void on_relay_done(void *owner, int why)
{
    struct tcp_flow *flow = owner;
    char text[FLOW_TEXT_MAX];

    log_debug("closed flow=%llu %s up=%llu down=%llu why=\"%s\"", (unsigned long long)flow->flow.id,
              flow_format(&flow->flow, text), (unsigned long long)flow->flow.bytes.up,
              (unsigned long long)flow->flow.bytes.down, why ? err_text(why) : "finished");
    flow->relay = NULL;
    tcp_flow_free(flow);
}

static void join(struct tcp_flow *flow)
{
    struct stream *client = flow->client, *upstream = flow->upstream;
    struct relay_options options = flow->traffic->relay;

    options.total = &flow->flow.tally->bytes;
    flow->client = flow->upstream = NULL;
    flow_set_relaying(&flow->flow);
    if (!flow->is_gated) /* of the web a log is told each request */
        flow_trace(&flow->traffic->decisions, &flow->flow, &flow->caller);
    if (relay_start(flow->traffic->loop, client, upstream, &options, &flow->flow.bytes,
                    on_relay_done, flow, &flow->relay) < 0)
        tcp_flow_free(flow);
}

/* --- DIALING --------------------------------------------------------------------------------- */

static int admit(struct tcp_flow *flow)
{
    struct inbound *inbound = flow->inbound;

    flow->inbound = NULL;
    return inbound ? inbound_admit(inbound, &flow->client) : 0;
}

static void on_connected(void *owner, struct stream *upstream, struct upstream *which, int err)
{
    struct tcp_flow *flow = owner;

    flow->connect = NULL;
    flow->upstream = upstream;
    if (which)
        flow_set_upstream(&flow->flow, which);
    if (err < 0)
        refuse(flow, err);
    else if ((err = admit(flow)) < 0)
        drop(flow, err);
    else if (!flow->is_judged)
        sniff(flow);
    else
        join(flow);
}

/* While an upstream is being dialed, the client may still break. What it sends waits unread. */
static void on_client_while_dialing(void *owner)
{
    struct tcp_flow *flow = owner;
    struct span span;
    int got = stream_peek(flow->client, &span, 1);

    if (got < 0 && got != ERR_EOF)
        drop(flow, got);
}

static void on_inbound_gone(void *owner)
{
    drop(owner, -ECONNRESET);
}

static void dial(struct tcp_flow *flow)
{
    int err;

    flow->flow.state = FLOW_DIALING;
    if (flow->client)
        stream_set_owner(flow->client, on_client_while_dialing, flow);
    err = connect_start(&flow->traffic->connector, &flow->flow.target, on_connected, flow,
                        &flow->connect);
    if (err < 0)
        refuse(flow, err);
}

/* --- SNIFFING -------------------------------------------------------------------------------- */

static const struct filter *gate_filter(void *owner)
{
    struct tcp_flow *flow = owner;
    struct decisions *decisions = &flow->traffic->decisions;
    return decisions->filter(decisions->owner);
}

static void on_gate_request(void *owner, const struct filter_request *request,
                            const struct verdict *verdict)
{
    struct tcp_flow *flow = owner;

    flow->traffic->flows.counters.blocked += verdict_is_block(verdict);
    flow_trace_request(&flow->traffic->decisions, &flow->caller, request, verdict);
}

static const struct http_gate_events gate_events = {gate_filter, on_gate_request};

/* Judged: join what is connected already, or connect. */
static void go_on(struct tcp_flow *flow)
{
    flow->is_judged = true;
    if (flow->upstream)
        join(flow);
    else
        dial(flow);
}

/* A target hears of us only once a request is admitted: until then the gate may refuse one after
 * the other, and answer them itself. */
static void on_gated(void *owner)
{
    struct tcp_flow *flow = owner;
    struct span span;
    int got = stream_peek(flow->client, &span, 1);

    if (got > 0) {
        timer_stop(&flow->sniffing);
        go_on(flow);
    } else if (got == ERR_EOF) {
        leave(flow);
    } else if (got < 0) {
        drop(flow, got);
    }
}

static int put_gate(struct tcp_flow *flow)
{
    struct stream *client = flow->client;
    int err = http_gate_new(flow->traffic->loop, client, flow->flow.host ? flow->flow.host : "",
                            false, &gate_events, flow, &flow->client);
    if (err < 0)
        flow->client = NULL; /* taken all the same */
    return err;
}

/* The first bytes decide nothing here: the gate judges each request as it passes. */
static void wait_at_gate(struct tcp_flow *flow)
{
    int err = put_gate(flow);

    if (err == 0)
        err = timer_start(&flow->sniffing, GATE_IDLE_MS);
    if (err < 0) {
        refuse(flow, err);
        return;
    }
    flow->is_gated = true;
    stream_set_owner(flow->client, on_gated, flow);
    on_gated(flow);
}

static bool is_blocked(struct tcp_flow *flow, const char *kind, const char *host)
{
    return host && *host &&
           decisions_name_is_blocked(&flow->traffic->decisions, kind, host, 0, &flow->caller);
}

static void stop_sniffing(struct tcp_flow *flow, enum sniff_result found, const char *host)
{
    timer_stop(&flow->sniffing);
    flow_set_host(&flow->flow, host);
    if (found == SNIFF_HTTP)
        wait_at_gate(flow);
    else if (is_blocked(flow, found == SNIFF_TLS ? "tls" : "address", host))
        refuse(flow, ERR_BLOCKED);
    else
        go_on(flow);
}

/* What the name cache says of a bare address, where the client did not tell a name itself. */
static const char *cached_host(struct tcp_flow *flow)
{
    const char *host = NULL;

    if (!endpoint_is_name(&flow->flow.target))
        host = name_cache_find(flow->traffic->names, &flow->flow.target.address,
                               loop_now_ms(flow->traffic->loop));
    return host ? host : "";
}

static bool is_clear_port(uint16_t port)
{
    return port == 80 || port == 8080;
}

/* How the client began, as far as it did: its first byte, or < 0. */
static int first_byte(const struct tcp_flow *flow)
{
    struct span span;
    int got = stream_peek(flow->client, &span, 1);
    return got > 0 && span.size > 0 ? *(const uint8_t *)span.data : -1;
}

/* The target is there, or will be soon. */
static void await_first_word(struct tcp_flow *flow)
{
    flow->is_silent = true;
    if (flow->upstream)
        sniff(flow);
    else
        dial(flow);
}

/* It may want to hear the server first, or be a connection that a browser keeps for later: what it
 * asks for then, in the clear, is judged as well, and the name of a late hello too. */
static void on_silence(struct tcp_flow *flow)
{
    const char *host = cached_host(flow);
    int first = first_byte(flow), err = 0;
    bool is_hello = first == TLS_HANDSHAKE;
    bool is_clear = !is_hello && is_clear_port(flow->flow.target.address.port);

    if (is_hello && !flow->is_hello_awaited) {
        flow->is_hello_awaited = true;
        if (timer_start(&flow->sniffing, HELLO_TIMEOUT_MS) < 0)
            refuse(flow, -ENOMEM);
        return;
    }
    flow_set_host(&flow->flow, host);
    if (is_blocked(flow, "address", host))
        err = ERR_BLOCKED;
    else if (is_hello || (flow->is_silent && first < 0))
        err = -ETIMEDOUT;
    else if (is_clear)
        err = put_gate(flow);
    if (err == -ETIMEDOUT)
        drop(flow, err);
    else if (err < 0)
        refuse(flow, err);
    else if (is_clear || first >= 0)
        go_on(flow);
    else
        await_first_word(flow);
}

/* A SYN alone makes nobody dial: it may be one of a flood, from nowhere. The door gives those up.
 */
static void on_sniff_timeout(void *owner)
{
    struct tcp_flow *flow = owner;

    if (flow->is_gated)
        leave(flow);
    else if (!flow->client->is_opening)
        on_silence(flow);
    else if (timer_start(&flow->sniffing, SNIFF_TIMEOUT_MS) < 0)
        refuse(flow, -ENOMEM);
}

/* It begins after all: as long as for one that began at once. */
static int end_silence(struct tcp_flow *flow)
{
    flow->is_silent = false;
    return timer_start(&flow->sniffing, SNIFF_TIMEOUT_MS);
}

static void look(void *owner)
{
    struct tcp_flow *flow = owner;
    struct sniff sniff = {0};
    uint8_t bytes[SNIFF_MAX_BYTES];
    ssize_t got = stream_gather(flow->client, bytes, sizeof(bytes));
    enum sniff_result found = got > 0 ? sniff_look(bytes, (size_t)got, &sniff) : SNIFF_MORE;

    if (got < 0 && got != ERR_EOF)
        drop(flow, (int)got);
    else if (found != SNIFF_MORE)
        stop_sniffing(flow, found, sniff.host[0] ? sniff.host : cached_host(flow));
    else if (got == ERR_EOF || got == SNIFF_MAX_BYTES)
        stop_sniffing(flow, SNIFF_UNKNOWN, cached_host(flow));
    else if (got > 0 && flow->is_silent && end_silence(flow) < 0)
        refuse(flow, -ENOMEM);
}

/* The target speaks first, or is gone: there is no hello to wait for. */
static void on_upstream_word(void *owner)
{
    struct tcp_flow *flow = owner;
    struct span span;

    if (stream_peek(flow->upstream, &span, 1) != 0)
        stop_sniffing(flow, SNIFF_UNKNOWN, cached_host(flow));
}

static void sniff(struct tcp_flow *flow)
{
    uint64_t idle_ms = flow->traffic->relay.idle_timeout_ms; /* 0: none */
    uint64_t wait_ms = flow->is_silent ? idle_ms : (uint64_t)SNIFF_TIMEOUT_MS;

    flow->flow.state = FLOW_SNIFFING;
    if (wait_ms > 0 && timer_start(&flow->sniffing, wait_ms) < 0) {
        refuse(flow, -ENOMEM);
        return;
    }
    stream_set_owner(flow->client, look, flow);
    if (flow->upstream)
        stream_set_owner(flow->upstream, on_upstream_word, flow);
    look(flow);
}

static void admit_and_sniff(struct tcp_flow *flow)
{
    int err = admit(flow);

    if (err < 0)
        drop(flow, err);
    else
        sniff(flow);
}

/* --- ACCEPTED -------------------------------------------------------------------------------- */

static bool is_web_port(uint16_t port)
{
    return is_clear_port(port) || port == 443 || port == 8443;
}

static void answer_as_resolver(struct tcp_flow *flow)
{
    struct stream *client;

    if (admit(flow) == 0) {
        client = flow->client;
        flow->client = NULL;
        dns_stream_start(flow->traffic, client, &flow->caller);
    }
    tcp_flow_free(flow);
}

/* A bare address on a web port says who is meant only after it was admitted. A client that named
 * its target deserves a true answer first: it is admitted once the target is there. */
static void begin(struct tcp_flow *flow)
{
    int err;
    bool is_web = is_web_port(flow->flow.target.address.port);
    bool is_unnamed = is_web && !endpoint_is_name(&flow->flow.target);

    if (flow->flow.target.address.port == DNS_PORT) {
        answer_as_resolver(flow);
    } else if (is_blocked(flow, "name", flow->flow.host) ||
               (!is_unnamed && is_blocked(flow, "address", cached_host(flow)))) {
        refuse(flow, ERR_BLOCKED);
    } else if (is_unnamed) {
        admit_and_sniff(flow);
    } else if ((err = target_rewrite(&flow->traffic->decisions, &flow->flow.client,
                                     &flow->flow.target)) < 0) {
        refuse(flow, err);
    } else {
        flow_set_host(&flow->flow, cached_host(flow));
        flow->is_judged = !is_web;
        dial(flow);
    }
}

void tcp_flow_start(struct traffic *traffic, struct inbound *inbound)
{
    struct tcp_flow *flow = calloc(1, sizeof(*flow));
    struct endpoint target;
    int err =
        flow ? stand_ins_translate(traffic->stand_ins, &inbound->target, stand_ins_now_s(), &target)
             : -ENOMEM;

    if (err == 0)
        err = flow_init(&flow->flow, &traffic->flows, FLOW_TCP, inbound->door, &inbound->client,
                        &target);
    if (err < 0) {
        free(flow);
        inbound_refuse(inbound, err);
        return;
    }
    flow->traffic = traffic;
    flow->caller = caller_of_inbound(inbound);
    flow->inbound = inbound;
    list_append(&traffic->tcp_flows, &flow->node);
    timer_init(&flow->sniffing, traffic->loop, on_sniff_timeout, flow);
    decisions_expect(&traffic->decisions, &flow->caller);
    inbound->on_gone = on_inbound_gone;
    inbound->owner = flow;
    begin(flow);
}

void tcp_flow_abort_all(struct traffic *traffic)
{
    list_each(node, &traffic->tcp_flows) {
        struct tcp_flow *flow = list_item(node, struct tcp_flow, node);
        if (flow->relay)
            relay_abort(flow->relay);
        if (flow->inbound)
            inbound_refuse(flow->inbound, -ENETDOWN);
        stream_abort(flow->client);
        stream_abort(flow->upstream);
        tcp_flow_free(flow);
    }
}
