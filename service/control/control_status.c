/* status, flows and blocked: what goes on now, as the source tells it. */
#include "service/control/control_method.h"

enum { REFUSALS_MAX = 256 };

static void add_text(cJSON *object, const char *name, const char *text)
{
    cJSON_AddStringToObject(object, name, text ? text : "");
}

static void add_optional(cJSON *object, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(object, name, text);
    else
        cJSON_AddNullToObject(object, name);
}

static bool add_counter(void *to, const char *group, const char *name, uint64_t value)
{
    cJSON *object = cJSON_GetObjectItemCaseSensitive(to, group);
    if (!object)
        object = cJSON_AddObjectToObject(to, group);
    control_add_number(object, name, value);
    return object != NULL;
}

static bool add_upstream(void *to, const struct control_upstream *upstream)
{
    cJSON *object = cJSON_CreateObject();
    add_text(object, "name", upstream->name);
    add_text(object, "kind", upstream->kind);
    add_text(object, "server", upstream->server);
    add_text(object, "health", upstream->health);
    control_add_number(object, "retry_in_ms", upstream->retry_in_ms);
    control_add_number(object, "failures_in_a_row", upstream->failures_in_a_row);
    add_optional(object, "last_error", upstream->last_error);
    control_add_number(object, "dials", upstream->dials);
    control_add_number(object, "failures", upstream->failures);
    return cJSON_AddItemToArray(to, object);
}

int control_status_method(const struct control_context *context, const cJSON *params, cJSON *result,
                          struct control_problem *problem)
{
    const struct control_source *source = context->source;
    struct control_state state = {.state = "connecting"};
    (void)params;
    (void)problem;
    if (source->state)
        source->state(source->owner, &state);
    add_text(result, "state", state.state);
    add_text(result, "reason", state.reason);
    add_text(result, "upstream", state.upstream);
    control_add_number(result, "uptime_ms", state.uptime_ms);
    add_text(result, "version", ATLANTIC_VERSION);
    cJSON *upstreams = cJSON_AddArrayToObject(result, "upstreams");
    if (source->upstreams)
        source->upstreams(source->owner, add_upstream, upstreams);
    control_add_filter(context, result);
    control_add_log(context, result);
    cJSON *counters = cJSON_AddObjectToObject(result, "counters");
    if (source->counters)
        source->counters(source->owner, add_counter, counters);
    return 0;
}

/* An array that is full at some length; what does not fit is counted. */
struct bounded {
    cJSON *array;
    int room;
    uint64_t total;
};

static bool add_flow(void *to, const struct control_flow *flow)
{
    struct bounded *flows = to;
    char target[ENDPOINT_TEXT_MAX];
    flows->total++;
    if (flows->room == 0)
        return true;
    flows->room--;
    cJSON *object = cJSON_CreateObject();
    control_add_number(object, "id", flow->id);
    add_text(object, "kind", flow->kind);
    add_text(object, "door", flow->door);
    add_text(object, "state", flow->state);
    control_add_address(object, "client", &flow->client);
    add_text(object, "target", endpoint_format(&flow->target, target));
    add_optional(object, "host", flow->host);
    add_optional(object, "upstream", flow->upstream);
    control_add_number(object, "bytes_up", flow->up);
    control_add_number(object, "bytes_down", flow->down);
    control_add_number(object, "age_ms", flow->age_ms);
    return cJSON_AddItemToArray(flows->array, object);
}

int control_flows_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    struct bounded flows = {.array = cJSON_AddArrayToObject(result, "flows")};
    const struct control_source *source = context->source;
    if (control_param_number(params, "limit", 1, CONTROL_FLOWS_MAX, CONTROL_FLOWS_DEFAULT,
                             &flows.room, problem) < 0)
        return -1;
    if (source->flows)
        source->flows(source->owner, add_flow, &flows);
    control_add_number(result, "total", flows.total);
    return 0;
}

static bool add_refusal(void *to, const struct control_refusal *refusal)
{
    struct bounded *refusals = to;
    if (refusals->room-- == 0)
        return false;
    cJSON *object = cJSON_CreateObject();
    control_add_time(object, "time", refusal->at_unix_ms);
    add_text(object, "kind", refusal->kind);
    add_text(object, "name", refusal->name);
    add_text(object, "list", refusal->list);
    add_text(object, "rule", refusal->rule);
    control_add_address(object, "client", &refusal->client);
    return cJSON_AddItemToArray(refusals->array, object);
}

int control_blocked_method(const struct control_context *context, const cJSON *params,
                           cJSON *result, struct control_problem *problem)
{
    struct bounded refusals = {.array = cJSON_AddArrayToObject(result, "blocked")};
    const struct control_source *source = context->source;
    if (control_param_number(params, "limit", 1, REFUSALS_MAX, CONTROL_REFUSALS_DEFAULT,
                             &refusals.room, problem) < 0)
        return -1;
    if (source->refusals)
        source->refusals(source->owner, add_refusal, &refusals);
    return 0;
}
