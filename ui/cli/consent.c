/* consent: what people are asked before a query log is kept; to agree, and to take that back. */
#include "ui/cli/cli.h"
#include "ui/cli/consent_text.h"
#include "ui/cli/member.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

static int show(const struct cli *cli)
{
    cJSON *result = NULL;
    int status = cli_ask(cli, "consent", NULL, &result);
    if (result) {
        consent_text_print_question(result, stdout);
        consent_text_print_answer(result, cli->has_colour, stdout);
    }
    cJSON_Delete(result);
    return status;
}

static int change(const struct cli *cli, const char *method, cJSON *take_params)
{
    cJSON *result = NULL;
    int status = cli_ask(cli, method, take_params, &result);
    if (result)
        consent_text_print_answer(result, cli->has_colour, stdout);
    cJSON_Delete(result);
    return status;
}

/* Nothing but a clear yes is one. */
static bool is_agreed(void)
{
    char line[16] = "";
    fputs("Do you agree? [y/N] ", stdout);
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

/* Whoever agrees agrees to the text that was shown. */
static int agree(const struct cli *cli, const cJSON *shown)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(shown, "version");
    cJSON *params = cJSON_CreateObject();
    cJSON_AddItemToObject(params, "version", cJSON_Duplicate(version, true));
    return change(cli, "consent.give", params);
}

static int ask_and_give(const struct cli *cli, const cJSON *shown)
{
    bool is_given = strcmp(member_text(shown, "state"), "given") == 0;
    bool is_asked = !is_given && !(cli->given & CLI_YES);
    if (is_asked && ((cli->given & CLI_JSON) || !isatty(STDIN_FILENO))) {
        fputs("atlantic: nobody can be asked here; read the text (atlantic consent) and say: "
              "atlantic consent give --yes\n",
              stderr);
        return CLI_USAGE;
    }
    if (is_asked) {
        consent_text_print_question(shown, stdout);
        if (!is_agreed()) {
            fputs("atlantic: you did not agree; nothing has changed\n", stderr);
            return CLI_FAILED;
        }
    }
    return agree(cli, shown);
}

static int give(const struct cli *cli)
{
    struct cli quiet = *cli;
    cJSON *shown = NULL;
    quiet.given &= ~(unsigned)CLI_JSON;
    int status = cli_ask(&quiet, "consent", NULL, &shown);
    if (status == CLI_OK)
        status = ask_and_give(cli, shown);
    cJSON_Delete(shown);
    return status;
}

int cli_consent(const struct cli *cli)
{
    const char *word = cli->argc > 0 ? cli->argv[0] : "";
    if (!*word)
        return show(cli);
    if (strcmp(word, "give") == 0)
        return give(cli);
    if (strcmp(word, "withdraw") == 0)
        return change(cli, "consent.withdraw", NULL);
    fprintf(stderr,
            "atlantic: consent takes give or withdraw, not '%s'; see atlantic consent "
            "--help\n",
            word);
    return CLI_USAGE;
}
