#include "ui/cli/answer_text.h"

#include "ui/cli/member.h"
#include "ui/cli/table.h"

#include <string.h>

/* NULL where there is none: a table shows that. */
static const char *cell_at(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
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
    *cell++ = *upstream ? upstream : "-";
    *cell++ = table_bytes(member_count(row, "bytes_down"), figures.down);
    *cell++ = table_bytes(member_count(row, "bytes_up"), figures.up);
    *cell++ = table_number(member_count(row, "requests"), figures.requests);
    *cell++ = table_number(member_count(row, "blocked"), figures.blocked);
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
    {
        const char *day = by_day ? member_text(row, "day") : NULL;
        add_usage_row(table, day, member_text(row, "upstream"), row);
    }
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
        const char *host = member_text(flow, "host"), *address = member_text(flow, "target");
        /* The name says more; the address stays for those who need it. */
        bool has_name = *address && strncmp(host, address, strlen(host)) != 0;
        snprintf(target, sizeof(target), "%s%s%s", address, has_name ? " " : "",
                 has_name ? host : "");
        table_add(table, (const char *const[]){cell_at(flow, "kind"), cell_at(flow, "door"),
                                               cell_at(flow, "state"),
                                               table_duration(member_count(flow, "age_ms"), age),
                                               table_bytes(member_count(flow, "bytes_down"), down),
                                               table_bytes(member_count(flow, "bytes_up"), up),
                                               cell_at(flow, "upstream"), target});
    }
    print_and_free(table, has_colour, to);
    uint64_t total = member_count(result, "total"), shown = (uint64_t)cJSON_GetArraySize(flows);
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
        table_add(table, (const char *const[]){cell_at(item, "time"), cell_at(item, "kind"),
                                               cell_at(item, "name"), cell_at(item, "list"),
                                               cell_at(item, "rule")});
    print_and_free(table, has_colour, to);
}

void answer_print_check(const cJSON *result, bool has_colour, FILE *to)
{
    const char *verdict = member_text(result, "verdict");
    bool is_block = strcmp(verdict, "block") == 0;
    bool is_allow = strcmp(verdict, "allow") == 0;
    fputs(has_colour ? is_block ? "\033[31m" : "\033[32m" : "", to);
    fputs(is_block ? "blocked" : is_allow ? "allowed" : "not blocked", to);
    fputs(has_colour ? "\033[0m" : "", to);
    fprintf(to, ": %s", member_text(result, "asked"));
    if (is_block || is_allow)
        fprintf(to, ", by the rule %s of the list %s", member_text(result, "rule"),
                member_text(result, "list"));
    else
        fputs(", no rule speaks of it", to);
    fputc('\n', to);
}
