/* What the filter wants to know of an HTTP/1 request: its URL, what it is for, who asks. */
#ifndef ADBLOCK_HTTP_REQUEST_FACTS_H
#define ADBLOCK_HTTP_REQUEST_FACTS_H

#include "adblock/filter.h"
#include "base/http_head.h"

#include <stdbool.h>

/* A longer URL is matched on what fits: refusing it (414) would break pages that the server serves,
 * and what a rule looks for stands in front of the long tail of parameters. */
enum { HTTP_URL_MAX_BYTES = 16 * 1024 };

struct http_request_facts {
    struct filter_request request; /* points into this struct and into the head's bytes */
    char url[HTTP_URL_MAX_BYTES + 1];
    char method[32];
};

/* `host` stands in where the request names none. Large: meant for the stack of one function. */
void http_request_facts_read(const struct http_head *head, const char *host, bool is_tls,
                             struct http_request_facts *ret);

#endif
