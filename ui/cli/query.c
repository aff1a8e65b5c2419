/* usage, flows, blocked, filter check: the commands that ask the worker. */
#include "ui/cli/answer_text.h"
#include "ui/cli/cli.h"
#include "ui/cli/program.h"
#include "ui/cli/rules_text.h"

#include <string.h>

typedef void print_fn(const cJSON *result, bool has_colour, FILE *to);

static int ask_and_print(const struct cli *cli, const char *method, cJSON *take_params,
                         print_fn *print)
{
    cJSON *result = NULL;
    int status = cli_ask(cli, method, take_params, &result);
    if (status == CLI_OK && result)
        print(result, cli->has_colour, stdout);
    cJSON_Delete(result);
    return status;
}

static void add_text(cJSON *params, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(params, name, text);
}

int cli_usage(const struct cli *cli)
{
    cJSON *params = cJSON_CreateObject();
    add_text(params, "by", cli->by ? cli->by : "upstream");
    add_text(params, "from", cli->from);
    add_text(params, "to", cli->to);
    return ask_and_print(cli, "usage", params, answer_print_usage);
}

static cJSON *limit_params(const struct cli *cli)
{
    cJSON *params = cJSON_CreateObject();
    if (cli->limit)
        cJSON_AddNumberToObject(params, "limit", cli->limit);
    return params;
}

int cli_flows(const struct cli *cli)
{
    return ask_and_print(cli, "flows", limit_params(cli), answer_print_flows);
}

int cli_blocked(const struct cli *cli)
{
    return ask_and_print(cli, "blocked", limit_params(cli), answer_print_blocked);
}

int cli_filter(const struct cli *cli)
{
    /* options_parse let more than two words through only for the other program. */
    bool is_explain = strcmp(cli->argv[0], "explain") == 0;
    if (cli->argc != 2 || strcmp(cli->argv[1], "--batch") == 0)
        return program_run("atlantic-filter", cli->argv);
    if (!is_explain && strcmp(cli->argv[0], "check") != 0) {
        fprintf(stderr, "atlantic: filter cannot '%s'; see atlantic filter --help\n", cli->argv[0]);
        return CLI_USAGE;
    }
    cJSON *params = cJSON_CreateObject();
    add_text(params, strstr(cli->argv[1], "://") ? "url" : "host", cli->argv[1]);
    return is_explain ? ask_and_print(cli, "filter.explain", params, rules_text_print_explanation)
                      : ask_and_print(cli, "filter.check", params, answer_print_check);
}

int cli_config(const struct cli *cli)
{
    /* Its exit statuses are others than ours. */
    char *arguments[] = {"--check-config", "--", cli->argv[1], NULL};
    if (strcmp(cli->argv[0], "check") != 0) {
        fprintf(stderr, "atlantic: config cannot '%s'; see atlantic config --help\n", cli->argv[0]);
        return CLI_USAGE;
    }
    return program_ask("atlanticd", arguments);
}
