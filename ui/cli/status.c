/* on, off, restart, reload, status: the commands that speak to the supervisor. */
#include "ui/cli/cli.h"
#include "ui/cli/member.h"
#include "ui/cli/status_text.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_STEP_US = 200 * 1000, WATCH_STEP_S = 1, WORKER_TIMEOUT_MS = 2000 };

/* The "error" of the supervisor's answer, on stderr. */
static int check_power(const struct client_power *power)
{
    const char *error = client_power_get(power, "error");
    if (!*error)
        return CLI_OK;
    /* Those who may not ask are not told the state either. */
    bool is_refused = !*client_power_get(power, "state") && strncmp(error, "only root", 9) == 0;
    if (is_refused)
        return cli_explain(-EACCES, "power.sock");
    fprintf(stderr, "atlantic: %s\n", error);
    return CLI_FAILED;
}

static int ask_power(const struct cli *cli, const char *word, int timeout_ms,
                     struct client_power *ret)
{
    int err = client_power(cli->run_dir, word, timeout_ms, ret);
    if (err < 0)
        return cli_explain(err, "power.sock");
    int status = check_power(ret);
    if (status != CLI_OK)
        client_power_done(ret);
    return status;
}

/* Send the word and say in a sentence where that led. */
static int change(const struct cli *cli, const char *word)
{
    struct client_power power;
    int status = ask_power(cli, word, CLIENT_CHANGE_TIMEOUT_MS, &power);
    if (status != CLI_OK)
        return status;
    cJSON *object = status_merge(&power, NULL, NULL);
    status_print_headline(object, cli->has_colour, stdout);
    cJSON_Delete(object);
    client_power_done(&power);
    return CLI_OK;
}

/* Polls until the state is "on"; CLI_NOT_ON when the time is up. */
static int wait_until_on(const struct cli *cli)
{
    time_t until_s = time(NULL) + cli->wait_s;
    for (;;) {
        struct client_power power;
        int status = ask_power(cli, "status", CLIENT_TIMEOUT_MS, &power);
        if (status != CLI_OK)
            return status;
        bool is_on = strcmp(client_power_get(&power, "state"), "on") == 0;
        client_power_done(&power);
        if (is_on)
            return CLI_OK;
        if (time(NULL) >= until_s)
            return CLI_NOT_ON;
        usleep(WAIT_STEP_US);
    }
}

int cli_on(const struct cli *cli)
{
    struct client_power power;
    if (!(cli->given & CLI_WAIT))
        return change(cli, "on");
    int status = ask_power(cli, "on", CLIENT_CHANGE_TIMEOUT_MS, &power);
    if (status != CLI_OK)
        return status;
    client_power_done(&power);
    status = wait_until_on(cli);
    if (status == CLI_OK || status == CLI_NOT_ON)
        change(cli, "status");
    return status;
}

int cli_off(const struct cli *cli)
{
    return change(cli, "off");
}

int cli_restart(const struct cli *cli)
{
    return change(cli, "restart");
}

int cli_reload(const struct cli *cli)
{
    struct client_power power;
    int status = ask_power(cli, "reload", CLIENT_CHANGE_TIMEOUT_MS, &power);
    if (status != CLI_OK)
        return status;
    puts("The configuration was read again and is in force.");
    client_power_done(&power);
    return CLI_OK;
}

/* A result of the worker's; NULL when it has no answer: status is told without it then. */
static cJSON *ask_worker(const struct cli *cli, const char *method, cJSON *take_params)
{
    cJSON *answer = NULL, *result = NULL;
    if (client_control(cli->run_dir, method, take_params, WORKER_TIMEOUT_MS, &answer) == 0)
        result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    cJSON_Delete(answer);
    return result;
}

static cJSON *ask_today(const struct cli *cli)
{
    char day[16];
    struct tm tm;
    time_t now_s = time(NULL);
    gmtime_r(&now_s, &tm);
    strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    cJSON *params = cJSON_CreateObject();
    cJSON_AddStringToObject(params, "from", day);
    cJSON_AddStringToObject(params, "by", "upstream");
    return ask_worker(cli, "usage", params);
}

static int collect(const struct cli *cli, cJSON **ret)
{
    struct client_power power;
    cJSON *worker = NULL, *today = NULL;
    int status = ask_power(cli, "status", CLIENT_TIMEOUT_MS, &power);
    if (status != CLI_OK)
        return status;
    if (strcmp(client_power_get(&power, "worker_pid"), "0") != 0)
        worker = ask_worker(cli, "status", NULL);
    if (worker)
        today = ask_today(cli);
    *ret = status_merge(&power, worker, today);
    cJSON_Delete(worker);
    cJSON_Delete(today);
    client_power_done(&power);
    return CLI_OK;
}

static void print(const struct cli *cli, const cJSON *object)
{
    if (!(cli->given & CLI_JSON)) {
        status_print(object, (long long)time(NULL), cli->has_colour, stdout);
        return;
    }
    if (!(cli->given & CLI_WATCH)) {
        cli_print_json(object, stdout);
        return;
    }
    char *line = cJSON_PrintUnformatted(object);
    printf("%s\n", line ? line : "{}");
    cJSON_free(line);
}

/* Have the words changed that people watch for? Keeps the new ones. */
static bool is_news(const cJSON *object, char seen[512])
{
    char now[512];
    const char *words[] = {"state", "reason", "upstream"};
    size_t size = 0;
    now[0] = '\0';
    for (size_t i = 0; i < 3 && size < sizeof(now); i++)
        size +=
            (size_t)snprintf(now + size, sizeof(now) - size, "%s\n", member_text(object, words[i]));
    bool is_new = strcmp(now, seen) != 0;
    memcpy(seen, now, sizeof(now));
    return is_new;
}

/* On a terminal the table is redrawn each second; elsewhere there is output when something changes.
 * Ends with the service or with the user's patience. */
static int watch(const struct cli *cli)
{
    bool redraws = cli->has_colour && !(cli->given & CLI_JSON);
    char seen[512] = "";
    for (;;) {
        cJSON *object = NULL;
        int status = collect(cli, &object);
        if (status != CLI_OK)
            return status;
        if (redraws)
            fputs("\033[H\033[2J", stdout);
        if (is_news(object, seen) || redraws)
            print(cli, object);
        cJSON_Delete(object);
        if (fflush(stdout) != 0)
            return CLI_FAILED;
        sleep(WATCH_STEP_S);
    }
}

int cli_status(const struct cli *cli)
{
    cJSON *object = NULL;
    int waited = cli->given & CLI_WAIT ? wait_until_on(cli) : CLI_OK;
    if (waited != CLI_OK && waited != CLI_NOT_ON)
        return waited;
    if (cli->given & CLI_WATCH)
        return watch(cli);
    int status = collect(cli, &object);
    if (status != CLI_OK)
        return status;
    print(cli, object);
    cJSON_Delete(object);
    return waited;
}
