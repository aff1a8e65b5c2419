#include "ui/cli/lists_text.h"

#include "blocklists/catalogue.h"
#include "ui/cli/member.h"
#include "ui/cli/table.h"

#include <string.h>
#include <time.h>

/* Unix time of "2026-01-31T12:00:00.000Z"; 0 if there is none. */
static int64_t time_at(const cJSON *object, const char *name)
{
    struct tm tm = {0};
    return strptime(member_text(object, name), "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

static const char *age(int64_t then_s, int64_t now_s, char to[TABLE_FIGURE_MAX])
{
    if (then_s == 0)
        return NULL;
    return table_duration(now_s > then_s ? (uint64_t)(now_s - then_s) * 1000 : 0, to);
}

static const char *state_of(const cJSON *list)
{
    const cJSON *update = cJSON_GetObjectItemCaseSensitive(list, "update");
    if (!member_is_true(list, "enabled"))
        return "off";
    if (member_is_true(update, "running"))
        return "updating";
    if (member_count(update, "failures") > 0)
        return "failed";
    if (cJSON_IsObject(update) && time_at(update, "changed") == 0)
        return "waiting";
    return "ok";
}

static void add_list(struct table *table, const cJSON *list, int64_t now_s)
{
    const cJSON *update = cJSON_GetObjectItemCaseSensitive(list, "update");
    char rules[TABLE_FIGURE_MAX], dropped[TABLE_FIGURE_MAX], changed[TABLE_FIGURE_MAX],
        checked[TABLE_FIGURE_MAX];
    uint64_t all = member_count(list, "rules") + member_count(list, "exceptions");
    table_add(table, (const char *const[]){member_text(list, "name"), member_text(list, "category"),
                                           state_of(list), table_number(all, rules),
                                           table_number(member_count(list, "dropped"), dropped),
                                           age(time_at(update, "changed"), now_s, changed),
                                           age(time_at(update, "checked"), now_s, checked)});
}

static void print_failures(const cJSON *lists, FILE *to)
{
    const cJSON *list;
    cJSON_ArrayForEach(list, lists)
    {
        const cJSON *update = cJSON_GetObjectItemCaseSensitive(list, "update");
        if (member_count(update, "failures") > 0)
            fprintf(to, "%s: %s\n", member_text(list, "name"), member_text(update, "error"));
    }
}

void lists_text_print(const cJSON *result, int64_t now_s, bool has_colour, FILE *to)
{
    const cJSON *lists = cJSON_GetObjectItemCaseSensitive(result, "lists"), *list;
    struct table *table = table_new("<<<>>>>");
    if (!table)
        return;
    table_add(table, (const char *const[]){"LIST", "CATEGORY", "STATE", "RULES", "DROPPED", "AGE",
                                           "CHECKED"});
    cJSON_ArrayForEach(list, lists) add_list(table, list, now_s);
    table_print(table, true, has_colour, to);
    table_free(table);
    print_failures(lists, to);
    if (member_text(result, "problem")[0])
        fprintf(to, "The newest lists are not in force: %s\n", member_text(result, "problem"));
}

static bool has_any(const cJSON *result, const char *name, bool (*is)(const cJSON *update))
{
    const cJSON *list;
    cJSON_ArrayForEach(list, cJSON_GetObjectItemCaseSensitive(result, "lists"))
    {
        bool is_meant = !name || strcmp(member_text(list, "name"), name) == 0;
        if (is_meant && is(cJSON_GetObjectItemCaseSensitive(list, "update")))
            return true;
    }
    return false;
}

static bool is_running(const cJSON *update)
{
    return member_is_true(update, "running");
}

static bool has_failed(const cJSON *update)
{
    return member_count(update, "failures") > 0;
}

bool lists_text_is_running(const cJSON *result, const char *name)
{
    return has_any(result, name, is_running);
}

bool lists_text_has_failed(const cJSON *result, const char *name)
{
    return has_any(result, name, has_failed);
}

/* --- the catalogue --------------------------------------------------------------------------- */

void lists_text_print_catalogue(bool has_colour, FILE *to)
{
    struct table *table = table_new("<<<<<");
    if (!table)
        return;
    table_add(table, (const char *const[]){"CATEGORY", "ID", "", "LICENCE", "NAME"});
    for (const char *const *category = catalogue_categories; *category; category++) {
        for (size_t i = 0; i < catalogue_count; i++) {
            const struct catalogue_source *source = &catalogue_sources[i];
            if (strcmp(source->category, *category) == 0)
                table_add(table, (const char *const[]){source->category, source->id,
                                                       source->is_recommended ? "*" : "",
                                                       source->licence, source->name});
        }
    }
    table_print(table, true, has_colour, to);
    table_free(table);
    fputs("* stands for its category under filter.categories\n", to);
}

cJSON *lists_text_catalogue(void)
{
    cJSON *result = cJSON_CreateObject(), *lists = cJSON_AddArrayToObject(result, "catalogue");
    for (size_t i = 0; i < catalogue_count; i++) {
        const struct catalogue_source *source = &catalogue_sources[i];
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "id", source->id);
        cJSON_AddStringToObject(object, "name", source->name);
        cJSON_AddStringToObject(object, "category", source->category);
        cJSON_AddStringToObject(object, "format", source->format);
        cJSON_AddStringToObject(object, "url", source->url);
        cJSON_AddStringToObject(object, "licence", source->licence);
        cJSON_AddStringToObject(object, "homepage", source->homepage);
        cJSON_AddBoolToObject(object, "recommended", source->is_recommended);
        cJSON_AddItemToArray(lists, object);
    }
    return result;
}
