#include "service/engine/udp_flow.h"

#include "base/err.h"
#include "service/engine/flow_trace.h"
#include "service/engine/peer_table.h"
#include "service/engine/quic_watch.h"
#include "service/engine/target_rewrite.h"
#include "service/engine/udp_questions.h"
#include "service/engine/udp_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "flow"
#include "base/log.h"

enum {
    QUIC_PORT = 443,
    DNS_PORT = 53,
};

struct udp_flow {
    struct flow flow; /* entered in the registry with the first datagram that is not DNS */
    bool is_in_registry;
    struct list node; /* in traffic->udp_flows */
    struct traffic *traffic;
    const char *door;
    struct dgram *client;
    struct caller caller; /* of the datagram in hand */

    struct dgram *upstream;
    struct associate *associate;
    struct upstream *tried[CONNECT_ATTEMPTS]; /* counted; the last one is the current one */
    size_t tried_count;
    struct udp_queue queue;

    /* The last peer that was judged, and by which filter: the next datagram is mostly alike. */
    struct endpoint judged;
    struct endpoint target; /* that peer, or whom a rule puts in its place */
    uint64_t judged_by;     /* filter_serial */
    bool is_blocked;
    struct quic_watch *quic; /* NULL before the first datagram that may begin a connection */

    struct peer_table *peers; /* stand-ins that it talks to; NULL before the first */

    struct address meant; /* the stand-in that the datagram in hand is for; family 0: none */

    struct udp_questions questions;
};

static int associate(struct udp_flow *flow);

/* --- the way down ---------------------------------------------------------------------------- */

static void on_upstream_datagram(void *owner, const struct endpoint *peer, const void *data,
                                 size_t size)
{
    struct udp_flow *flow = owner;
    const struct address *stand_in =
        flow->peers ? peer_table_stand_in(flow->peers, &peer->address) : NULL;
    struct endpoint from;

    if (stand_in) {
        from = endpoint_from_address(stand_in);
        peer = &from;
    }
    if (dgram_send(flow->client, peer, data, size) == 0)
        flow_count(&flow->flow, 0, size);
}

/* The association is gone; the next datagram makes a new one. */
static void on_upstream_end(void *owner, int err)
{
    struct udp_flow *flow = owner;

    log_debug("association ended flow=%llu err=\"%s\"", (unsigned long long)flow->flow.id,
              err_text(err));
    dgram_close(flow->upstream);
    flow->upstream = NULL;
}

/* --- the way up ------------------------------------------------------------------------------ */

/* Nobody carries them: the application hears it now, not by waiting. */
static void refuse_queued(struct udp_queued *item)
{
    const struct udp_flow *flow = item->queue->owner;
    struct endpoint to =
        item->stand_in.family ? endpoint_from_address(&item->stand_in) : item->peer;

    dgram_refuse_late(flow->client, &to, item->bytes, item->size);
    udp_queued_free(item);
}

static void refuse_queue(struct udp_flow *flow)
{
    list_each(node, &flow->queue.all)
        refuse_queued(list_item(node, struct udp_queued, node));
}

static void send_up(struct udp_flow *flow, const struct endpoint *peer, const void *data,
                    size_t size)
{
    if (dgram_send(flow->upstream, peer, data, size) == 0)
        flow_count(&flow->flow, size, 0);
}

static void on_peer_looked_up(void *owner, int err, const struct address *addresses, size_t count)
{
    struct udp_queued *item = owner;
    struct udp_flow *flow = item->queue->owner;

    (void)count;
    item->lookup = NULL;
    if (err == 0 && flow->upstream) {
        struct address address = addresses[0];
        address.port = item->peer.address.port;
        item->peer = endpoint_from_address(&address);
        if (item->stand_in.family)
            peer_table_put(flow->peers, &item->stand_in, &address);
        send_up(flow, &item->peer, item->bytes, item->size);
    }
    udp_queued_free(item);
}

/* A socket of our own needs an address where a SOCKS5 server takes a name; and what answers a
 * stand-in has to be known by its address. */
static bool needs_lookup(const struct udp_flow *flow, const struct endpoint *peer)
{
    return endpoint_is_name(peer) && (flow->peers || flow->flow.upstream->kind == UPSTREAM_DIRECT);
}

static void send_queued(struct udp_queued *item)
{
    struct udp_flow *flow = item->queue->owner;

    if (item->lookup || item->is_held)
        return; /* it goes when its address is known, or its name */
    if (!needs_lookup(flow, &item->peer)) {
        send_up(flow, &item->peer, item->bytes, item->size);
        udp_queued_free(item);
    } else if (dns_lookup_start(flow->traffic->dns, item->peer.name, on_peer_looked_up, item,
                                &item->lookup) < 0) {
        udp_queued_free(item);
    }
}

static struct udp_queued *enqueue(struct udp_flow *flow, const struct endpoint *peer,
                                  const void *data, size_t size)
{
    struct udp_queued *item = udp_queue_add(&flow->queue, peer, &flow->meant, data, size);

    if (!item)
        flow->traffic->flows.counters.dropped++;
    return item;
}

/* --- the association ------------------------------------------------------------------------- */

static void forget_tried(struct udp_flow *flow)
{
    while (flow->tried_count > 0)
        upstream_unref(flow->tried[--flow->tried_count]);
}

static void use_association(struct udp_flow *flow, struct dgram *upstream)
{
    flow->upstream = upstream;
    upstream->on_datagram = on_upstream_datagram;
    upstream->on_end = on_upstream_end;
    upstream->owner = flow;
    flow_set_relaying(&flow->flow);
    list_each(node, &flow->queue.all)
        send_queued(list_item(node, struct udp_queued, node));
}

/* A server that works and has no UDP is a fact, not a failure: it is not asked again, so that the
 * next application hears at once that nobody carries its datagrams. */
static void note_no_udp(struct upstream *upstream)
{
    if (upstream->has_udp)
        log_notice("upstream=%s does not carry UDP", upstream->name);
    upstream->has_udp = false;
}

static void on_associated(void *owner, struct dgram *upstream, int err)
{
    struct udp_flow *flow = owner;
    struct flow_counters *counters = &flow->traffic->flows.counters;

    flow->associate = NULL;
    if (err == ERR_UNSUPPORTED)
        note_no_udp(flow->flow.upstream);
    else
        connector_report(&flow->traffic->connector, flow->flow.upstream, err);
    if (err < 0 && err != ERR_BLOCKED && associate(flow) == 0)
        return;
    forget_tried(flow);
    if (err == 0) {
        use_association(flow, upstream);
        return;
    }
    if (err == ERR_BLOCKED)
        counters->blocked++;
    else
        counters->failed++;
    refuse_queue(flow);
}

/* Start with the next upstream that can carry UDP. */
static int associate(struct udp_flow *flow)
{
    struct connector *connector = &flow->traffic->connector;

    while (flow->tried_count < CONNECT_ATTEMPTS) {
        struct upstream *upstream;
        if (pool_pick(connector->pool, true, flow->tried, flow->tried_count,
                      loop_now_ms(connector->loop), &upstream) < 0)
            break;
        flow->tried[flow->tried_count++] = upstream;
        flow_set_upstream(&flow->flow, upstream);
        flow->flow.state = FLOW_DIALING;
        if (associate_start(connector->dialer, upstream, on_associated, flow, &flow->associate) ==
            0)
            return 0;
    }
    forget_tried(flow);
    return ERR_NO_UPSTREAM;
}

static int ensure_association(struct udp_flow *flow, const struct endpoint *peer)
{
    if (!flow->is_in_registry) {
        int err = flow_init(&flow->flow, &flow->traffic->flows, FLOW_UDP, flow->door,
                            &flow->client->client, peer);
        if (err < 0)
            return err;
        flow->is_in_registry = true;
    }
    return flow->upstream || flow->associate ? 0 : associate(flow);
}

/* --- the application's datagrams ------------------------------------------------------------- */

static bool is_blocked(struct udp_flow *flow, const struct endpoint *peer)
{
    struct traffic *traffic = flow->traffic;
    uint64_t filter = filter_serial(traffic->decisions.filter(traffic->decisions.owner));
    const char *host = peer->name;

    if (flow->judged_by == filter && endpoint_is_equal(&flow->judged, peer))
        return flow->is_blocked;
    if (!endpoint_is_name(peer))
        host = name_cache_find(traffic->names, &peer->address, loop_now_ms(traffic->loop));
    flow->judged = flow->target = *peer;
    flow->judged_by = filter;
    flow->is_blocked =
        (host && decisions_name_is_blocked(&traffic->decisions, "udp", host, 0, &flow->caller)) ||
        target_rewrite(&traffic->decisions, &flow->caller.client, &flow->target) < 0;
    if (flow->is_blocked)
        traffic->flows.counters.blocked++;
    else
        flow_trace_peer(&traffic->decisions, &flow->caller, peer, host);
    return flow->is_blocked;
}

static bool is_refused(struct udp_flow *flow, const struct endpoint *peer)
{
    bool is_quic = peer->address.port == QUIC_PORT && flow->traffic->refuses_quic;
    return is_quic || is_blocked(flow, peer) || ensure_association(flow, peer) < 0;
}

/* The hello was judged; all go when there is an association. */
static void release_held(struct udp_flow *flow)
{
    if (flow->quic->host[0])
        flow_set_host(&flow->flow, flow->quic->host);
    list_each(node, &flow->queue.all) {
        struct udp_queued *item = list_item(node, struct udp_queued, node);
        item->is_held = false;
        if (flow->upstream)
            send_queued(item);
    }
}

static void refuse_held(struct udp_flow *flow)
{
    list_each(node, &flow->queue.all) {
        struct udp_queued *item = list_item(node, struct udp_queued, node);
        if (item->is_held)
            refuse_queued(item);
    }
}

/* The hello is not waited for any longer. */
static void drop_held(struct udp_flow *flow)
{
    list_each(node, &flow->queue.all) {
        struct udp_queued *item = list_item(node, struct udp_queued, node);
        if (item->is_held) {
            flow->traffic->flows.counters.dropped++;
            udp_queued_free(item);
        }
    }
}

/* Look whether a QUIC connection begins here, and with whom. */
static enum quic_ruling watch_quic(struct udp_flow *flow, const struct endpoint *peer,
                                   const void *data, size_t size)
{
    struct quic_id id;

    if (!flow->quic) {
        if (!quic_hello_is_initial(data, size, &id))
            return QUIC_PASS;
        flow->quic = calloc(1, sizeof(*flow->quic));
        if (!flow->quic)
            return QUIC_REFUSE;
    }
    if (quic_watch_abandons(flow->quic, peer, data, size))
        drop_held(flow);
    return quic_watch_judge(flow->quic, &flow->traffic->decisions, &flow->caller, peer, data, size);
}

static void hold(struct udp_flow *flow, const struct endpoint *peer, const void *data, size_t size)
{
    struct udp_queued *item = enqueue(flow, peer, data, size);

    if (item)
        item->is_held = true;
}

/* False: it goes nowhere now. */
static bool passes_watch(struct udp_flow *flow, const struct endpoint *peer, const void *data,
                         size_t size)
{
    switch (watch_quic(flow, peer, data, size)) {
    case QUIC_REFUSE:
        flow->traffic->flows.counters.blocked++;
        dgram_refuse(flow->client);
        refuse_held(flow);
        return false;
    case QUIC_HOLD: hold(flow, peer, data, size); return false;
    case QUIC_PASS: break;
    }
    if (flow->quic && !quic_watch_is_waiting(flow->quic))
        release_held(flow);
    return true;
}

/* To the target of a peer that was let through. */
static void carry_to(struct udp_flow *flow, const struct endpoint *peer, const void *data,
                     size_t size)
{
    struct udp_queued *item;

    if (!passes_watch(flow, peer, data, size)) {
        return;
    } else if (flow->upstream && !needs_lookup(flow, peer)) {
        send_up(flow, peer, data, size);
    } else {
        item = enqueue(flow, peer, data, size);
        if (item && flow->upstream)
            send_queued(item);
    }
}

static void carry(struct udp_flow *flow, const struct endpoint *peer, const void *data, size_t size)
{
    struct endpoint target;

    if (is_refused(flow, peer)) {
        dgram_refuse(flow->client);
        return;
    }
    target = flow->target;
    if (flow->meant.family && endpoint_is_name(peer) && !endpoint_is_name(&target))
        peer_table_put(flow->peers, &flow->meant, &target.address);
    carry_to(flow, &target, data, size);
}

/* Whom the stand-in is for: an address that was found for its name, or the name. */
static int find_meant(struct udp_flow *flow, const struct endpoint *peer, struct endpoint *ret)
{
    const struct address *real = NULL;

    if (!flow->peers)
        flow->peers = calloc(1, sizeof(*flow->peers));
    if (!flow->peers)
        return -ENOMEM;
    real = peer_table_real(flow->peers, &peer->address);
    if (!real)
        return stand_ins_translate(flow->traffic->stand_ins, peer, stand_ins_now_s(), ret);
    *ret = endpoint_from_address(real);
    return 0;
}

static void carry_to_stand_in(struct udp_flow *flow, const struct endpoint *peer, const void *data,
                              size_t size)
{
    struct endpoint meant;

    if (find_meant(flow, peer, &meant) < 0) {
        dgram_refuse(flow->client);
        return;
    }
    flow->meant = peer->address;
    carry(flow, &meant, data, size);
    flow->meant = (struct address){0};
}

static void on_client_datagram(void *owner, const struct endpoint *peer, const void *data,
                               size_t size)
{
    struct udp_flow *flow = owner;

    flow->caller = caller_of_datagram(flow->client, peer);
    if (peer->address.port == DNS_PORT) {
        if (udp_questions_ask(&flow->questions, &flow->caller, peer, data, size) < 0)
            flow->traffic->flows.counters.dropped++;
    } else if (flow->traffic->stand_ins && !endpoint_is_name(peer) &&
               stand_ins_is(&peer->address)) {
        carry_to_stand_in(flow, peer, data, size);
    } else {
        carry(flow, peer, data, size);
    }
}

static void udp_flow_free(struct udp_flow *flow)
{
    udp_questions_done(&flow->questions);
    udp_queue_done(&flow->queue);
    associate_cancel(flow->associate);
    forget_tried(flow);
    if (flow->quic)
        quic_watch_done(flow->quic);
    free(flow->quic);
    free(flow->peers);
    dgram_close(flow->upstream);
    dgram_close(flow->client);
    if (flow->is_in_registry)
        flow_done(&flow->flow);
    list_remove(&flow->node);
    free(flow);
}

static void on_client_end(void *owner, int err)
{
    (void)err;
    udp_flow_free(owner);
}

void udp_flow_start(struct traffic *traffic, const char *door, struct dgram *client)
{
    struct udp_flow *flow = calloc(1, sizeof(*flow));

    if (!flow) {
        dgram_close(client);
        return;
    }
    flow->traffic = traffic;
    flow->door = door;
    flow->client = client;
    udp_queue_init(&flow->queue, flow);
    udp_questions_init(&flow->questions, traffic->dns, client);
    list_append(&traffic->udp_flows, &flow->node);
    client->on_datagram = on_client_datagram;
    client->on_end = on_client_end;
    client->owner = flow;
}

void udp_flow_abort_all(struct traffic *traffic)
{
    list_each(node, &traffic->udp_flows)
        udp_flow_free(list_item(node, struct udp_flow, node));
}
