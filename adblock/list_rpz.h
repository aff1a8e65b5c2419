/* Response policy zones (draft-vixie-dnsop-dns-rpz): the zone file as text. QNAME, client-ip,
 * rpz-ip and nsdname triggers are kept, the last ones for answers that name servers; nsip asks
 * about addresses of name servers, which a client of resolvers never meets, and is dropped. */
#ifndef ADBLOCK_LIST_RPZ_H
#define ADBLOCK_LIST_RPZ_H

#include "adblock/rule.h"
#include "base/endpoint.h"

/* What carries over from line to line. Zero it at the beginning of a file. */
struct list_rpz {
    char origin[NAME_MAX_BYTES + 1]; /* of the zone, without dots at the ends; "" unknown */
    char owner[NAME_MAX_BYTES + 1];  /* of the last record; a line that begins blank repeats it */
    unsigned depth;                  /* of open parentheses */
};

/* `line` not trimmed. */
void list_rpz_line(struct list_rpz *rpz, struct slice line, struct rule_sink *sink);

#endif
