#include "ui/cli/answer_text.h"

#include "ui/cli/table.h"

#include <string.h>

static const char *text_at(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static uint64_t number_at(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static void print_and_free(struct table *table, bool has_colour, FILE *to)
{
    table_print(table, true, has_colour, to);
    table_free(table);
}

struct figures {
    char up[TABLE_FIGURE_MAX], down[TABLE_FIGURE_MAX], requests[TABLE_FIGURE_MAX],
        blocked[TABLE_FIGURE_MAX];
};

static void add_usage_row(struct table *table, const char *day, const char *upstream,
                          const cJSON *row)
{
    struct figures figures;
    const char *cells[6], **cell = cells;
    if (day)
        *cell++ = day;
    *cell++ = upstream && *upstream ? upstream : "-";
    *cell++ = table_bytes(number_at(row, "bytes_down"), figures.down);
    *cell++ = table_bytes(number_at(row, "bytes_up"), figures.up);
    *cell++ = table_number(number_at(row, "requests"), figures.requests);
    *cell++ = table_number(number_at(row, "blocked"), figures.blocked);
    table_add(table, cells);
}

void answer_print_usage(const cJSON *result, bool has_colour, FILE *to)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(result, "rows"), *row;
    bool by_day = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(rows, 0), "day");
    struct table *table = table_new(by_day ? "<<>>>>" : "<>>>>");
    if (!table)
        return;
    static const char *const heads[] = {"DAY", "UPSTREAM", "DOWN", "UP", "REQUESTS", "BLOCKED"};
    table_add(table, heads + !by_day);
    cJSON_ArrayForEach(row, rows)
        add_usage_row(table, by_day ? text_at(row, "day") : NULL, text_at(row, "upstream"), row);
    add_usage_row(table, by_day ? "total" : NULL, by_day ? "" : "total",
                  cJSON_GetObjectItemCaseSensitive(result, "total"));
    print_and_free(table, has_colour, to);
}

void answer_print_flows(const cJSON *result, bool has_colour, FILE *to)
{
    const cJSON *flows = cJSON_GetObjectItemCaseSensitive(result, "flows"), *flow;
    struct table *table = table_new("<<<>>><<");
    if (!table)
        return;
    table_add(table, (const char *const[]){"KIND", "DOOR", "STATE", "AGE", "DOWN", "UP", "UPSTREAM",
                                           "TARGET"});
    cJSON_ArrayForEach(flow, flows)
    {
        char age[TABLE_FIGURE_MAX], up[TABLE_FIGURE_MAX], down[TABLE_FIGURE_MAX], target[640];
        const char *host = text_at(flow, "host"), *address = text_at(flow, "target");
        /* The name says more; the address stays for those who need it. */
        bool has_name = host && address && strncmp(host, address, strlen(host)) != 0;
        snprintf(target, sizeof(target), "%s%s%s", address ? address : "", has_name ? " " : "",
                 has_name ? host : "");
        table_add(table, (const char *const[]){text_at(flow, "kind"), text_at(flow, "door"),
                                               text_at(flow, "state"),
                                               table_duration(number_at(flow, "age_ms"), age),
                                               table_bytes(number_at(flow, "bytes_down"), down),
                                               table_bytes(number_at(flow, "bytes_up"), up),
                                               text_at(flow, "upstream"), target});
    }
    print_and_free(table, has_colour, to);
    uint64_t total = number_at(result, "total"), shown = (uint64_t)cJSON_GetArraySize(flows);
    if (total > shown)
        fprintf(to, "... and %llu more; see --limit\n", (unsigned long long)(total - shown));
}

void answer_print_blocked(const cJSON *result, bool has_colour, FILE *to)
{
    const cJSON *item;
    struct table *table = table_new("<<<<<");
    if (!table)
        return;
    table_add(table, (const char *const[]){"TIME", "BY", "NAME", "LIST", "RULE"});
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(result, "blocked"))
        table_add(table, (const char *const[]){text_at(item, "time"), text_at(item, "kind"),
                                               text_at(item, "name"), text_at(item, "list"),
                                               text_at(item, "rule")});
    print_and_free(table, has_colour, to);
}

void answer_print_check(const cJSON *result, bool has_colour, FILE *to)
{
    const char *verdict = text_at(result, "verdict"), *rule = text_at(result, "rule");
    const char *list = text_at(result, "list"), *asked = text_at(result, "asked");
    bool is_block = verdict && strcmp(verdict, "block") == 0;
    bool is_allow = verdict && strcmp(verdict, "allow") == 0;
    fputs(has_colour ? is_block ? "\033[31m" : "\033[32m" : "", to);
    fputs(is_block ? "blocked" : is_allow ? "allowed" : "not blocked", to);
    fputs(has_colour ? "\033[0m" : "", to);
    fprintf(to, ": %s", asked ? asked : "");
    if (is_block || is_allow)
        fprintf(to, ", by the rule %s of the list %s", rule ? rule : "", list ? list : "");
    else
        fputs(", no rule speaks of it", to);
    fputc('\n', to);
}
