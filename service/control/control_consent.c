/* consent, consent.give and consent.withdraw: what people are asked before a query log is kept, and
 * what they said. */
#include "service/control/control_method.h"

#include <limits.h>
#include <time.h>

const char *control_consent_text(enum consent_state state)
{
    switch (state) {
    case CONSENT_NONE: return "none";
    case CONSENT_GIVEN: return "given";
    case CONSENT_WITHDRAWN: return "withdrawn";
    case CONSENT_OUTDATED: return "outdated";
    case CONSENT_DAMAGED: return "damaged";
    }
    return "";
}

static void add_region(cJSON *object, const char *region)
{
    if (region[0])
        cJSON_AddStringToObject(object, "region", region);
    else
        cJSON_AddNullToObject(object, "region");
}

static cJSON *make_event(const struct consent_event *event)
{
    cJSON *object = cJSON_CreateObject();
    control_add_time(object, "time", event->at_s * 1000);
    cJSON_AddStringToObject(object, "what", event->is_given ? "given" : "withdrawn");
    control_add_number(object, "version", event->version);
    add_region(object, event->region);
    control_add_number(object, "uid", event->uid);
    return object;
}

static void add_events(cJSON *to, const struct consent_facts *facts)
{
    cJSON_AddItemToObject(to, "event",
                          facts->event ? make_event(facts->event) : cJSON_CreateNull());
    cJSON *history = cJSON_AddArrayToObject(to, "history");
    for (size_t i = 0; i < facts->record->count; i++)
        cJSON_AddItemToArray(history, make_event(&facts->record->events[i]));
}

static void add_text(cJSON *to, const struct consent_text *text)
{
    cJSON *paragraphs = cJSON_AddArrayToObject(to, "text");
    for (const char *const *paragraph = text->paragraphs; *paragraph; paragraph++)
        cJSON_AddItemToArray(paragraphs, cJSON_CreateString(*paragraph));
    control_add_number(to, "version", text->version);
}

static int find_consent(const struct control_context *context, struct control_problem *problem)
{
    return context->consent ? 0
                            : control_fail(problem, "unavailable", "see: atlantic status",
                                           "this worker keeps no query log");
}

int control_consent_method(const struct control_context *context, const cJSON *params,
                           cJSON *result, struct control_problem *problem)
{
    (void)params;
    if (find_consent(context, problem) < 0)
        return -1;
    struct consent_facts facts = consent_facts(context->consent);
    cJSON_AddStringToObject(result, "state", control_consent_text(facts.state));
    cJSON_AddBoolToObject(result, "is_required", facts.is_required);
    add_region(result, facts.region);
    add_text(result, facts.text);
    add_events(result, &facts);
    control_add_log(context, result);
    return 0;
}

/* Whoever agrees says to what: a text that changed since it was read is to be read again. */
int control_consent_give_method(const struct control_context *context, const cJSON *params,
                                cJSON *result, struct control_problem *problem)
{
    int version;
    if (find_consent(context, problem) < 0 ||
        control_param_number(params, "version", 1, INT_MAX, 0, &version, problem) < 0)
        return -1;
    unsigned current = consent_facts(context->consent).text->version;
    if ((unsigned)version != current)
        return control_fail(problem, "bad_params", "read it: atlantic consent",
                            "the text is of version %u; 'version' must say so", current);
    if (consent_give(context->consent, context->uid, time(NULL)) < 0)
        return control_fail(problem, "internal", "see the worker's log",
                            "consent cannot be recorded, so all is as before");
    return control_consent_method(context, NULL, result, problem);
}

int control_consent_withdraw_method(const struct control_context *context, const cJSON *params,
                                    cJSON *result, struct control_problem *problem)
{
    (void)params;
    if (find_consent(context, problem) < 0)
        return -1;
    if (consent_withdraw(context->consent, context->uid, time(NULL)) < 0)
        return control_fail(problem, "internal", "see the worker's log",
                            "the query log ended and is deleted, but that could not be recorded "
                            "for the next start");
    return control_consent_method(context, NULL, result, problem);
}
