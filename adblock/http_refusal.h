/* The answer to a request that is refused: a page that says why where a person will read it, an
 * empty valid thing of its kind where a page waits for one. */
#ifndef ADBLOCK_HTTP_REFUSAL_H
#define ADBLOCK_HTTP_REFUSAL_H

#include "adblock/filter.h"

#include <stdbool.h>
#include <sys/types.h>

enum { HTTP_REFUSAL_MAX_BYTES = 12 * 1024 };

/* Both return the answer's size (it always fits), head and body, without a terminator. */
size_t http_refusal_format(const struct filter *filter, const struct filter_request *request,
                           const struct verdict *verdict, bool keeps_alive,
                           char to[HTTP_REFUSAL_MAX_BYTES]);
/* For a request that cannot be read; the connection ends with it. `why` is one of our phrases. */
size_t http_refusal_format_error(int status, const char *why, char to[HTTP_REFUSAL_MAX_BYTES]);

#endif
