#include "ui/cli/consent_text.h"

#include "ui/cli/member.h"
#include "ui/cli/table.h"

#include <string.h>

enum { WIDTH = 78, LINE_MAX_BYTES = 200 };

/* --- the question ---------------------------------------------------------------------------- */

static void print_wrapped(const char *text, FILE *to)
{
    size_t column = 0;
    while (*text) {
        size_t size = strcspn(text, " ");
        bool fits = column == 0 || column + 1 + size <= WIDTH;
        if (column > 0)
            fputc(fits ? ' ' : '\n', to);
        fprintf(to, "%.*s", (int)size, text);
        column = (fits && column > 0 ? column + 1 : 0) + size;
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

void consent_text_print_question(const cJSON *result, FILE *to)
{
    const cJSON *paragraph;
    cJSON_ArrayForEach(paragraph, cJSON_GetObjectItemCaseSensitive(result, "text"))
    {
        const char *text = cJSON_GetStringValue(paragraph);
        print_wrapped(text ? text : "", to);
        fputc('\n', to);
    }
}

/* --- the answer ------------------------------------------------------------------------------ */

const char *consent_text_missing(const cJSON *log)
{
    static const struct {
        const char *state, *text;
    } texts[] = {
        {"none", "not kept: it needs your consent; see: atlantic consent"},
        {"outdated", "not kept: it needs your consent anew, because the text has changed; see: "
                     "atlantic consent"},
        {"withdrawn", "not kept: consent was withdrawn; see: atlantic consent"},
        {"damaged", "not kept: the record of your consent cannot be read; see: atlantic consent"},
    };
    if (!member_is_true(log, "needs_consent"))
        return NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].state, member_text(log, "consent")) == 0)
            return texts[i].text;
    }
    return texts[0].text;
}

static void format_event(const cJSON *event, char to[LINE_MAX_BYTES])
{
    const char *region = member_text(event, "region");
    snprintf(to, LINE_MAX_BYTES, "%s %s by user %.0f, text %.0f, region %s",
             member_text(event, "what"), member_text(event, "time"), member_number(event, "uid", 0),
             member_number(event, "version", 0), *region ? region : "not set");
}

static void format_state(const cJSON *result, char to[LINE_MAX_BYTES])
{
    const char *state = member_text(result, "state");
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(result, "event");
    if (strcmp(state, "damaged") == 0)
        snprintf(to, LINE_MAX_BYTES, "its record cannot be read, so it counts for nothing");
    else if (!cJSON_IsObject(event))
        snprintf(to, LINE_MAX_BYTES, "not given");
    else
        format_event(event, to);
}

static const char *describe_log(const cJSON *result)
{
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(result, "log");
    const char *missing = consent_text_missing(log), *mode = member_text(log, "mode");
    if (missing)
        return strcmp(member_text(log, "consent"), "withdrawn") == 0
                   ? "not kept: consent was withdrawn"
                   : "not kept, for want of consent";
    if (strcmp(mode, "off") == 0)
        return "off by the configuration";
    return strcmp(mode, "all") == 0 ? "kept, of everything" : "kept, of what is blocked";
}

static void add_line(struct table *table, const char *name, const char *value)
{
    table_add(table, (const char *const[]){name, value});
}

/* The last one is told already. */
static void add_history(struct table *table, const cJSON *result)
{
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(result, "history");
    int count = cJSON_GetArraySize(history) - 1;
    for (int i = count - 1; i >= 0; i--) {
        char line[LINE_MAX_BYTES];
        format_event(cJSON_GetArrayItem(history, i), line);
        add_line(table, "before", line);
    }
}

static const char *advise(const cJSON *result)
{
    bool needs = member_is_true(cJSON_GetObjectItemCaseSensitive(result, "log"), "needs_consent");
    if (strcmp(member_text(result, "state"), "given") == 0)
        return "Take it back with: atlantic consent withdraw";
    return needs ? "Agree with: atlantic consent give" : NULL;
}

void consent_text_print_answer(const cJSON *result, bool has_colour, FILE *to)
{
    struct table *table = table_new("<<");
    const char *region = member_text(result, "region"), *advice = advise(result);
    char line[LINE_MAX_BYTES];
    if (!table)
        return;
    snprintf(line, sizeof(line), "version %.0f", member_number(result, "version", 0));
    add_line(table, "text", line);
    snprintf(line, sizeof(line), "%s: consent is %s", *region ? region : "not set",
             member_is_true(result, "is_required") ? "required" : "not required");
    add_line(table, "region", line);
    format_state(result, line);
    add_line(table, "consent", line);
    add_line(table, "query log", describe_log(result));
    add_history(table, result);
    table_print(table, false, has_colour, to);
    table_free(table);
    if (advice)
        fprintf(to, "%s\n", advice);
}
