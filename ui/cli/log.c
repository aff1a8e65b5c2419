/* log: pages through the query log, shows it oldest first, and follows it. */
#include "ui/cli/cli.h"
#include "ui/cli/member.h"
#include "ui/cli/table.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_DEFAULT = 50, FOLLOW_STEP_S = 1, FOLLOW_ROWS = 500, PAGE_MAX = 500 };

/* A time or day in UTC, or how long ago; Unix time in ms, -1 if it is none. */
static double parse_since(const char *text)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    int ago_s = cli_parse_duration(text);
    if (ago_s)
        return ((double)time(NULL) - ago_s) * 1000;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && !*end)
            return (double)timegm(&tm) * 1000;
    }
    return -1;
}

static cJSON *make_params(const struct cli *cli, double since_ms)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"name", cli->name},
                 {"list", cli->list},
                 {"app", cli->app},
                 {"verdict", cli->verdict},
                 {"kind", cli->kind}};
    cJSON *params = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text)
            cJSON_AddStringToObject(params, texts[i].name, texts[i].text);
    }
    if (since_ms > 0)
        cJSON_AddNumberToObject(params, "since_ms", since_ms);
    return params;
}

/* Move all rows of an answer to the front of `rows`, so that the oldest comes first. */
static void take_rows(cJSON *result, cJSON *rows)
{
    cJSON *from = cJSON_GetObjectItemCaseSensitive(result, "log"), *row;
    while ((row = cJSON_DetachItemFromArray(from, 0)))
        cJSON_InsertItemInArray(rows, 0, row);
}

/* The newest rows that match, at most so many; more than one question where few match. */
static int fetch(const struct cli *cli, double since_ms, double after, int limit, cJSON *rows)
{
    struct cli quiet = *cli;
    double next = 0;
    quiet.given &= ~(unsigned)CLI_JSON; /* printed all together */
    do {
        cJSON *params = make_params(cli, since_ms), *result = NULL;
        int left = limit - cJSON_GetArraySize(rows);
        cJSON_AddNumberToObject(params, "limit", left < PAGE_MAX ? left : PAGE_MAX);
        if (next > 0)
            cJSON_AddNumberToObject(params, "before", next);
        if (after > 0)
            cJSON_AddNumberToObject(params, "after", after);
        int status = cli_ask(&quiet, "log", params, &result);
        if (status != CLI_OK)
            return status;
        take_rows(result, rows);
        next = member_number(result, "next", 0);
        cJSON_Delete(result);
    } while (next > 0 && cJSON_GetArraySize(rows) < limit);
    return CLI_OK;
}

/* What made it so: the rule of its list, the answer and the server that gave it, or the upstream.
 */
static const char *why(const cJSON *row, char *to, size_t capacity)
{
    if (*member_text(row, "list"))
        snprintf(to, capacity, "%s: %s", member_text(row, "list"), member_text(row, "rule"));
    else
        snprintf(to, capacity, "%s%s%s%s", member_text(row, "answer"),
                 *member_text(row, "answer") && *member_text(row, "upstream") ? " " : "",
                 *member_text(row, "upstream") ? "by " : "", member_text(row, "upstream"));
    return to;
}

/* Who asked: the program; else whose it was; else from where. */
static const char *who(const cJSON *row, char *to, size_t capacity)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(row, "user");
    const struct passwd *known = cJSON_IsNumber(user) ? getpwuid((uid_t)user->valuedouble) : NULL;
    if (*member_text(row, "app"))
        snprintf(to, capacity, "%s", member_text(row, "app"));
    else if (known)
        snprintf(to, capacity, "(%s)", known->pw_name);
    else
        snprintf(to, capacity, "%s", member_text(row, "client"));
    return to;
}

static void print_rows(const cJSON *rows, bool with_head, bool has_colour)
{
    struct table *table = table_new("<<<<<<<");
    const cJSON *row;
    if (!table)
        return;
    if (with_head)
        table_add(table,
                  (const char *const[]){"TIME", "APP", "KIND", "VERDICT", "TYPE", "NAME", "WHY"});
    cJSON_ArrayForEach(row, rows)
    {
        char app[64], name[512], reason[320];
        snprintf(name, sizeof(name), "%s%s", member_text(row, "name"), member_text(row, "path"));
        table_add(table, (const char *const[]){
                             member_text(row, "time"), who(row, app, sizeof(app)),
                             member_text(row, "kind"), member_text(row, "verdict"),
                             member_text(row, "type"), name, why(row, reason, sizeof(reason))});
    }
    table_print(table, with_head, has_colour, stdout);
    table_free(table);
}

/* Followed, JSON comes a row a line. */
static void show(const struct cli *cli, const cJSON *rows, bool is_first)
{
    const cJSON *row;
    if (!(cli->given & CLI_JSON)) {
        print_rows(rows, is_first, cli->has_colour);
    } else if (!(cli->given & CLI_FOLLOW)) {
        cli_print_json(rows, stdout);
    } else {
        cJSON_ArrayForEach(row, rows)
        {
            char *text = cJSON_PrintUnformatted(row);
            if (text)
                puts(text);
            cJSON_free(text);
        }
    }
    fflush(stdout);
}

static double last_id(const cJSON *rows, double before)
{
    int count = cJSON_GetArraySize(rows);
    return count ? member_number(cJSON_GetArrayItem(rows, count - 1), "id", 0) : before;
}

static int follow(const struct cli *cli, double after)
{
    for (;;) {
        sleep(FOLLOW_STEP_S);
        cJSON *rows = cJSON_CreateArray();
        int status = fetch(cli, 0, after, FOLLOW_ROWS, rows);
        if (status == CLI_OK && cJSON_GetArraySize(rows) > 0)
            show(cli, rows, false);
        after = last_id(rows, after);
        cJSON_Delete(rows);
        if (status != CLI_OK || ferror(stdout))
            return status;
    }
}

static int print_counts(const struct cli *cli, double since_ms)
{
    cJSON *params = cJSON_CreateObject(), *result = NULL;
    const cJSON *row;
    if (since_ms > 0)
        cJSON_AddNumberToObject(params, "since_ms", since_ms);
    int status = cli_ask(cli, "log.counts", params, &result);
    struct table *table = result ? table_new("<<>") : NULL;
    if (table) {
        table_add(table, (const char *const[]){"LIST", "VERDICT", "COUNT"});
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(result, "counts"))
        {
            char figure[TABLE_FIGURE_MAX];
            table_add(table,
                      (const char *const[]){member_text(row, "list"), member_text(row, "verdict"),
                                            table_number(member_count(row, "count"), figure)});
        }
        table_print(table, true, cli->has_colour, stdout);
    }
    table_free(table);
    cJSON_Delete(result);
    return status;
}

int cli_log(const struct cli *cli)
{
    double since_ms = cli->since ? parse_since(cli->since) : 0;
    if (since_ms < 0) {
        fprintf(stderr,
                "atlantic: '%s' is no time; write it like 2026-01-31T08:00:00Z, 2026-01-31 "
                "or 2h\n",
                cli->since);
        return CLI_USAGE;
    }
    if (cli->given & CLI_COUNTS)
        return print_counts(cli, since_ms);
    cJSON *rows = cJSON_CreateArray();
    int status = fetch(cli, since_ms, 0, cli->limit ? cli->limit : LIMIT_DEFAULT, rows);
    double after = last_id(rows, 0);
    if (status == CLI_OK)
        show(cli, rows, true);
    cJSON_Delete(rows);
    return status == CLI_OK && (cli->given & CLI_FOLLOW) ? follow(cli, after) : status;
}
