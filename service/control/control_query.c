/* usage, filter.check and filter.explain: questions with an answer of their own. */
#include "service/control/control_method.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void add_counters(cJSON *object, const struct usage_counters *counters)
{
    control_add_number(object, "bytes_up", counters->up);
    control_add_number(object, "bytes_down", counters->down);
    control_add_number(object, "requests", counters->requests);
    control_add_number(object, "blocked", counters->blocked);
}

struct usage_answer {
    cJSON *rows;
    struct usage_counters total;
};

static void add_row(void *owner, const struct usage_row *row)
{
    struct usage_answer *answer = owner;
    cJSON *object = cJSON_CreateObject();
    if (row->day[0])
        cJSON_AddStringToObject(object, "day", row->day);
    cJSON_AddStringToObject(object, "upstream", row->upstream);
    add_counters(object, &row->counters);
    cJSON_AddItemToArray(answer->rows, object);
    answer->total.up += row->counters.up;
    answer->total.down += row->counters.down;
    answer->total.requests += row->counters.requests;
    answer->total.blocked += row->counters.blocked;
}

static int parse_by(const char *text, unsigned *ret, struct control_problem *problem)
{
    static const struct {
        const char *text;
        unsigned by;
    } known[] = {
        {"day", USAGE_BY_DAY},
        {"upstream", USAGE_BY_UPSTREAM},
        {"day,upstream", USAGE_BY_DAY | USAGE_BY_UPSTREAM},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].text, text) == 0) {
            *ret = known[i].by;
            return 0;
        }
    }
    return control_fail(problem, "bad_params", "give day, upstream or day,upstream",
                        "'by' cannot be '%.40s'", text);
}

static int parse_day(const cJSON *params, const char *name, const char **ret,
                     struct control_problem *problem)
{
    if (control_param_text(params, name, ret, problem) < 0)
        return -1;
    if (*ret && usage_day_check(*ret) < 0)
        return control_fail(problem, "bad_params", "write days like 2026-01-31",
                            "'%s' is not a day: '%.40s'", name, *ret);
    return 0;
}

int control_usage_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    struct usage_question question = {.by = USAGE_BY_DAY | USAGE_BY_UPSTREAM};
    struct usage_answer answer = {.rows = cJSON_AddArrayToObject(result, "rows")};
    const char *by;
    uint64_t sequence;
    if (control_param_text(params, "by", &by, problem) < 0 ||
        (by && parse_by(by, &question.by, problem) < 0) ||
        parse_day(params, "from", &question.from, problem) < 0 ||
        parse_day(params, "to", &question.to, problem) < 0)
        return -1;
    if (!context->usage)
        return control_fail(problem, "unavailable", "see the worker's log", "there is no ledger");
    if (usage_query(context->usage, &question, add_row, &answer, &sequence) < 0)
        return control_fail(problem, "internal", "see the worker's log",
                            "the ledger cannot be read");
    add_counters(cJSON_AddObjectToObject(result, "total"), &answer.total);
    control_add_number(result, "sequence", sequence);
    return 0;
}

int control_normalize_host(struct control_question *question, char *to,
                           struct control_problem *problem)
{
    struct endpoint host;
    if (!question->host)
        return 0;
    if (endpoint_from_host(question->host, strlen(question->host), 0, &host) < 0)
        return control_fail(problem, "bad_params", "write it like ads.example.com",
                            "'%.80s' is not a host name", question->host);
    if (endpoint_is_name(&host))
        snprintf(to, NAME_MAX_BYTES + 1, "%s", host.name);
    else
        address_format_ip(&host.address, to);
    question->host = to;
    return 0;
}

/* `host` is where the question's host lies then. */
static int read_question(const cJSON *params, char host[NAME_MAX_BYTES + 1],
                         struct control_question *ret, struct control_problem *problem)
{
    if (control_param_text(params, "host", &ret->host, problem) < 0 ||
        control_param_text(params, "url", &ret->url, problem) < 0 ||
        control_param_text(params, "source_url", &ret->source_url, problem) < 0 ||
        control_param_text(params, "type", &ret->type, problem) < 0)
        return -1;
    if (!ret->host == !ret->url)
        return control_fail(problem, "bad_params", "give one of 'host' and 'url'",
                            "what is asked about is not clear");
    return control_normalize_host(ret, host, problem);
}

static int check(const struct control_source *source, const struct control_question *question,
                 struct control_verdict *ret)
{
    return source->check ? source->check(source->owner, question, ret) : -ENOENT;
}

static void add_verdict(cJSON *result, const struct control_question *question,
                        const struct control_verdict *verdict)
{
    cJSON_AddStringToObject(result, "asked", question->host ? question->host : question->url);
    cJSON_AddStringToObject(result, "verdict", verdict->verdict);
    cJSON_AddStringToObject(result, "list", verdict->list);
    cJSON_AddStringToObject(result, "rule", verdict->rule);
}

static int fail_to_ask(int err, struct control_problem *problem)
{
    if (err == -EINVAL)
        return control_fail(problem, "bad_params", "write it like https://example.com/a.js",
                            "this is not a URL");
    return control_fail(problem, "unavailable", "see: atlantic rules, or set filter.enabled: true",
                        "there is no filter in force");
}

int control_check_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    struct control_question question = {0};
    struct control_verdict verdict = {.verdict = "none"};
    char host[NAME_MAX_BYTES + 1];
    if (read_question(params, host, &question, problem) < 0)
        return -1;
    int err = check(context->source, &question, &verdict);
    if (err < 0)
        return fail_to_ask(err, problem);
    add_verdict(result, &question, &verdict);
    return 0;
}

static bool add_match(void *to, const struct control_verdict *match)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "verdict", match->verdict);
    cJSON_AddStringToObject(object, "list", match->list);
    cJSON_AddStringToObject(object, "rule", match->rule);
    return cJSON_AddItemToArray(to, object);
}

int control_explain_method(const struct control_context *context, const cJSON *params,
                           cJSON *result, struct control_problem *problem)
{
    const struct control_source *source = context->source;
    struct control_question question = {0};
    struct control_verdict verdict = {.verdict = "none"};
    char host[NAME_MAX_BYTES + 1];
    if (read_question(params, host, &question, problem) < 0)
        return -1;
    cJSON *matches = cJSON_AddArrayToObject(result, "matches");
    int err = check(source, &question, &verdict);
    if (err == 0 && source->explain)
        err = source->explain(source->owner, &question, add_match, matches);
    if (err < 0 && err != -ENOENT) /* the state says why there is no filter */
        return fail_to_ask(err, problem);
    add_verdict(result, &question, &verdict);
    control_add_filter(context, result);
    return 0;
}
