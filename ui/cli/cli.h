/* The command line `atlantic`: what every command is given and may return. */
#ifndef UI_CLI_CLI_H
#define UI_CLI_CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit statuses, as in atlantic(1). */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_RUNNING = 3,
    CLI_PERMISSION = 4,
    CLI_NOT_ON = 5,
};

enum cli_option {
    CLI_JSON = 1 << 0,
    CLI_WAIT = 1 << 1,
    CLI_WATCH = 1 << 2,
    CLI_BY = 1 << 3,
    CLI_FROM = 1 << 4,
    CLI_TO = 1 << 5,
    CLI_LIMIT = 1 << 6,
    CLI_FOR = 1 << 7,
    CLI_NAME = 1 << 8,
    CLI_LIST = 1 << 9,
    CLI_APP = 1 << 10,
    CLI_VERDICT = 1 << 11,
    CLI_KIND = 1 << 12,
    CLI_SINCE = 1 << 13,
    CLI_FOLLOW = 1 << 14,
    CLI_COUNTS = 1 << 15,
    CLI_YES = 1 << 16,
};

/* The command line, taken apart. Texts are those of argv. */
struct cli {
    const char *run_dir;
    unsigned given; /* enum cli_option */
    int wait_s;
    const char *by, *from, *to;
    const char *duration;                                   /* --for */
    const char *name, *list, *app, *verdict, *kind, *since; /* of the query log */
    int limit;                                              /* 0: not given */
    int argc;                                               /* what is neither option nor command */
    char **argv;
    bool has_colour;
};

typedef int cli_fn(const struct cli *cli);

/* One command: how it is called and what it does. */
struct cli_command {
    const char *name, *arguments, *summary;
    const char *help;
    unsigned options; /* that it knows */
    int min_arguments, max_arguments;
    cli_fn *fn;
};

cli_fn cli_on, cli_off, cli_restart, cli_reload, cli_status, cli_usage, cli_flows, cli_blocked,
    cli_filter, cli_config, cli_pause, cli_resume, cli_allow, cli_deny, cli_rules, cli_lists,
    cli_log, cli_consent;

/* "90s", "5m", "1h", "2d" in seconds, at most 366d; 0 if it is none. */
int cli_parse_duration(const char *text);

/* Says on stderr why there is no answer (a negative code of the client's); returns the exit status
 * for it. */
int cli_explain(int err, const char *socket_name);
/* The "error" of an answer, if it has one, on stderr; CLI_OK if it has none. */
int cli_check_answer(const cJSON *answer);
/* Ask the worker and, with --json, print the result as it is. CLI_OK with *ret (to be freed with
 * cJSON_Delete), NULL when it is printed already; or an exit status, after a message. */
int cli_ask(const struct cli *cli, const char *method, cJSON *take_params, cJSON **ret);
void cli_print_json(const cJSON *object, FILE *to);

#endif
