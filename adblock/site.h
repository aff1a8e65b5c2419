/* A host as conditions and name rules see it: the hashes of its name, which site it belongs to.
 * What is not always needed is found out on demand. */
#ifndef ADBLOCK_SITE_H
#define ADBLOCK_SITE_H

#include "adblock/condition.h"
#include "adblock/hostset.h"
#include "adblock/slice.h"

struct site {
    struct slice host; /* lower case, no trailing dot; empty if unknown */
    struct name_suffix suffixes[NAME_LABELS_MAX];
    size_t count;
    const struct hostset *psl;
    uint64_t seed;
    size_t public_labels; /* 0: not yet known */
    bool has_entities;
    size_t entity_count;
    struct name_suffix entities[NAME_LABELS_MAX];
};

void site_init(struct site *site, struct slice host, const struct hostset *psl, uint64_t seed);
/* Of the name that its owner registered: the same for all hosts of a site. */
uint64_t site_hash(struct site *site);
/* All of the name. 0 if it is unknown. */
uint64_t site_host_hash(const struct site *site);
bool site_meets(struct site *site, const void *hosts_condition);

#endif
