#include "ui/cli/status_text.h"

#include "ui/cli/consent_text.h"
#include "ui/cli/member.h"
#include "ui/cli/rules_text.h"
#include "ui/cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 24 * 60 * 60 };

/* -1: there is no such number. */
static long long number_at(const cJSON *object, const char *name)
{
    return (long long)member_number(object, name, -1);
}

static void copy_member(cJSON *to, const cJSON *from, const char *name, cJSON *fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
    if (item)
        cJSON_Delete(fallback);
    cJSON_AddItemToObject(to, name, item ? cJSON_Duplicate(item, true) : fallback);
}

/* "PID STATE REASON", as power.sock tells it. */
static cJSON *parse_worker(const char *text)
{
    char state[16] = "";
    int pid = 0, size = 0;
    cJSON *worker = cJSON_CreateObject();
    if (sscanf(text, "%d %15s%n", &pid, state, &size) < 2)
        size = (int)strlen(text);
    text += size;
    text += strspn(text, " ");
    cJSON_AddNumberToObject(worker, "pid", pid);
    cJSON_AddStringToObject(worker, "state", state);
    cJSON_AddStringToObject(worker, "reason", text);
    return worker;
}

/* What the workers say themselves is in their own list, one after the other but for those that do
 * not answer. */
static void add_conversations(cJSON *worker, int number, const cJSON *told)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, told)
    {
        if (number_at(one, "worker") != number)
            continue;
        copy_member(worker, one, "tcp", cJSON_CreateNull());
        copy_member(worker, one, "udp", cJSON_CreateNull());
    }
}

/* Only where there are several. */
static void add_worker_list(cJSON *status, const struct client_power *power, const cJSON *told)
{
    char key[24];
    cJSON *workers = NULL;
    for (int number = 1;; number++) {
        snprintf(key, sizeof(key), "worker.%d", number);
        const char *text = client_power_get(power, key);
        if (!*text)
            return;
        cJSON *worker = parse_worker(text);
        add_conversations(worker, number, told);
        if (!workers)
            workers = cJSON_AddArrayToObject(status, "workers");
        cJSON_AddItemToArray(workers, worker);
    }
}

cJSON *status_merge(const struct client_power *power, const cJSON *worker, const cJSON *today)
{
    static const char *const texts[] = {"state", "reason", "upstream", "fence",
                                        "tun",   "wish",   "version"};
    static const char *const numbers[] = {"worker_pid", "uptime_s", "since"};
    cJSON *status = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cJSON_AddStringToObject(status, texts[i], client_power_get(power, texts[i]));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cJSON_AddNumberToObject(status, numbers[i],
                                strtod(client_power_get(power, numbers[i]), NULL));
    copy_member(status, worker, "upstreams", cJSON_CreateArray());
    copy_member(status, worker, "counters", cJSON_CreateObject());
    if (cJSON_GetObjectItemCaseSensitive(worker, "filter"))
        copy_member(status, worker, "filter", NULL);
    add_worker_list(status, power, cJSON_GetObjectItemCaseSensitive(worker, "workers"));
    if (*client_power_get(power, "workers_why"))
        cJSON_AddStringToObject(status, "workers_why", client_power_get(power, "workers_why"));
    if (cJSON_GetObjectItemCaseSensitive(worker, "log"))
        copy_member(status, worker, "log", NULL);
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(today, "total");
    if (total)
        cJSON_AddItemToObject(status, "today", cJSON_Duplicate(total, true));
    return status;
}

struct state_text {
    const char *state, *colour, *sentence, *advice;
    bool names_reason;
};

static const struct state_text *describe(const char *state)
{
    static const struct state_text texts[] = {
        {"off", "", "Off: traffic leaves this computer as if Atlantic were not installed",
         "turn it on with: atlantic on", false},
        {"connecting", "\033[33m", "Connecting: nothing leaves until an upstream answers", "",
         true},
        {"on", "\033[32m", "On: everything leaves through", "", false},
        {"blocked", "\033[31m", "Blocked: nothing leaves this computer",
         "mend that and run: atlantic reload; or give up protection: atlantic off", true},
        {"failing", "\033[31m", "Failing: nothing leaves this computer, and it keeps trying",
         "see: journalctl -u atlanticd; or give up protection: atlantic off", true},
    };
    static const struct state_text unknown = {
        "", "", "The service is in a state that this program does not know",
        "are both of the same version?", true};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].state, state) == 0)
            return &texts[i];
    }
    return &unknown;
}

/* Those that take turns; with one, or where that is not known, the one that is named. */
static void print_ways_out(const cJSON *status, const char *named, FILE *to)
{
    const cJSON *upstreams = cJSON_GetObjectItemCaseSensitive(status, "upstreams"), *upstream;
    int count = 0;
    cJSON_ArrayForEach(upstream, upstreams) count +=
        strcmp(member_text(upstream, "health"), "resting") != 0;
    if (count < 2) {
        fprintf(to, " %s", named);
        return;
    }
    const char *comma = " ";
    cJSON_ArrayForEach(upstream, upstreams)
    {
        if (strcmp(member_text(upstream, "health"), "resting") == 0)
            continue;
        fprintf(to, "%s%s", comma, member_text(upstream, "name"));
        comma = ", ";
    }
    fputs(" in turn", to);
}

void status_print_headline(const cJSON *status, bool has_colour, FILE *to)
{
    const char *state = member_text(status, "state"), *reason = member_text(status, "reason");
    const char *upstream = member_text(status, "upstream");
    const struct state_text *text = describe(state);
    fprintf(to, "%s%s%s", has_colour ? text->colour : "", text->sentence,
            has_colour && *text->colour ? "\033[0m" : "");
    if (strcmp(state, "on") == 0)
        print_ways_out(status, *upstream ? upstream : "the upstreams", to);
    if (text->names_reason && *reason)
        fprintf(to, ": %s", reason);
    if (*text->advice)
        fprintf(to, "; %s", text->advice);
    fputs(text->advice[0] && text->advice[strlen(text->advice) - 1] == '?' ? "\n" : ".\n", to);
}

static void add_line(struct table *table, const char *name, const char *value)
{
    if (*value)
        table_add(table, (const char *const[]){name, value});
}

static void add_since(struct table *table, const cJSON *status, long long now_s)
{
    char figure[TABLE_FIGURE_MAX];
    long long since = number_at(status, "since");
    if (since > 0 && since <= now_s)
        add_line(table, "since", table_duration((uint64_t)(now_s - since) * 1000, figure));
}

static void add_worker(struct table *table, const cJSON *status)
{
    char text[80], figure[TABLE_FIGURE_MAX];
    long long pid = number_at(status, "worker_pid"), uptime_s = number_at(status, "uptime_s");
    if (uptime_s < 0)
        return;
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(status, "workers"));
    if (count > 1)
        snprintf(text, sizeof(text), "%d workers, service up %s", count,
                 table_duration((uint64_t)uptime_s * 1000, figure));
    else if (pid > 0)
        snprintf(text, sizeof(text), "worker %lld, service up %s", pid,
                 table_duration((uint64_t)uptime_s * 1000, figure));
    else
        snprintf(text, sizeof(text), "no worker, service up %s",
                 table_duration((uint64_t)uptime_s * 1000, figure));
    add_line(table, "process", text);
}

static void add_workers(struct table *table, const cJSON *status)
{
    const cJSON *worker;
    int number = 0;
    cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(status, "workers"))
    {
        char name[24], text[512], flows[80] = "", process[32] = "no process";
        const char *reason = member_text(worker, "reason");
        if (number_at(worker, "pid") > 0)
            snprintf(process, sizeof(process), "process %lld", number_at(worker, "pid"));
        if (number_at(worker, "tcp") >= 0)
            snprintf(flows, sizeof(flows), ", %lld TCP, %lld UDP", number_at(worker, "tcp"),
                     number_at(worker, "udp"));
        snprintf(name, sizeof(name), "worker %d", ++number);
        snprintf(text, sizeof(text), "%s, %s%s%s%s", member_text(worker, "state"), process, flows,
                 *reason ? ": " : "", reason);
        add_line(table, name, text);
    }
    add_line(table, "one worker", member_text(status, "workers_why"));
}

static void add_upstreams(struct table *table, const cJSON *status)
{
    const cJSON *upstream;
    char text[512];
    cJSON_ArrayForEach(upstream, cJSON_GetObjectItemCaseSensitive(status, "upstreams"))
    {
        const char *error = member_text(upstream, "last_error");
        bool rests = strcmp(member_text(upstream, "health"), "resting") == 0;
        snprintf(text, sizeof(text), "%s (%s%s%s): %s%s%s", member_text(upstream, "name"),
                 member_text(upstream, "kind"), *member_text(upstream, "server") ? " " : "",
                 member_text(upstream, "server"), member_text(upstream, "health"),
                 rests && *error ? ", " : "", rests ? error : "");
        add_line(table, "upstream", text);
    }
}

static void add_counters(struct table *table, const cJSON *status)
{
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(status, "counters");
    const cJSON *flows = cJSON_GetObjectItemCaseSensitive(counters, "flows");
    const cJSON *filter = cJSON_GetObjectItemCaseSensitive(counters, "filter");
    char text[120];
    if (number_at(flows, "tcp") >= 0 && number_at(flows, "udp") >= 0) {
        snprintf(text, sizeof(text), "%lld TCP, %lld UDP now", number_at(flows, "tcp"),
                 number_at(flows, "udp"));
        add_line(table, "flows", text);
    }
    if (number_at(filter, "asked") >= 0 && number_at(filter, "blocked") >= 0) {
        snprintf(text, sizeof(text), "%lld of %lld blocked since the worker started",
                 number_at(filter, "blocked"), number_at(filter, "asked"));
        add_line(table, "filter", text);
    }
}

/* What differs from every day: a pause, and rules with an end. */
static void add_rules(struct table *table, const cJSON *status)
{
    const cJSON *filter = cJSON_GetObjectItemCaseSensitive(status, "filter"), *rule;
    char state[RULES_TEXT_MAX], text[400];
    add_line(table, "filter", rules_text_state(filter, state));
    cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(filter, "rules"))
    {
        if (number_at(rule, "left_ms") >= 0)
            add_line(table, "rule", rules_text_rule(rule, text, sizeof(text)));
    }
}

/* What is wrong with it, or not as the configuration asks. */
static void add_log(struct table *table, const cJSON *status)
{
    const cJSON *log = cJSON_GetObjectItemCaseSensitive(status, "log");
    char text[120] = "";
    long long kept_s = number_at(log, "age_s"), asked_s = number_at(log, "asked_age_s");
    const char *missing = consent_text_missing(log);
    if (missing)
        snprintf(text, sizeof(text), "%s", missing);
    else if (member_is_true(log, "is_failing"))
        snprintf(text, sizeof(text), "cannot be written, %lld entries are lost",
                 number_at(log, "lost"));
    else if (member_is_true(log, "was_damaged"))
        snprintf(text, sizeof(text), "was damaged and put aside; a new one was begun");
    else if (number_at(log, "dropped") > 0)
        snprintf(text, sizeof(text), "%lld entries came too fast for it",
                 number_at(log, "dropped"));
    else if (asked_s > kept_s && strcmp(member_text(log, "mode"), "off") != 0)
        snprintf(text, sizeof(text), "goes back %lld days at most, by the policy for the region",
                 kept_s / DAY_S);
    add_line(table, "query log", text);
}

static void add_today(struct table *table, const cJSON *status)
{
    const cJSON *today = cJSON_GetObjectItemCaseSensitive(status, "today");
    char text[120], up[TABLE_FIGURE_MAX], down[TABLE_FIGURE_MAX];
    if (!today)
        return;
    snprintf(text, sizeof(text), "%s down, %s up, %lld requests, %lld blocked",
             table_bytes(member_count(today, "bytes_down"), down),
             table_bytes(member_count(today, "bytes_up"), up), number_at(today, "requests"),
             number_at(today, "blocked"));
    add_line(table, "today", text);
}

void status_print(const cJSON *status, long long now_s, bool has_colour, FILE *to)
{
    struct table *table = table_new("<<");
    status_print_headline(status, has_colour, to);
    if (!table)
        return;
    add_since(table, status, now_s);
    add_line(table, "fence", member_text(status, "fence"));
    add_line(table, "device", member_text(status, "tun"));
    add_worker(table, status);
    add_workers(table, status);
    add_upstreams(table, status);
    add_counters(table, status);
    add_rules(table, status);
    add_log(table, status);
    add_today(table, status);
    table_print(table, false, has_colour, to);
    table_free(table);
}
