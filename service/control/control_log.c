/* log and log.counts: the query log. */
#include "service/control/control_method.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500 };

static const char *mode_text(enum query_log_mode mode)
{
    switch (mode) {
    case QUERY_LOG_OFF: return "off";
    case QUERY_LOG_BLOCKED: return "blocked";
    case QUERY_LOG_ALL: return "all";
    }
    return "";
}

void control_add_log(const struct control_context *context, cJSON *to)
{
    if (!context->query_log)
        return;
    struct query_log_stats stats = query_log_stats(context->query_log);
    cJSON *object = cJSON_AddObjectToObject(to, "log");
    cJSON_AddStringToObject(object, "mode", mode_text(stats.mode));
    control_add_number(object, "bytes", stats.bytes);
    control_add_number(object, "age_s", stats.age_s);
    control_add_number(object, "asked_age_s", stats.asked_age_s);
    control_add_number(object, "written", stats.written);
    control_add_number(object, "dropped", stats.dropped);
    control_add_number(object, "lost", stats.lost);
    cJSON_AddBoolToObject(object, "is_failing", stats.is_failing);
    cJSON_AddBoolToObject(object, "was_damaged", stats.was_damaged);
    bool is_missing = context->consent && consent_is_missing(context->consent);
    cJSON_AddBoolToObject(object, "needs_consent", is_missing);
    if (context->consent)
        cJSON_AddStringToObject(object, "consent",
                                control_consent_text(consent_facts(context->consent).state));
}

static void add_row(void *owner, const struct query_log_row *row)
{
    const struct query_log_entry *entry = row->entry;
    cJSON *object = cJSON_CreateObject();
    control_add_number(object, "id", (uint64_t)row->id);
    control_add_time(object, "time", entry->at_unix_ms);
    cJSON_AddStringToObject(object, "kind", entry->kind);
    cJSON_AddStringToObject(object, "name", entry->name);
    cJSON_AddStringToObject(object, "path", entry->path);
    cJSON_AddStringToObject(object, "type", entry->type);
    cJSON_AddStringToObject(object, "client", row->client);
    cJSON_AddStringToObject(object, "app", entry->app);
    if (entry->user >= 0)
        control_add_number(object, "user", (uint64_t)entry->user);
    else
        cJSON_AddNullToObject(object, "user");
    cJSON_AddStringToObject(object, "verdict", entry->verdict);
    cJSON_AddStringToObject(object, "list", entry->list);
    cJSON_AddStringToObject(object, "rule", entry->rule);
    cJSON_AddStringToObject(object, "answer", entry->answer);
    cJSON_AddStringToObject(object, "upstream", entry->upstream);
    control_add_number(object, "took_ms", entry->took_ms);
    cJSON_AddItemToArray(owner, object);
}

/* An optional whole number that is not negative, up to 2^53. */
static int read_number(const cJSON *params, const char *name, int64_t *ret,
                       struct control_problem *problem)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (!item)
        return 0;
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 9007199254740992.0)
        return control_fail(problem, "bad_params", "give a whole number",
                            "'%s' must be a number that is not negative", name);
    *ret = (int64_t)item->valuedouble;
    return 0;
}

static int read_texts(const cJSON *params, struct query_log_question *ret,
                      struct control_problem *problem)
{
    return control_param_text(params, "list", &ret->list, problem) < 0 ||
                   control_param_text(params, "app", &ret->app, problem) < 0 ||
                   control_param_text(params, "verdict", &ret->verdict, problem) < 0 ||
                   control_param_text(params, "kind", &ret->kind, problem) < 0
               ? -1
               : 0;
}

static int read_numbers(const cJSON *params, struct query_log_question *ret,
                        struct control_problem *problem)
{
    int limit;
    if (control_param_number(params, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, problem) < 0 ||
        read_number(params, "before", &ret->before, problem) < 0 ||
        read_number(params, "after", &ret->after, problem) < 0 ||
        read_number(params, "since_ms", &ret->since_ms, problem) < 0 ||
        read_number(params, "until_ms", &ret->until_ms, problem) < 0)
        return -1;
    ret->limit = (size_t)limit;
    return 0;
}

static int fail_to_read(struct control_problem *problem)
{
    return control_fail(problem, "internal", "see the worker's log",
                        "the query log cannot be read");
}

static int find_log(const struct control_context *context, struct control_problem *problem)
{
    if (context->query_log && query_log_stats(context->query_log).mode != QUERY_LOG_OFF)
        return 0;
    if (context->consent && consent_is_missing(context->consent))
        return control_fail(problem, "unavailable", "see: atlantic consent",
                            "the query log is not kept, because there is no consent to it");
    return control_fail(problem, "unavailable", "set query_log.mode: blocked, or all",
                        "there is no query log");
}

int control_log_method(const struct control_context *context, const cJSON *params, cJSON *result,
                       struct control_problem *problem)
{
    struct query_log_question question = {.name = NULL};
    struct control_question name = {0};
    char host[NAME_MAX_BYTES + 1];
    int64_t next;
    if (find_log(context, problem) < 0 || read_texts(params, &question, problem) < 0 ||
        read_numbers(params, &question, problem) < 0 ||
        control_param_text(params, "name", &name.host, problem) < 0 ||
        control_normalize_host(&name, host, problem) < 0)
        return -1;
    question.name = name.host;
    cJSON *rows = cJSON_AddArrayToObject(result, "log");
    if (query_log_search(context->query_log, &question, add_row, rows, &next) < 0)
        return fail_to_read(problem);
    if (next)
        control_add_number(result, "next", (uint64_t)next);
    else
        cJSON_AddNullToObject(result, "next");
    return 0;
}

static void add_count(void *owner, const char *list, const char *verdict, uint64_t count)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "list", list);
    cJSON_AddStringToObject(object, "verdict", verdict);
    control_add_number(object, "count", count);
    cJSON_AddItemToArray(owner, object);
}

int control_log_counts_method(const struct control_context *context, const cJSON *params,
                              cJSON *result, struct control_problem *problem)
{
    int64_t since_ms = 0;
    if (find_log(context, problem) < 0 || read_number(params, "since_ms", &since_ms, problem) < 0)
        return -1;
    cJSON *counts = cJSON_AddArrayToObject(result, "counts");
    if (query_log_counts(context->query_log, since_ms, add_count, counts) < 0)
        return fail_to_read(problem);
    control_add_log(context, result);
    return 0;
}
