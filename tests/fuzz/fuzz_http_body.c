/* Chunked bodies: the end does not depend on how the bytes are cut. The first input byte says
 * where. */
#include "base/http_body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static ssize_t feed_cut(struct http_body *body, const char *data, size_t size, size_t piece)
{
    size_t at = 0;
    while (at < size && !http_body_is_done(body)) {
        size_t part = piece < size - at ? piece : size - at;
        ssize_t taken = http_body_feed(body, data + at, part);
        if (taken < 0)
            return taken;
        require((size_t)taken <= part);
        require((size_t)taken == part || http_body_is_done(body));
        at += (size_t)taken;
    }
    return (ssize_t)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_body whole = {.framing = HTTP_CHUNKED}, cut = whole;
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t piece = (size_t)data[0] % 16 + 1;
    ssize_t taken = http_body_feed(&whole, text, size - 1);
    require(feed_cut(&cut, text, size - 1, piece) == taken);
    require(http_body_is_done(&whole) == http_body_is_done(&cut));
    if (taken >= 0)
        require(whole.state == cut.state && whole.left == cut.left);
    return 0;
}
