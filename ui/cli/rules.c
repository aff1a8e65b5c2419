/* pause, resume, allow, deny, rules: what a user decides in passing. */
#include "ui/cli/cli.h"
#include "ui/cli/rules_text.h"

#include <stdlib.h>
#include <string.h>

int cli_parse_duration(const char *text)
{
    static const struct {
        const char *unit;
        int seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    enum { SECONDS_MAX = 366 * 86400 };
    char *end;
    long number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || number < 1)
        return 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number <= SECONDS_MAX / units[i].seconds)
            return (int)number * units[i].seconds;
    }
    return 0;
}

static int fail_duration(const char *text)
{
    fprintf(stderr, "atlantic: '%s' is not a time, at most 366d; write it like 90s, 5m, 1h or 2d\n",
            text);
    return CLI_USAGE;
}

/* `name` and `duration` may be NULL. */
static int change(const struct cli *cli, const char *method, const char *name, const char *duration)
{
    int seconds = duration ? cli_parse_duration(duration) : 0;
    if (duration && seconds == 0)
        return fail_duration(duration);
    cJSON *params = cJSON_CreateObject(), *result = NULL;
    if (name)
        cJSON_AddStringToObject(params, "name", name);
    if (seconds)
        cJSON_AddNumberToObject(params, "seconds", seconds);
    int status = cli_ask(cli, method, params, &result);
    if (status == CLI_OK && result)
        rules_text_print(result, cli->has_colour, stdout);
    cJSON_Delete(result);
    return status;
}

int cli_pause(const struct cli *cli)
{
    return change(cli, "pause", cli->argc > 1 ? cli->argv[1] : NULL, cli->argv[0]);
}

int cli_resume(const struct cli *cli)
{
    return change(cli, "resume", cli->argc > 0 ? cli->argv[0] : NULL, NULL);
}

int cli_allow(const struct cli *cli)
{
    return change(cli, "filter.allow", cli->argv[0], cli->duration);
}

int cli_deny(const struct cli *cli)
{
    return change(cli, "filter.deny", cli->argv[0], cli->duration);
}

int cli_rules(const struct cli *cli)
{
    return change(cli, "filter.rules", NULL, NULL);
}
