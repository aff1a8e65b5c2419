/* pause, resume, filter.allow, filter.deny, filter.forget and filter.rules: what a user decides in
 * passing, and the filter's state, which all of them answer with. */
#include "service/control/control_method.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SECONDS_MAX = 366 * 24 * 60 * 60 };

static void add_until(cJSON *object, const char *name, const char *left_name, int64_t until_s)
{
    int64_t left_s = until_s - time(NULL);
    if (until_s == CONTROL_FOR_EVER) {
        cJSON_AddNullToObject(object, name);
        return;
    }
    control_add_time(object, name, until_s * 1000);
    control_add_number(object, left_name, left_s > 0 ? (uint64_t)left_s * 1000 : 0);
}

static bool add_rule(void *to, const struct control_rule *rule)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", rule->name);
    cJSON_AddStringToObject(object, "verdict", rule->is_allowed ? "allow" : "deny");
    add_until(object, "until", "left_ms", rule->until_s);
    return cJSON_AddItemToArray(to, object);
}

void control_add_filter(const struct control_context *context, cJSON *to)
{
    const struct control_source *source = context->source;
    struct control_filter filter = {.state = "on"};
    if (!source->filter)
        return;
    cJSON *object = cJSON_AddObjectToObject(to, "filter");
    source->filter(source->owner, &filter);
    cJSON_AddStringToObject(object, "state", filter.state);
    if (filter.paused_until_s)
        add_until(object, "paused_until", "paused_left_ms", filter.paused_until_s);
    cJSON *rules = cJSON_AddArrayToObject(object, "rules");
    if (source->rules)
        source->rules(source->owner, add_rule, rules);
}

/* Folded as names are everywhere; an address is a name too. */
static int read_name(const cJSON *params, char to[NAME_MAX_BYTES + 1], const char **ret,
                     struct control_problem *problem)
{
    struct control_question question = {0};
    if (control_param_text(params, "name", &question.host, problem) < 0)
        return -1;
    *ret = NULL;
    if (!question.host)
        return 0;
    if (control_normalize_host(&question, to, problem) < 0)
        return -1;
    *ret = question.host;
    return 0;
}

static int carry_out(const struct control_context *context, const struct control_change *change,
                     cJSON *result, struct control_problem *problem)
{
    const struct control_source *source = context->source;
    int err = source->change ? source->change(source->owner, change) : -ENOSYS;
    if (err == -ENOENT)
        return control_fail(problem, "bad_params", "see: atlantic rules",
                            "there is no rule of yours for '%.80s'", change->name);
    if (err == -ENOSPC)
        return control_fail(problem, "limit", "take some away with: atlantic resume NAME",
                            "there are too many rules of yours");
    if (err == -EIO)
        return control_fail(problem, "internal", "see the worker's log",
                            "it is in force, but could not be kept for the next start");
    if (err < 0)
        return control_fail(problem, "internal", "see the worker's log", "it cannot be done");
    control_add_filter(context, result);
    return 0;
}

static int change(const struct control_context *context, enum control_change_kind kind,
                  const cJSON *params, cJSON *result, struct control_problem *problem)
{
    char name[NAME_MAX_BYTES + 1];
    struct control_change change = {.kind = kind};
    int seconds;
    if (read_name(params, name, &change.name, problem) < 0 ||
        control_param_number(params, "seconds", 1, SECONDS_MAX, 0, &seconds, problem) < 0)
        return -1;
    if (!change.name && kind != CONTROL_PAUSE && kind != CONTROL_RESUME)
        return control_fail(problem, "bad_params", "write it like ads.example.com",
                            "the 'name' is missing");
    change.until_s = seconds ? (int64_t)time(NULL) + seconds : CONTROL_FOR_EVER;
    return carry_out(context, &change, result, problem);
}

int control_pause_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    return change(context, CONTROL_PAUSE, params, result, problem);
}

int control_resume_method(const struct control_context *context, const cJSON *params, cJSON *result,
                          struct control_problem *problem)
{
    return change(context, CONTROL_RESUME, params, result, problem);
}

int control_allow_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    return change(context, CONTROL_ALLOW, params, result, problem);
}

int control_deny_method(const struct control_context *context, const cJSON *params, cJSON *result,
                        struct control_problem *problem)
{
    return change(context, CONTROL_DENY, params, result, problem);
}

int control_rules_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    (void)params;
    (void)problem;
    control_add_filter(context, result);
    return 0;
}
