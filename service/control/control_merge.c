/* Several workers' answers to one question, made into one. Into `result`, which this worker's own
 * facts filled: figures are summed, lists joined in their order; what came from another process is
 * parsed JSON, and whatever of it is not as expected counts for nothing. */
#include "service/control/control_method.h"

#include <stdlib.h>
#include <string.h>

/* A figure of our own is raw text (control_add_number). */
static uint64_t figure(const cJSON *item)
{
    if (cJSON_IsRaw(item))
        return strtoull(item->valuestring, NULL, 10);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static uint64_t figure_at(const cJSON *object, const char *name)
{
    return figure(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const char *text_at(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static void set_figure(cJSON *object, const char *name, uint64_t value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    control_add_number(object, name, value);
}

static void add_figure(cJSON *object, const cJSON *more, const char *name)
{
    set_figure(object, name, figure_at(object, name) + figure_at(more, name));
}

static void raise_figure(cJSON *object, const cJSON *more, const char *name)
{
    uint64_t ours = figure_at(object, name), theirs = figure_at(more, name);
    set_figure(object, name, theirs > ours ? theirs : ours);
}

/* Every worker has the same lists. */
static bool is_common(const char *group, const char *name)
{
    static const char *const common[] = {"lists", "names", "rules", "exceptions"};
    if (strcmp(group, "filter") != 0)
        return false;
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (strcmp(common[i], name) == 0)
            return true;
    return false;
}

static void merge_group(cJSON *group, const cJSON *more)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, more)
    {
        if (is_common(group->string, item->string))
            raise_figure(group, more, item->string);
        else
            add_figure(group, more, item->string);
    }
}

static void merge_counters(cJSON *counters, const cJSON *more)
{
    const cJSON *group;
    cJSON_ArrayForEach(group, more)
    {
        cJSON *own = cJSON_GetObjectItemCaseSensitive(counters, group->string);
        if (own && cJSON_IsObject(group))
            merge_group(own, group);
    }
}

/* The better health: a flow that one worker cannot send there, another one can. */
static unsigned rank_of(const char *health)
{
    static const char *const ascending[] = {"untried", "resting", "healthy"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(ascending[i], health) == 0)
            return i;
    return 0;
}

static void copy_member(cJSON *to, const cJSON *from, const char *name)
{
    cJSON *item = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(from, name), true);
    if (item)
        cJSON_ReplaceItemInObjectCaseSensitive(to, name, item);
}

static void merge_upstream(cJSON *upstream, const cJSON *more)
{
    static const char *const health[] = {"health", "retry_in_ms", "failures_in_a_row",
                                         "last_error"};
    add_figure(upstream, more, "dials");
    add_figure(upstream, more, "failures");
    if (rank_of(text_at(more, "health")) <= rank_of(text_at(upstream, "health")))
        return;
    for (size_t i = 0; i < sizeof(health) / sizeof(health[0]); i++)
        copy_member(upstream, more, health[i]);
}

static void merge_upstreams(cJSON *upstreams, const cJSON *more)
{
    const cJSON *other;
    cJSON *upstream;
    cJSON_ArrayForEach(other, more)
    {
        cJSON_ArrayForEach(upstream, upstreams)
        {
            if (strcmp(text_at(upstream, "name"), text_at(other, "name")) == 0)
                merge_upstream(upstream, other);
        }
    }
}

static void add_worker(cJSON *workers, const cJSON *status, unsigned number)
{
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(status, "counters");
    const cJSON *flows = cJSON_GetObjectItemCaseSensitive(counters, "flows");
    const cJSON *tun = cJSON_GetObjectItemCaseSensitive(counters, "tun");
    cJSON *worker = cJSON_CreateObject();
    control_add_number(worker, "worker", number + 1);
    cJSON_AddStringToObject(worker, "state", text_at(status, "state"));
    cJSON_AddStringToObject(worker, "reason", text_at(status, "reason"));
    cJSON_AddStringToObject(worker, "upstream", text_at(status, "upstream"));
    control_add_number(worker, "uptime_ms", figure_at(status, "uptime_ms"));
    control_add_number(worker, "tcp", figure_at(flows, "tcp"));
    control_add_number(worker, "udp", figure_at(flows, "udp"));
    control_add_number(worker, "bytes_in", figure_at(tun, "bytes_in"));
    control_add_number(worker, "bytes_out", figure_at(tun, "bytes_out"));
    cJSON_AddItemToArray(workers, worker);
}

static void raise_flag(cJSON *object, const cJSON *more, const char *name)
{
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(more, name)))
        cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateTrue());
}

/* All write into one file: its size is the same for each, as the latest saw it. */
static void merge_log(cJSON *log, const cJSON *more)
{
    if (!cJSON_IsObject(log) || !cJSON_IsObject(more))
        return;
    add_figure(log, more, "written");
    add_figure(log, more, "dropped");
    add_figure(log, more, "lost");
    raise_figure(log, more, "bytes");
    raise_flag(log, more, "is_failing");
    raise_flag(log, more, "was_damaged");
}

void control_merge_status(cJSON *result, const cJSON *more, unsigned number)
{
    cJSON *workers = cJSON_GetObjectItemCaseSensitive(result, "workers");
    if (!workers) {
        workers = cJSON_AddArrayToObject(result, "workers");
        add_worker(workers, result, 0);
    }
    add_worker(workers, more, number);
    merge_counters(cJSON_GetObjectItemCaseSensitive(result, "counters"),
                   cJSON_GetObjectItemCaseSensitive(more, "counters"));
    merge_log(cJSON_GetObjectItemCaseSensitive(result, "log"),
              cJSON_GetObjectItemCaseSensitive(more, "log"));
    merge_upstreams(cJSON_GetObjectItemCaseSensitive(result, "upstreams"),
                    cJSON_GetObjectItemCaseSensitive(more, "upstreams"));
}

/* Lists: both are in order, and so is what becomes of them. */

typedef bool before_fn(const cJSON *a, const cJSON *b);

static void merge_lists(cJSON *result, const cJSON *more, const char *name, before_fn *is_before)
{
    cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(result, name);
    cJSON *other = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(more, name), true);
    cJSON *both = cJSON_AddArrayToObject(result, name);
    int room = cJSON_GetArraySize(own) + cJSON_GetArraySize(other);
    for (; room > 0; room--) {
        cJSON *a = cJSON_GetArrayItem(own, 0), *b = cJSON_GetArrayItem(other, 0);
        cJSON *from = !a || (b && is_before(b, a)) ? other : own;
        cJSON_AddItemToArray(both, cJSON_DetachItemFromArray(from, 0));
    }
    cJSON_Delete(own);
    cJSON_Delete(other);
}

static void mark(const cJSON *list, unsigned number)
{
    cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_HasObjectItem(item, "worker"))
            control_add_number(item, "worker", number + 1);
    }
}

static bool is_older(const cJSON *a, const cJSON *b)
{
    return figure_at(a, "age_ms") > figure_at(b, "age_ms");
}

void control_merge_flows(cJSON *result, const cJSON *more, unsigned number)
{
    mark(cJSON_GetObjectItemCaseSensitive(result, "flows"), 0);
    merge_lists(result, more, "flows", is_older);
    mark(cJSON_GetObjectItemCaseSensitive(result, "flows"), number);
    add_figure(result, more, "total");
}

static bool is_newer(const cJSON *a, const cJSON *b)
{
    return strcmp(text_at(a, "time"), text_at(b, "time")) > 0;
}

void control_merge_blocked(cJSON *result, const cJSON *more, unsigned number)
{
    (void)number;
    merge_lists(result, more, "blocked", is_newer);
}

static void cut(cJSON *result, const char *name, int limit)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(result, name);
    for (int size = cJSON_GetArraySize(list); size > limit; size--)
        cJSON_DeleteItemFromArray(list, size - 1);
}

void control_merge_end(cJSON *result, const cJSON *params)
{
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(params, "limit");
    cut(result, "flows", limit ? limit->valueint : CONTROL_FLOWS_DEFAULT);
    cut(result, "blocked", limit ? limit->valueint : CONTROL_REFUSALS_DEFAULT);
}
