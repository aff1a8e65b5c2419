/* The first bytes of a conversation -> who is asked for. Fed what was peeked so far, from the
 * start, at each wake; never consumes. */
#ifndef ADBLOCK_SNIFF_H
#define ADBLOCK_SNIFF_H

#include <stddef.h>

enum { SNIFF_MAX_BYTES = 16 * 1024 };

enum sniff_result { SNIFF_MORE, SNIFF_TLS, SNIFF_HTTP, SNIFF_UNKNOWN };

/* `ret` is always written; host is "" until it is known. A request whose head is malformed is
 * still SNIFF_HTTP, without a host: the gate refuses it. HTTP/2 in the clear is SNIFF_UNKNOWN. */
struct sniff {
    char host[256]; /* server name or Host, lower case, without port; "" if it could not be told */
    int has_ech;
};

enum sniff_result sniff_look(const void *data, size_t size, struct sniff *ret);

#endif
