#include "service/engine/flow.h"

#include "base/err.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void flows_init(struct flows *flows, struct loop *loop, flow_tally_fn *find_tally, void *owner)
{
    *flows = (struct flows){.loop = loop, .next_id = 1, .find_tally = find_tally, .owner = owner};
    list_init(&flows->all);
    trim_init(&flows->trim, loop);
    destinations_init(&flows->destinations);
}

void flows_done(struct flows *flows)
{
    trim_done(&flows->trim);
    destinations_done(&flows->destinations);
}

static void count(struct flows *flows, enum flow_kind kind, int change)
{
    flows->live[kind] += (uint32_t)change;
    trim_note(&flows->trim, flows->live[FLOW_TCP] + flows->live[FLOW_UDP]);
}

static int enter_destination(struct flows *flows, enum flow_kind kind,
                             const struct endpoint *target, struct destination **ret)
{
    int err;

    if (kind != FLOW_TCP)
        return 0;
    err = destinations_enter(&flows->destinations, target, ret);
    if (err == ERR_LIMIT)
        flows->counters.refused_per_destination++;
    return err;
}

int flow_init(struct flow *flow, struct flows *flows, enum flow_kind kind, const char *door,
              const struct address *client, const struct endpoint *target)
{
    struct destination *destination = NULL;
    int err;

    if (flows->live[kind] >= flows->max[kind]) {
        flows->counters.refused_at_limit[kind]++;
        return ERR_LIMIT;
    }
    err = enter_destination(flows, kind, target, &destination);
    if (err < 0)
        return err;
    *flow = (struct flow){
        .flows = flows,
        .id = flows->next_id++,
        .kind = kind,
        .door = door,
        .client = *client,
        .target = *target,
        .destination = destination,
        .started_at_ms = loop_now_ms(flows->loop),
    };
    list_append(&flows->all, &flow->node);
    count(flows, kind, 1);
    flows->counters.opened[kind]++;
    if (endpoint_is_name(target))
        flow_set_host(flow, target->name);
    return 0;
}

void flow_done(struct flow *flow)
{
    list_remove(&flow->node);
    count(flow->flows, flow->kind, -1);
    if (flow->destination)
        destinations_leave(&flow->flows->destinations, flow->destination);
    upstream_unref(flow->upstream);
    free(flow->host);
}

void flow_set_host(struct flow *flow, const char *host)
{
    if (!flow->host && *host)
        flow->host = strdup(host); /* without memory it stays unknown */
}

void flow_set_upstream(struct flow *flow, struct upstream *upstream)
{
    upstream_ref(upstream);
    upstream_unref(flow->upstream);
    flow->upstream = upstream;
    flow->tally = flow->flows->find_tally(flow->flows->owner, upstream->name);
}

void flow_set_relaying(struct flow *flow)
{
    flow->state = FLOW_RELAYING;
    flow->tally->requests++;
}

void flow_count(struct flow *flow, uint64_t up, uint64_t down)
{
    flow->bytes.up += up;
    flow->bytes.down += down;
    flow->tally->bytes.up += up;
    flow->tally->bytes.down += down;
}

const char *flow_format(const struct flow *flow, char *to)
{
    char target[ENDPOINT_TEXT_MAX] = "(name)";
    bool with_names = log_has_names();

    if (with_names || !endpoint_is_name(&flow->target))
        endpoint_format(&flow->target, target);
    snprintf(to, FLOW_TEXT_MAX, "target=%s%s%s", target, with_names && flow->host ? " host=" : "",
             with_names && flow->host ? flow->host : "");
    return to;
}

const char *flow_state_text(enum flow_state state)
{
    switch (state) {
    case FLOW_ACCEPTED: return "accepted";
    case FLOW_SNIFFING: return "sniffing";
    case FLOW_DIALING: return "dialing";
    case FLOW_RELAYING: return "relaying";
    }
    return "";
}
