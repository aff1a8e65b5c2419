/* Any line on the control socket: one answer, a result or an error with its code, that is JSON. */
#include "service/control/control_method.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check(void *owner, const struct control_question *question, struct control_verdict *ret)
{
    (void)owner;
    assert(!question->host != !question->url);
    if (question->url)
        return -EINVAL;
    assert(strlen(question->host) <= NAME_MAX_BYTES);
    ret->verdict = "block";
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct control_source source = {.check = check};
    const struct control_context context = {.source = &source};
    struct control_reply reply = control_answer(&context, (const char *)data, size);
    cJSON *answer = reply.answer;
    bool failed = reply.has_failed;
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    assert(failed == (error != NULL));
    assert(failed == !cJSON_GetObjectItemCaseSensitive(answer, "result"));
    assert(!failed || cJSON_IsString(cJSON_GetObjectItemCaseSensitive(error, "code")));
    char *text = cJSON_PrintUnformatted(answer);
    assert(text && !strchr(text, '\n'));
    cJSON_free(text);
    cJSON_Delete(reply.params);
    cJSON_Delete(answer);
    return 0;
}
