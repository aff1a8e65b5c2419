/* Is a text the data of a record, as zone files and $dnsrewrite write it? A rule whose answer
 * nobody could send is told when its list is read, not when somebody asks. */
#ifndef ADBLOCK_RECORD_DATA_H
#define ADBLOCK_RECORD_DATA_H

#include "adblock/slice.h"

/* Of the types that rules use: CNAME, NS, PTR, DNAME, MX, SRV, SVCB, HTTPS. Any text will do for
 * the others. */
bool record_data_is_sound(unsigned type, struct slice text);
/* A name to point at: one label or more, perhaps with a dot behind. */
bool record_data_is_target(struct slice name);

#endif
