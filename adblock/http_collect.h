/* An HTTP/1 head that may arrive in pieces. While it comes whole it is parsed where it lies; only
 * one that is cut is copied together. */
#ifndef ADBLOCK_HTTP_COLLECT_H
#define ADBLOCK_HTTP_COLLECT_H

#include "base/http_head.h"

struct http_collect {
    char *data; /* NULL while nothing is collected */
    size_t size, capacity;
};

typedef ssize_t http_parse_fn(const char *data, size_t size, struct http_head *ret,
                              const char **why);

/* Drops what was collected; it may be used again. */
void http_collect_done(struct http_collect *collect);

/* The next bytes. 1: the head is complete; *ret_used of these bytes belong to it, and `ret` points
 * into them, or into collect->data when collect->size > 0 (then that is the whole head). 0: all
 * bytes were collected, more are needed. < 0: -EBADMSG, -E2BIG, -ENOMEM; `why` as the parser's. */
int http_collect_feed(struct http_collect *collect, http_parse_fn *parse, const char *data,
                      size_t size, struct http_head *ret, const char **why, size_t *ret_used);

#endif
