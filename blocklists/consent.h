/* What people are asked before a query log is kept, inside the program: consent.json of this
 * folder, compiled in. */
#ifndef BLOCKLISTS_CONSENT_H
#define BLOCKLISTS_CONSENT_H

#include <stddef.h>

struct consent_text {
    unsigned version;              /* another one asks again */
    const char *const *paragraphs; /* plain sentences; NULL at the end */
};

extern const struct consent_text consent_text;

#endif
