/* The reply to CONNECT, and the request as the local door reads it. */
#include "proxy/http_connect.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct http_head head;
    struct endpoint target;
    char again[HTTP_CONNECT_REQUEST_MAX];
    int status;
    ssize_t used = http_connect_parse_reply(text, size, &status);
    assert(used <= (ssize_t)size);
    if (used > 0)
        assert(status >= 100 && status <= 999 && http_connect_status_to_err(status) <= 0);
    used = http_head_parse_request(text, size, &head, NULL);
    if (used > 0) {
        http_connect_has_login(&head, "user", "password");
        if (http_connect_parse_target(&head, &target) == 0)
            assert(http_connect_build_request(again, &target, "user", "password") > 0);
    }
    return 0;
}
