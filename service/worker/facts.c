#include "service/worker/facts.h"

#include "base/err.h"
#include "service/worker/filter_facts.h"
#include "service/worker/journal.h"
#include "service/worker/list_facts.h"

enum { UPSTREAMS_MAX = 256 };

static const char *state_text(enum health_state state)
{
    switch (state) {
    case HEALTH_CONNECTING: return "connecting";
    case HEALTH_ON: return "on";
    case HEALTH_BLOCKED: return "blocked";
    case HEALTH_FAILING: return "failing";
    }
    return "";
}

static void tell_state(void *owner, struct control_state *ret)
{
    const struct facts *facts = owner;
    struct engine_status status;

    engine_look(facts->engine);
    engine_status(facts->engine, &status);
    *ret = (struct control_state){
        .state = status.has_tun ? state_text(status.state) : "off",
        .reason = status.reason,
        .upstream = status.upstream,
        .uptime_ms = loop_now_ms(facts->loop) - facts->started_at_ms,
    };
}

struct counter {
    const char *group, *name;
    uint64_t value;
};

static void tell_counters(void *owner, control_counter_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct askers_stats apps = {0};
    struct engine_status s;

    engine_status(facts->engine, &s);
    if (facts->journal)
        apps = journal_stats(facts->journal);
    const struct counter counters[] = {
        {"flows", "tcp", s.live[FLOW_TCP]},
        {"flows", "udp", s.live[FLOW_UDP]},
        {"flows", "tcp_opened", s.flows.opened[FLOW_TCP]},
        {"flows", "udp_opened", s.flows.opened[FLOW_UDP]},
        {"flows", "blocked", s.flows.blocked},
        {"flows", "failed", s.flows.failed},
        {"flows", "udp_dropped", s.flows.dropped},
        {"flows", "tcp_refused_at_limit", s.flows.refused_at_limit[FLOW_TCP]},
        {"flows", "udp_refused_at_limit", s.flows.refused_at_limit[FLOW_UDP]},
        {"flows", "tcp_refused_per_destination", s.flows.refused_per_destination},
        {"filter", "asked", s.asked},
        {"filter", "blocked", s.blocked},
        {"filter", "lists", s.filter.lists},
        {"filter", "names", s.filter.names},
        {"filter", "rules", s.filter.rules},
        {"filter", "exceptions", s.filter.exceptions},
        {"filter", "memory_bytes", s.filter.memory_bytes},
        {"dns", "questions", s.dns.questions},
        {"dns", "stale", s.dns.stale},
        {"dns", "prefetched", s.dns.prefetched},
        {"dns", "blocked", s.dns.policy.blocked},
        {"dns", "rewritten", s.dns.policy.rewritten},
        {"dns", "local", s.dns.policy.local},
        {"dns", "private_refused", s.dns.policy.rebinding},
        {"dns", "from_cache", s.dns.from_cache},
        {"dns", "forwarded", s.dns.forwarded},
        {"dns", "failed", s.dns.failed},
        {"dns", "known_failures", s.dns.known_failures},
        {"dns", "malformed", s.dns.malformed},
        {"dns", "refused_at_limit", s.dns.refused_at_limit},
        {"dns", "cache_entries", s.dns.cache.entries},
        {"dns", "cache_bytes", s.dns.cache.bytes},
        {"tun", "packets_in", s.tun.packets_in},
        {"tun", "packets_out", s.tun.packets_out},
        {"tun", "bytes_in", s.tun.bytes_in},
        {"tun", "bytes_out", s.tun.bytes_out},
        {"tun", "bad_packets", s.tun.bad_packets},
        {"tun", "half_open", s.tun.half_open},
        {"tun", "echo_answered", s.tun.echo_answered},
        {"tun", "echo_refused", s.tun.echo_refused},
        {"tun", "refused_tcp", s.tun.refused_tcp},
        {"tun", "refused_tcp_per_destination", s.tun.refused_tcp_per_destination},
        {"tun", "refused_tcp_silently", s.tun.refused_tcp_silently},
        {"tun", "refused_udp", s.tun.refused_udp},
        {"tun", "dropped_out", s.tun.dropped_out},
        {"local", "clients", s.door.clients},
        {"local", "accepted", s.door.accepted},
        {"local", "refused_at_limit", s.door.refused_at_limit},
        {"local", "bad_logins", s.door.bad_logins},
        {"local", "bad_requests", s.door.bad_requests},
        {"apps", "asked", apps.asked},
        {"apps", "named", apps.named},
        {"apps", "unnamed", apps.unnamed},
        {"apps", "unasked", apps.unasked},
        {"buffers", "used_bytes", s.buffers.used_bytes},
        {"buffers", "kept_bytes", s.buffers.kept_bytes},
        {"buffers", "refusals", s.buffers.refusals},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
        if (!tell(to, counters[i].group, counters[i].name, counters[i].value))
            return;
}

static const char *health_text(enum pool_health health)
{
    switch (health) {
    case POOL_UNTRIED: return "untried";
    case POOL_HEALTHY: return "healthy";
    case POOL_RESTING: return "resting";
    }
    return "";
}

static void tell_upstreams(void *owner, control_upstream_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct pool_member members[UPSTREAMS_MAX];
    size_t count = engine_upstreams(facts->engine, members, UPSTREAMS_MAX);
    uint64_t now_ms = loop_now_ms(facts->loop);

    for (size_t i = 0; i < count; i++) {
        const struct pool_member *member = &members[i];
        bool has_server =
            member->upstream->kind != UPSTREAM_DIRECT && member->upstream->kind != UPSTREAM_BLOCK;
        char server[ENDPOINT_TEXT_MAX] = "";
        struct control_upstream upstream = {
            .name = member->upstream->name,
            .kind = upstream_kind_text(member->upstream->kind),
            .server = has_server ? endpoint_format(&member->upstream->server, server) : "",
            .health = health_text(member->health),
            .retry_in_ms = member->health == POOL_RESTING && member->retry_at_ms > now_ms
                               ? member->retry_at_ms - now_ms
                               : 0,
            .failures_in_a_row = member->failures_in_a_row,
            .last_error = member->last_err < 0 ? err_text(member->last_err) : NULL,
            .dials = member->dials,
            .failures = member->failures,
        };
        if (!tell(to, &upstream))
            return;
    }
}

struct flow_teller {
    control_flow_fn *tell;
    void *to;
    uint64_t now_ms;
};

static bool tell_flow(void *owner, const struct flow *flow)
{
    const struct flow_teller *teller = owner;
    struct control_flow told = {
        .id = flow->id,
        .kind = flow->kind == FLOW_TCP ? "tcp" : "udp",
        .door = flow->door,
        .state = flow_state_text(flow->state),
        .host = flow->host,
        .upstream = flow->upstream ? flow->upstream->name : NULL,
        .client = flow->client,
        .target = flow->target,
        .up = flow->bytes.up,
        .down = flow->bytes.down,
        .age_ms = teller->now_ms - flow->started_at_ms,
    };
    return teller->tell(teller->to, &told);
}

static void tell_flows(void *owner, control_flow_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct flow_teller teller = {tell, to, loop_now_ms(facts->loop)};
    engine_each_flow(facts->engine, tell_flow, &teller);
}

static void tell_refusals(void *owner, control_refusal_fn *tell, void *to)
{
    const struct facts *facts = owner;
    const struct refusal *refusals[DECISIONS_KEPT];
    size_t count = engine_refusals(facts->engine, refusals, DECISIONS_KEPT);

    for (size_t i = 0; i < count; i++) {
        struct control_refusal told = {
            .at_unix_ms = refusals[i]->at_unix_ms,
            .kind = refusals[i]->kind,
            .name = refusals[i]->name,
            .list = refusals[i]->list,
            .rule = refusals[i]->rule,
            .client = refusals[i]->client,
        };
        if (!tell(to, &told))
            return;
    }
}

struct control_source facts_source(struct facts *facts)
{
    return (struct control_source){
        .owner = facts,
        .state = tell_state,
        .counters = tell_counters,
        .upstreams = tell_upstreams,
        .flows = tell_flows,
        .refusals = tell_refusals,
        .check = filter_facts_check,
        .explain = filter_facts_explain,
        .filter = filter_facts_tell,
        .rules = filter_facts_tell_rules,
        .change = filter_facts_change,
        .lists = list_facts_tell,
        .lists_problem = list_facts_problem,
        .update_lists = list_facts_update,
    };
}
