#include "tests/unit/control_asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

cJSON *control_asked(const struct control_context *context, const char *method, const char *params)
{
    char line[256];
    int size = snprintf(line, sizeof(line), "{\"method\":\"%s\",\"params\":{%s}}", method, params);
    assert_in_range(size, 1, sizeof(line) - 1);
    struct control_reply reply = control_answer(context, line, (size_t)size);
    cJSON *result = cJSON_DetachItemFromObject(reply.answer, reply.has_failed ? "error" : "result");

    cJSON_Delete(reply.params);
    cJSON_Delete(reply.answer);
    assert_non_null(result);
    char *text = cJSON_PrintUnformatted(result);
    cJSON_Delete(result);
    result = cJSON_Parse(text);
    cJSON_free(text);
    return result;
}
