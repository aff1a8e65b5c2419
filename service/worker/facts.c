#include "service/worker/facts.h"

#include "base/err.h"
#include "service/worker/journal.h"
#include "service/worker/list_facts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* --- filter.check ---------------------------------------------------------------------------- */

struct type_name {
    const char *name;
    enum filter_type type;
};

static const struct type_name type_names[] = {
    {"", FILTER_TYPE_DOCUMENT},
    {"document", FILTER_TYPE_DOCUMENT},
    {"subdocument", FILTER_TYPE_SUBDOCUMENT},
    {"script", FILTER_TYPE_SCRIPT},
    {"image", FILTER_TYPE_IMAGE},
    {"stylesheet", FILTER_TYPE_STYLESHEET},
    {"font", FILTER_TYPE_FONT},
    {"media", FILTER_TYPE_MEDIA},
    {"xmlhttprequest", FILTER_TYPE_XMLHTTPREQUEST},
    {"websocket", FILTER_TYPE_WEBSOCKET},
    {"ping", FILTER_TYPE_PING},
    {"object", FILTER_TYPE_OBJECT},
    {"other", FILTER_TYPE_OTHER},
};

static int find_type(const char *name, enum filter_type *ret)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++) {
        if (strcmp(type_names[i].name, name ? name : "") == 0) {
            *ret = type_names[i].type;
            return 0;
        }
    }
    return -EINVAL;
}

/* What filter_describe lends a rule its name from. */
static void copy_host(const struct control_question *question, char to[NAME_MAX_BYTES + 1])
{
    const char *scheme = question->host ? NULL : strstr(question->url, "://");
    const char *host = question->host ? question->host : scheme ? scheme + 3 : question->url;

    snprintf(to, NAME_MAX_BYTES + 1, "%.*s",
             (int)(question->host ? strlen(host) : strcspn(host, "/:?#")), host);
}

static int make_request(const struct control_question *question, struct filter_request *ret)
{
    const char *source = question->source_url ? question->source_url : "";

    *ret = (struct filter_request){
        .url = question->url,
        .url_size = strlen(question->url),
        .source_url = source,
        .source_url_size = strlen(source),
        .method = "GET",
    };
    return find_type(question->type, &ret->type);
}

static int ask(const struct filter *filter, const struct control_question *question,
               struct verdict *ret)
{
    struct filter_request request;
    int err = 0;

    if (question->host)
        filter_ask_name(filter, &(struct filter_name){.host = question->host}, ret);
    else if ((err = make_request(question, &request)) == 0)
        filter_ask_request(filter, &request, ret);
    return err;
}

static const char *verdict_text(const struct verdict *verdict)
{
    if (verdict_is_block(verdict))
        return "block";
    if (verdict->action == VERDICT_ALLOW)
        return "allow";
    return verdict->action == VERDICT_REWRITE ? "rewrite" : "none";
}

static struct control_verdict describe(const struct filter *filter, const struct verdict *verdict,
                                       const char *host)
{
    struct control_verdict ret = {.verdict = verdict_text(verdict)};

    if (verdict->action != VERDICT_NONE)
        filter_describe(filter, verdict, host, ret.list, sizeof(ret.list), ret.rule,
                        sizeof(ret.rule));
    return ret;
}

static int check(void *owner, const struct control_question *question, struct control_verdict *ret)
{
    const struct facts *facts = owner;
    const struct filter *filter = engine_filter(facts->engine);
    char host[NAME_MAX_BYTES + 1];
    struct verdict verdict;
    int err;

    if (!filter)
        return -ENOENT;
    err = ask(filter, question, &verdict);
    if (err < 0)
        return err;
    copy_host(question, host);
    *ret = describe(filter, &verdict, host);
    return 0;
}

struct explanation {
    const struct filter *filter;
    const char *host;
    control_match_fn *tell;
    void *to;
};

static void tell_match(void *owner, const struct verdict *match)
{
    struct explanation *explanation = owner;
    struct control_verdict told = describe(explanation->filter, match, explanation->host);

    explanation->tell(explanation->to, &told);
}

static int explain(void *owner, const struct control_question *question, control_match_fn *tell,
                   void *to)
{
    const struct facts *facts = owner;
    const struct filter *filter = engine_filter(facts->engine);
    char host[NAME_MAX_BYTES + 1];
    struct explanation explanation = {filter, host, tell, to};
    struct filter_request request;
    int err = filter ? 0 : -ENOENT;

    copy_host(question, host);
    if (err == 0 && question->host)
        filter_explain_name(filter, &(struct filter_name){.host = host}, tell_match, &explanation);
    else if (err == 0 && (err = make_request(question, &request)) == 0)
        filter_explain_request(filter, &request, tell_match, &explanation);
    return err;
}

/* --- the user's own rules -------------------------------------------------------------------- */

static void tell_filter(void *owner, struct control_filter *ret)
{
    const struct facts *facts = owner;
    struct engine_filter_state state;

    engine_filter_state(facts->engine, &state);
    ret->paused_until_s = state.own->paused_until_s;
    ret->state = !state.is_configured        ? "off"
                 : state.own->paused_until_s ? "paused"
                 : state.is_off_by_schedule  ? "scheduled off"
                                             : "on";
}

static void tell_rules(void *owner, control_rule_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct engine_filter_state state;

    engine_filter_state(facts->engine, &state);
    for (size_t i = 0; i < state.own->count; i++) {
        const struct own_rule *rule = &state.own->rules[i];
        if (!tell(to, &(struct control_rule){rule->name, rule->is_allowed, rule->until_s}))
            return;
    }
}

static int carry_out(struct engine *engine, const struct control_change *change)
{
    switch (change->kind) {
    case CONTROL_PAUSE:
        return change->name ? engine_rule(engine, change->name, true, change->until_s)
                            : engine_pause(engine, change->until_s);
    case CONTROL_RESUME:
        return change->name ? engine_forget_rule(engine, change->name) : engine_pause(engine, 0);
    case CONTROL_ALLOW: return engine_rule(engine, change->name, true, change->until_s);
    case CONTROL_DENY: return engine_rule(engine, change->name, false, change->until_s);
    }
    return -EINVAL;
}

static_assert(CONTROL_FOR_EVER == OWN_RULES_FOR_EVER, "passed on as it is");

static int change(void *owner, const struct control_change *change)
{
    const struct facts *facts = owner;
    int err = carry_out(facts->engine, change);

    if (err == ERR_LIMIT)
        return -ENOSPC;
    return err < 0 && err != -ENOENT && err != -ENOMEM ? -EIO : err;
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
        .check = check,
        .explain = explain,
        .filter = tell_filter,
        .rules = tell_rules,
        .change = change,
        .lists = list_facts_tell,
        .lists_problem = list_facts_problem,
        .update_lists = list_facts_update,
    };
}
