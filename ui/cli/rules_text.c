#include "ui/cli/rules_text.h"

#include "ui/cli/answer_text.h"
#include "ui/cli/member.h"
#include "ui/cli/table.h"

#include <string.h>

/* "for another 59 min", or `otherwise` where there is no end. */
static const char *left(const cJSON *object, const char *name, const char *otherwise, char *to,
                        size_t capacity)
{
    char figure[TABLE_FIGURE_MAX];
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item) || item->valuedouble < 0)
        return otherwise;
    snprintf(to, capacity, "for another %s", table_duration((uint64_t)item->valuedouble, figure));
    return to;
}

const char *rules_text_state(const cJSON *filter, char to[RULES_TEXT_MAX])
{
    const char *state = member_text(filter, "state");
    char time[64];
    to[0] = '\0';
    if (strcmp(state, "paused") == 0)
        snprintf(to, RULES_TEXT_MAX, "paused %s: everything passes; end that with: atlantic resume",
                 left(filter, "paused_left_ms", "until you resume it", time, sizeof(time)));
    else if (strcmp(state, "scheduled off") == 0)
        snprintf(to, RULES_TEXT_MAX, "off by a schedule now: everything passes");
    else if (strcmp(state, "off") == 0)
        snprintf(to, RULES_TEXT_MAX, "off by the configuration: everything passes");
    return to;
}

const char *rules_text_rule(const cJSON *rule, char *to, size_t capacity)
{
    char time[64];
    const char *end = left(rule, "left_ms", "", time, sizeof(time));
    snprintf(to, capacity, "%s %s%s%s", member_text(rule, "verdict"), member_text(rule, "name"),
             *end ? ", " : "", end);
    return to;
}

static void print_state(const cJSON *filter, FILE *to)
{
    char text[RULES_TEXT_MAX];
    if (*rules_text_state(filter, text))
        fprintf(to, "The filter is %s.\n", text);
}

void rules_text_print(const cJSON *result, bool has_colour, FILE *to)
{
    const cJSON *filter = cJSON_GetObjectItemCaseSensitive(result, "filter"), *rule;
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(filter, "rules");
    struct table *table = table_new("<<<");
    print_state(filter, to);
    if (cJSON_GetArraySize(rules) == 0)
        fputs("There are no rules of yours.\n", to);
    if (table && cJSON_GetArraySize(rules) > 0) {
        table_add(table, (const char *const[]){"NAME", "RULE", "TIME"});
        cJSON_ArrayForEach(rule, rules)
        {
            char time[64];
            table_add(table,
                      (const char *const[]){member_text(rule, "name"), member_text(rule, "verdict"),
                                            left(rule, "left_ms", "for ever", time, sizeof(time))});
        }
        table_print(table, true, has_colour, to);
    }
    table_free(table);
}

void rules_text_print_explanation(const cJSON *result, bool has_colour, FILE *to)
{
    const cJSON *matches = cJSON_GetObjectItemCaseSensitive(result, "matches"), *match;
    struct table *table = table_new("<<<<");
    answer_print_check(result, has_colour, to);
    print_state(cJSON_GetObjectItemCaseSensitive(result, "filter"), to);
    if (table && cJSON_GetArraySize(matches) > 0) {
        table_add(table, (const char *const[]){"", "VERDICT", "LIST", "RULE"});
        cJSON_ArrayForEach(match, matches)
        {
            bool wins = strcmp(member_text(match, "rule"), member_text(result, "rule")) == 0 &&
                        strcmp(member_text(match, "list"), member_text(result, "list")) == 0;
            table_add(table, (const char *const[]){
                                 wins ? "wins" : "", member_text(match, "verdict"),
                                 member_text(match, "list"), member_text(match, "rule")});
        }
        table_print(table, true, has_colour, to);
    }
    table_free(table);
}
