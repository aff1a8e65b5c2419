#include "adblock/http_collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

void http_collect_done(struct http_collect *collect)
{
    free(collect->data);
    *collect = (struct http_collect){.data = NULL};
}

static int append(struct http_collect *collect, const char *data, size_t size)
{
    size_t needed = collect->size + size, capacity = collect->capacity;
    if (needed > capacity) {
        capacity = capacity ? capacity : FIRST_CAPACITY;
        while (capacity < needed)
            capacity *= 2;
        char *grown = realloc(collect->data, capacity);
        if (!grown)
            return -ENOMEM;
        collect->data = grown;
        collect->capacity = capacity;
    }
    memcpy(collect->data + collect->size, data, size);
    collect->size = needed;
    return 0;
}

int http_collect_feed(struct http_collect *collect, http_parse_fn *parse, const char *data,
                      size_t size, struct http_head *ret, const char **why, size_t *ret_used)
{
    size_t before = collect->size;
    ssize_t head_size;
    if (before == 0) {
        head_size = parse(data, size, ret, why);
        if (head_size == 0)
            return append(collect, data, size);
    } else {
        /* One byte more than a head may have, so that the parser sees that it is too large. */
        size_t room = HTTP_HEAD_MAX_BYTES + 1 - before;
        size_t part = size < room ? size : room;
        if (append(collect, data, part) < 0)
            return -ENOMEM;
        /* A head ends with a line: without a new line feed there is nothing new to find, and a
         * head that comes byte by byte would be read again for each. */
        if (part < room && !memchr(data, '\n', part))
            return 0;
        head_size = parse(collect->data, collect->size, ret, why);
        if (head_size == 0)
            return part < size ? -E2BIG : 0;
    }
    if (head_size < 0)
        return (int)head_size;
    *ret_used = (size_t)head_size - before;
    if (before > 0)
        collect->size = (size_t)head_size;
    return 1;
}
