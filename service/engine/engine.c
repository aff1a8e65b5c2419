#include "service/engine/engine_parts.h"

#include "base/err.h"
#include "service/engine/dns_stream.h"
#include "service/engine/tcp_flow.h"
#include "service/engine/udp_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Addresses whose names are remembered. */
enum { NAMES_MAX = 32768 };
/* --- what the parts ask of the engine -------------------------------------------------------- */

static const struct filter *filter_in_force(void *owner)
{
    return engine_filter(owner);
}

static void on_blocked(void *owner)
{
    struct engine *engine = owner;
    engine->host.on_blocked(engine->host.owner);
}

static struct tally *find_tally(void *owner, const char *upstream)
{
    struct engine *engine = owner;
    return engine->host.tally(engine->host.owner, upstream);
}

static void on_outcome(void *owner, int err)
{
    struct engine *engine = owner;
    health_note(&engine->health, err);
}

static void on_health(void *owner, enum health_state state, const char *reason,
                      const char *upstream)
{
    struct engine *engine = owner;
    if (state == HEALTH_ON)
        list_keeper_hurry(engine->list_keeper);
    engine->host.report(engine->host.owner, state, reason, upstream);
}

static void admit(void *owner, const struct address *address, int protocol)
{
    struct engine *engine = owner;
    engine->host.admit(engine->host.owner, address, protocol);
}

static void withdraw(void *owner, const struct address *address, int protocol)
{
    struct engine *engine = owner;
    engine->host.withdraw(engine->host.owner, address, protocol);
}

static void on_upstream_ready(void *owner)
{
    struct engine *engine = owner;
    health_retry(&engine->health);
}

static void on_upstream_failed(void *owner, const char *upstream, int err)
{
    struct engine *engine = owner;
    health_complain(&engine->health, upstream, err);
}

void engine_take_inbound(struct engine *engine, struct inbound *inbound)
{
    tcp_flow_start(&engine->traffic, inbound);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    engine_take_inbound(owner, inbound);
}

static void on_tun_udp(void *owner, struct dgram *client)
{
    struct engine *engine = owner;
    udp_flow_start(&engine->traffic, "tun", client);
}

static void on_door_udp(void *owner, struct dgram *client)
{
    struct engine *engine = owner;
    udp_flow_start(&engine->traffic, "socks5", client);
}

static void on_echo(void *owner, const struct address *target)
{
    struct engine *engine = owner;
    echo_ask(&engine->echo, target);
}

static void on_echo_result(void *owner, const struct address *target, int err)
{
    struct engine *engine = owner;
    if (engine->netstack)
        netstack_echo_result(engine->netstack, target, err);
}

/* --- life ------------------------------------------------------------------------------------ */

static void init_traffic(struct engine *engine)
{
    struct traffic *traffic = &engine->traffic;

    traffic->loop = engine->loop;
    flows_init(&traffic->flows, engine->loop, find_tally, engine);
    traffic->connector =
        (struct connector){.loop = engine->loop, .on_outcome = on_outcome, .owner = engine};
    traffic->decisions.filter = filter_in_force;
    traffic->decisions.on_blocked = on_blocked;
    traffic->decisions.owner = engine;
    list_init(&traffic->tcp_flows);
    list_init(&traffic->udp_flows);
    list_init(&traffic->dns_streams);
}

struct engine *engine_new(struct loop *loop, const struct engine_host *host)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct admission_host admission = {admit, withdraw, on_upstream_ready, on_upstream_failed,
                                       engine};

    if (!engine)
        return NULL;
    engine->loop = loop;
    engine->host = *host;
    engine->tun_fd = -1;
    engine->state_dir = -1;
    init_traffic(engine);
    echo_init(&engine->echo, &engine->traffic, on_echo_result, engine);
    health_init(&engine->health, &engine->traffic.connector, on_health, engine);
    engine->traffic.connector.pool = pool_new();
    engine->traffic.names = name_cache_new(NAMES_MAX);
    engine->lists = lists_new(loop, engine_lists_changed, engine);
    engine->admission = engine->traffic.connector.pool
                            ? admission_new(loop, engine->traffic.connector.pool, &admission)
                            : NULL;
    if (!engine->traffic.names || !engine->lists || !engine->admission ||
        engine_rules_init(engine) < 0) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_set_state_dir(struct engine *engine, int dir_fd)
{
    engine->state_dir = dir_fd;
    engine_keep_lists(engine);
}

int engine_share_names(struct engine *engine, int fd)
{
    return name_cache_share(engine->traffic.names, fd);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    health_stop(&engine->health);
    engine_tun_detach(engine);
    tcp_flow_abort_all(&engine->traffic);
    udp_flow_abort_all(&engine->traffic);
    dns_stream_abort_all(&engine->traffic);
    /* Behind their conversations: a client that was refused stays for a while to hear of it. */
    engine_stop_lists(engine);
    if (engine->door)
        door_close(engine->door);
    admission_free(engine->admission);
    dns_free(engine->traffic.dns);
    engine_rules_done(engine);
    lists_free(engine->lists);
    stand_ins_close(engine->traffic.stand_ins);
    name_cache_free(engine->traffic.names);
    dialer_free(engine->traffic.connector.dialer);
    pool_free(engine->traffic.connector.pool);
    flows_done(&engine->traffic.flows);
    config_unref(engine->config);
    config_unref(engine->dns_config);
    free(engine);
}

/* --- doors ----------------------------------------------------------------------------------- */

int engine_listen(struct engine *engine, const int *listeners, size_t count)
{
    static const struct door_events events = {on_inbound, on_door_udp};
    struct door_options options = engine_door_options(engine->config);
    struct door *before = engine->door;
    int err = door_open(engine->loop, listeners, count, &options, &events, engine, &engine->door);

    if (err == 0 && before)
        door_close(before);
    return err;
}

static int open_netstack(struct engine *engine, int tun_fd, bool with_vnet)
{
    static const struct netstack_events events = {on_inbound, on_tun_udp, on_echo};
    static const enum netstack_echo echoes[] = {[CONFIG_ECHO_OFF] = NETSTACK_ECHO_REFUSE,
                                                [CONFIG_ECHO_REACHABLE] = NETSTACK_ECHO_ASK,
                                                [CONFIG_ECHO_ALWAYS] = NETSTACK_ECHO_ANSWER};
    const struct config *config = engine->config;
    struct netstack_options options = {
        .mtu = config->tun.mtu,
        .tcp_max = config->limits.tcp_flows,
        .knocks_max = config->limits.tcp_knocks,
        .knocks_per_destination = config->limits.tcp_knocks_per_destination,
        .udp_max = config->limits.udp_flows,
        .udp_idle_ms = config->timeouts.udp_idle,
        .buffer_bytes = config->limits.buffer_bytes,
        .echo = echoes[config->tun.echo],
    };

    return netstack_open(engine->loop, tun_fd, with_vnet, &options, &events, engine,
                         &engine->netstack);
}

int engine_tun_attach(struct engine *engine, int tun_fd, bool with_vnet)
{
    int err;

    engine_tun_detach(engine);
    err = open_netstack(engine, tun_fd, with_vnet);
    if (err < 0) {
        close(tun_fd);
        return err;
    }
    engine->tun_fd = tun_fd;
    engine_start_health(engine);
    return 0;
}

void engine_tun_detach(struct engine *engine)
{
    health_stop(&engine->health);
    if (!engine->netstack)
        return;
    echo_stop(&engine->echo);
    netstack_close(engine->netstack);
    engine->netstack = NULL;
    close(engine->tun_fd);
    engine->tun_fd = -1;
}

/* --- what goes on ---------------------------------------------------------------------------- */

const struct filter *engine_filter(const struct engine *engine)
{
    const struct engine_rules *rules = &engine->rules;

    if (!engine->config || !engine->config->filter.enabled || rules->own.paused_until_s ||
        rules->is_off_by_schedule)
        return NULL;
    return rules->filter ? rules->filter : lists_filter(engine->lists);
}

void engine_look(struct engine *engine)
{
    health_look(&engine->health);
}

void engine_status(const struct engine *engine, struct engine_status *ret)
{
    const struct traffic *traffic = &engine->traffic;
    const struct filter *filter = engine_filter(engine);

    *ret = (struct engine_status){
        .has_tun = engine->netstack,
        .has_door = engine->door,
        .state = engine->health.state,
        .reason = engine->health.reason,
        .upstream = engine->health.upstream,
        .flows = traffic->flows.counters,
        .asked = traffic->decisions.asked,
        .blocked = traffic->decisions.blocked,
        .buffers = chunk_pool_stats(loop_chunks(engine->loop)),
    };
    for (int kind = 0; kind < FLOW_KINDS; kind++)
        ret->live[kind] = traffic->flows.live[kind];
    if (traffic->dns)
        ret->dns = dns_stats(traffic->dns);
    if (engine->netstack)
        ret->tun = netstack_stats(engine->netstack);
    if (engine->door)
        ret->door = door_stats(engine->door);
    if (filter)
        ret->filter = filter_stats(filter);
}

size_t engine_upstreams(const struct engine *engine, struct pool_member *ret, size_t max)
{
    return pool_members(engine->traffic.connector.pool, ret, max);
}

void engine_each_flow(const struct engine *engine, engine_flow_fn *fn, void *owner)
{
    list_each(node, &engine->traffic.flows.all) {
        if (!fn(owner, list_item(node, struct flow, node)))
            return;
    }
}

void engine_set_log(struct engine *engine, decision_fn *on_decision, decision_caller_fn *on_caller,
                    void *owner, bool wants_passes)
{
    struct decisions *decisions = &engine->traffic.decisions;

    decisions->on_decision = on_decision;
    decisions->on_caller = on_caller;
    decisions->log_owner = owner;
    decisions->wants_passes = on_decision && wants_passes;
}

size_t engine_refusals(const struct engine *engine, const struct refusal **ret, size_t max)
{
    return decisions_last(&engine->traffic.decisions, ret, max);
}
