/* The method table, and the frame around each answer. */
#include "service/control/control_method.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static control_method_fn methods_method;

struct method {
    const char *name;
    control_method_fn *fn;
    bool needs_admin; /* root alone */
    control_merge_fn *merge;
};

static const struct method methods[] = {
    {"status", control_status_method, false, control_merge_status},
    {"usage", control_usage_method, false, NULL},
    {"flows", control_flows_method, false, control_merge_flows},
    {"blocked", control_blocked_method, false, control_merge_blocked},
    {"filter.check", control_check_method, false, NULL},
    {"methods", methods_method, false, NULL},
    {"lists", control_lists_method, false, NULL},
    {"lists.update", control_lists_update_method, false, NULL},
    {"filter.explain", control_explain_method, false, NULL},
    {"filter.rules", control_rules_method, false, NULL},
    {"filter.allow", control_allow_method, false, NULL},
    {"filter.deny", control_deny_method, false, NULL},
    {"log", control_log_method, false, NULL},
    {"log.counts", control_log_counts_method, false, NULL},
    {"consent", control_consent_method, false, NULL},
    {"consent.give", control_consent_give_method, false, NULL},
    {"consent.withdraw", control_consent_withdraw_method, false, NULL},
    {"pause", control_pause_method, false, NULL},
    {"resume", control_resume_method, false, NULL},
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

static int methods_method(const struct control_context *context, const cJSON *params, cJSON *result,
                          struct control_problem *problem)
{
    cJSON *names = cJSON_AddArrayToObject(result, "methods");
    (void)context;
    (void)params;
    (void)problem;
    for (size_t i = 0; i < METHODS; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(methods[i].name));
    return 0;
}

int control_fail(struct control_problem *problem, const char *code, const char *hint,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof(problem->message), format, args);
    va_end(args);
    problem->code = code;
    problem->hint = hint;
    return -1;
}

int control_param_text(const cJSON *params, const char *name, const char **ret,
                       struct control_problem *problem)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (item && !cJSON_IsString(item))
        return control_fail(problem, "bad_params", "put it in quotes", "'%s' must be a text", name);
    *ret = item ? item->valuestring : NULL;
    return 0;
}

int control_param_number(const cJSON *params, const char *name, int min, int max, int fallback,
                         int *ret, struct control_problem *problem)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (!item) {
        *ret = fallback;
        return 0;
    }
    if (!cJSON_IsNumber(item) || item->valuedouble < min || item->valuedouble > max ||
        item->valuedouble != item->valueint)
        return control_fail(problem, "bad_params", "give a whole number in that range",
                            "'%s' must be between %d and %d", name, min, max);
    *ret = item->valueint;
    return 0;
}

void control_add_number(cJSON *object, const char *name, uint64_t value)
{
    /* Not by way of a double, which is exact only up to 2^53. */
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    cJSON_AddRawToObject(object, name, text);
}

void control_add_time(cJSON *object, const char *name, int64_t unix_ms)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)(unix_ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + size, sizeof(text) - size, ".%03dZ", (int)(unix_ms % 1000));
    cJSON_AddStringToObject(object, name, text);
}

void control_add_address(cJSON *object, const char *name, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    if (address->family)
        cJSON_AddStringToObject(object, name, address_format(address, text));
    else
        cJSON_AddNullToObject(object, name);
}

static cJSON *format_problem(const struct control_problem *problem)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON *error = cJSON_AddObjectToObject(answer, "error");
    cJSON_AddStringToObject(error, "code", problem->code);
    cJSON_AddStringToObject(error, "message", problem->message);
    cJSON_AddStringToObject(error, "hint", problem->hint);
    return answer;
}

cJSON *control_error(const char *code, const char *message, const char *hint)
{
    struct control_problem problem;
    control_fail(&problem, code, hint, "%s", message);
    return format_problem(&problem);
}

/* Calls the method that the request names. */
static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

static int dispatch(const struct control_context *context, const cJSON *request, cJSON *result,
                    const struct method **ret_method, struct control_problem *problem)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "method");
    const cJSON *params = cJSON_GetObjectItemCaseSensitive(request, "params");
    static const char form[] = "send {\"method\": \"status\", \"params\": {}} and a newline";
    if (!cJSON_IsObject(request))
        return control_fail(problem, "bad_request", form, "this is not a JSON object");
    if (!cJSON_IsString(name))
        return control_fail(problem, "bad_request", form, "'method' is missing");
    if (params && !cJSON_IsObject(params))
        return control_fail(problem, "bad_request", form, "'params' must be an object");
    const struct method *method = find_method(name->valuestring);
    if (!method)
        return control_fail(problem, "unknown_method", "ask 'methods' for the known ones",
                            "there is no method '%.60s'", name->valuestring);
    if (method->needs_admin && !context->is_admin)
        return control_fail(problem, "permission", "run it as root", "'%s' is for root",
                            method->name);
    *ret_method = method;
    return method->fn(context, params, result, problem);
}

static cJSON *frame(cJSON *take_result)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddItemToObject(answer, "result", take_result);
    return answer;
}

struct control_reply control_answer(const struct control_context *context, const char *line,
                                    size_t size)
{
    struct control_problem problem = {.code = "internal", .hint = ""};
    const struct method *method = NULL;
    cJSON *request = cJSON_ParseWithLength(line, size);
    cJSON *result = cJSON_CreateObject();
    struct control_reply reply = {.has_failed =
                                      dispatch(context, request, result, &method, &problem) < 0};
    if (reply.has_failed) {
        cJSON_Delete(result);
        reply.answer = format_problem(&problem);
    } else {
        assert(method); /* only a method succeeds */
        reply.answer = frame(result);
        reply.merge = method->merge;
        reply.method = method->name;
        reply.params =
            method->merge ? cJSON_DetachItemFromObjectCaseSensitive(request, "params") : NULL;
    }
    cJSON *id = cJSON_DetachItemFromObjectCaseSensitive(request, "id");
    if (cJSON_IsString(id) || cJSON_IsNumber(id))
        cJSON_AddItemToObject(reply.answer, "id", id);
    else
        cJSON_Delete(id);
    cJSON_Delete(request);
    return reply;
}
