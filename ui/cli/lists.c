/* lists: what is in force and how old it is; new versions; what there is to choose from. */
#include "ui/cli/cli.h"
#include "ui/cli/lists_text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 200 };

static void print(const struct cli *cli, const cJSON *result)
{
    if (cli->given & CLI_JSON)
        cli_print_json(result, stdout);
    else
        lists_text_print(result, (int64_t)time(NULL), cli->has_colour, stdout);
}

/* What the worker says, whether or not it is to be printed as it is. */
static int ask(const struct cli *cli, const char *method, cJSON *take_params, cJSON **ret)
{
    struct cli plain = *cli;
    plain.given &= ~(unsigned)CLI_JSON;
    return cli_ask(&plain, method, take_params, ret);
}

static int show(const struct cli *cli)
{
    cJSON *result = NULL;
    int status = ask(cli, "lists", NULL, &result);
    if (status == CLI_OK)
        print(cli, result);
    cJSON_Delete(result);
    return status;
}

/* Until nothing of it is under way any more, or the time is over. */
static int wait_for_end(const struct cli *cli, const char *name, cJSON **ret)
{
    time_t until = time(NULL) + cli->wait_s;
    for (;;) {
        cJSON *result = NULL;
        int status = ask(cli, "lists", NULL, &result);
        if (status != CLI_OK)
            return status;
        if (!lists_text_is_running(result, name) || time(NULL) >= until) {
            *ret = result;
            return CLI_OK;
        }
        cJSON_Delete(result);
        usleep(LOOK_AGAIN_MS * 1000);
    }
}

static int update(const struct cli *cli, const char *name)
{
    cJSON *params = cJSON_CreateObject(), *result = NULL;
    if (name)
        cJSON_AddStringToObject(params, "name", name);
    int status = ask(cli, "lists.update", params, &result);
    cJSON_Delete(result);
    result = NULL;
    if (status == CLI_OK)
        status = wait_for_end(cli, name, &result);
    if (status == CLI_OK) {
        print(cli, result);
        status = lists_text_has_failed(result, name) ? CLI_FAILED : CLI_OK;
    }
    cJSON_Delete(result);
    return status;
}

static int catalogue(const struct cli *cli)
{
    if (!(cli->given & CLI_JSON)) {
        lists_text_print_catalogue(cli->has_colour, stdout);
        return CLI_OK;
    }
    cJSON *result = lists_text_catalogue();
    cli_print_json(result, stdout);
    cJSON_Delete(result);
    return CLI_OK;
}

int cli_lists(const struct cli *cli)
{
    const char *what = cli->argc > 0 ? cli->argv[0] : "";
    if (cli->argc == 0)
        return show(cli);
    if (strcmp(what, "update") == 0)
        return update(cli, cli->argc > 1 ? cli->argv[1] : NULL);
    if (strcmp(what, "catalogue") == 0 && cli->argc == 1)
        return catalogue(cli);
    fprintf(stderr, "atlantic: lists cannot '%s'; see atlantic lists --help\n", what);
    return CLI_USAGE;
}
