/* How commands ask, and what they say when there is no answer. */
#include "ui/cli/cli.h"

#include "base/err.h"
#include "ui/cli/member.h"
#include "ui/client.h"

#include <errno.h>
#include <string.h>

int cli_explain(int err, const char *socket_name)
{
    switch (err) {
    case -ENOENT:
    case -ECONNREFUSED:
        fprintf(stderr,
                "atlantic: the service is not running (no %s); start it with: "
                "sudo systemctl start atlanticd\n",
                socket_name);
        return CLI_NOT_RUNNING;
    case -EACCES:
    case -EPERM:
        fprintf(stderr, "atlantic: you may not speak to the service; use sudo, or add yourself to "
                        "the group: sudo usermod -aG atlantic $USER\n");
        return CLI_PERMISSION;
    case -ETIMEDOUT:
        fprintf(stderr, "atlantic: the service does not answer in time; see: "
                        "journalctl -u atlanticd\n");
        return CLI_FAILED;
    default:
        fprintf(stderr, "atlantic: no answer by way of %s: %s\n", socket_name, err_text(err));
        return CLI_FAILED;
    }
}

int cli_check_answer(const cJSON *answer)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    if (!error)
        return CLI_OK;
    const char *hint = member_text(error, "hint"), *code = member_text(error, "code");
    fprintf(stderr, "atlantic: %s%s%s\n", member_text(error, "message"), *hint ? "; " : "", hint);
    if (strcmp(code, "permission") == 0)
        return CLI_PERMISSION;
    return strcmp(code, "bad_params") == 0 ? CLI_USAGE : CLI_FAILED;
}

void cli_print_json(const cJSON *object, FILE *to)
{
    char *text = cJSON_Print(object);
    if (text)
        fprintf(to, "%s\n", text);
    cJSON_free(text);
}

int cli_ask(const struct cli *cli, const char *method, cJSON *take_params, cJSON **ret)
{
    cJSON *answer = NULL;
    int err = client_control(cli->run_dir, method, take_params, CLIENT_TIMEOUT_MS, &answer);
    if (err < 0)
        return cli_explain(err, "control.sock");
    int status = cli_check_answer(answer);
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    cJSON_Delete(answer);
    if (status == CLI_OK && (cli->given & CLI_JSON)) {
        cli_print_json(result, stdout);
        cJSON_Delete(result);
        result = NULL;
    }
    if (status != CLI_OK)
        cJSON_Delete(result);
    else
        *ret = result;
    return status;
}
