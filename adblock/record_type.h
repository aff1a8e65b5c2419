/* DNS record types and answer codes by name, as lists and command lines write them. */
#ifndef ADBLOCK_RECORD_TYPE_H
#define ADBLOCK_RECORD_TYPE_H

#include "adblock/slice.h"

/* "AAAA", "https", "TYPE65" (RFC 3597). Number, or -EINVAL. */
int record_type_parse(struct slice name);
/* NULL for types that have no name here. */
const char *record_type_name(unsigned type);
/* "NXDOMAIN" in any case. Number, or -EINVAL. */
int rcode_parse(struct slice name);
const char *rcode_name(unsigned rcode);

#endif
