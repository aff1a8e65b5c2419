/* A URL's text in lower case with the place of its host, for matching. Not a general parser:
 * nothing is resolved, escaped or checked. */
#ifndef ADBLOCK_URL_H
#define ADBLOCK_URL_H

#include "adblock/slice.h"

/* What is behind is not looked at. The padding is for reading words at once. */
enum { URL_MAX_BYTES = 16384, URL_PADDING = 16 };

struct url {
    struct slice text;     /* as given, cut at URL_MAX_BYTES */
    const char *lower;     /* of the same size, then URL_PADDING zeros */
    size_t host, host_end; /* host without user info and port; equal if there is none */
};

/* `buffer` holds the lower case form and must outlive *ret. */
void url_split(struct slice text, char buffer[URL_MAX_BYTES + URL_PADDING], struct url *ret);

/* The host alone, in lower case, without a trailing dot. Size 0: none, or it does not fit. */
struct slice url_host(struct slice text, char *buffer, size_t capacity);

#endif
