/* lists and lists.update: what is known of each list, and new versions of them. */
#include "service/control/control_method.h"

#include <errno.h>

static void add_optional_time(cJSON *object, const char *name, int64_t unix_s)
{
    if (unix_s > 0)
        control_add_time(object, name, unix_s * 1000);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_update(cJSON *object, const struct control_list *list)
{
    if (!list->is_downloaded) {
        cJSON_AddNullToObject(object, "update");
        return;
    }
    cJSON *update = cJSON_AddObjectToObject(object, "update");
    cJSON_AddBoolToObject(update, "running", list->is_running);
    add_optional_time(update, "checked", list->checked_s);
    add_optional_time(update, "changed", list->changed_s);
    add_optional_time(update, "due", list->due_s);
    control_add_number(update, "failures", list->failures);
    cJSON_AddStringToObject(update, "error", list->error ? list->error : "");
}

static bool add_list(void *to, const struct control_list *list)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", list->name);
    cJSON_AddStringToObject(object, "category", list->category);
    cJSON_AddStringToObject(object, "format", list->format);
    cJSON_AddStringToObject(object, "place", list->place ? list->place : "");
    cJSON_AddBoolToObject(object, "enabled", list->is_enabled);
    control_add_number(object, "names", list->names);
    control_add_number(object, "rules", list->rules);
    control_add_number(object, "exceptions", list->exceptions);
    control_add_number(object, "cosmetic", list->cosmetic);
    control_add_number(object, "dropped", list->dropped);
    add_update(object, list);
    return cJSON_AddItemToArray(to, object);
}

int control_lists_method(const struct control_context *context, const cJSON *params, cJSON *result,
                         struct control_problem *problem)
{
    const struct control_source *source = context->source;
    const char *why = source->lists_problem ? source->lists_problem(source->owner) : NULL;
    cJSON *lists = cJSON_AddArrayToObject(result, "lists");
    (void)params;
    (void)problem;
    if (source->lists)
        source->lists(source->owner, add_list, lists);
    cJSON_AddStringToObject(result, "problem", why ? why : "");
    return 0;
}

int control_lists_update_method(const struct control_context *context, const cJSON *params,
                                cJSON *result, struct control_problem *problem)
{
    const struct control_source *source = context->source;
    const char *name;
    if (control_param_text(params, "name", &name, problem) < 0)
        return -1;
    int started = source->update_lists ? source->update_lists(source->owner, name) : -ENOENT;
    if (started < 0)
        return control_fail(problem, "bad_params", "see: atlantic lists",
                            "no list that comes from a URL is called '%.63s'", name ? name : "");
    control_add_number(result, "started", (uint64_t)started);
    return 0;
}
