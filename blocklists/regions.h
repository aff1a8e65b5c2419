/* What Atlantic permits itself in each region, inside the program: regions.json of this folder,
 * compiled in. Product policy, not legal advice; see README.md for what the fields mean. */
#ifndef BLOCKLISTS_REGIONS_H
#define BLOCKLISTS_REGIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { REGIONS_CODES_MAX = 40, REGIONS_CATEGORIES_MAX = 16 };

struct region {
    const char *name;
    const char *codes[REGIONS_CODES_MAX];           /* ISO 3166-1 alpha-2; NULL at the end */
    const char *categories[REGIONS_CATEGORIES_MAX]; /* that may be on; NULL at the end */
    bool log_consent;  /* the query log is kept only where consent is recorded */
    unsigned log_days; /* no longer is the query log kept */
};

/* The last has no codes: it is for every country that no other row names and for those who don't
 * say where they are; at least as strict as any other in everything. */
extern const struct region regions[];
extern const size_t regions_count;

#endif
