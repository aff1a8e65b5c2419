/* A set of names as hashes, with a small value for each: what blocklists compile to. An entry is 48
 * bits of the name's hash and 16 bits of value, in buckets of four on average; which bucket uses
 * hash bits of its own, so that in a million names a wrong one is found with a probability below
 * 1e-13 per look-up. Lies in a mapped image, is never changed. A name may be there more than once,
 * with different values. */
#ifndef ADBLOCK_HOSTSET_H
#define ADBLOCK_HOSTSET_H

#include "adblock/image_writer.h"
#include "adblock/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hostset {
    const uint32_t *buckets; /* bucket_count + 1 places in entries */
    const uint64_t *entries;
    uint32_t bucket_count, count;
};

enum { HOSTSET_VALUE_BITS = 16, HOSTSET_VALUES_MAX = 1 << HOSTSET_VALUE_BITS };

struct hostset_walk {
    const uint64_t *at, *end;
    uint64_t tag;
};

static inline uint32_t hostset_bucket(uint64_t hash, uint32_t bucket_count)
{
    return (uint32_t)(((hash >> 32) * bucket_count) >> 32);
}

/* Ask for the memory of a later look-up. */
static inline void hostset_prefetch(const struct hostset *set, uint64_t hash)
{
    __builtin_prefetch(set->buckets + hostset_bucket(hash, set->bucket_count));
}

/* Begin a walk; the entries are asked for, so begin all walks before the first step. */
static inline void hostset_find(const struct hostset *set, uint64_t hash, struct hostset_walk *ret)
{
    const uint32_t *bucket = set->buckets + hostset_bucket(hash, set->bucket_count);
    uint32_t end = bucket[1] < set->count ? bucket[1] : set->count;
    ret->at = set->entries + (bucket[0] < end ? bucket[0] : end);
    ret->end = set->entries + end;
    ret->tag = hash << HOSTSET_VALUE_BITS;
    __builtin_prefetch(ret->at);
}

/* The next entry of that name: true and its place among the entries. */
static inline bool hostset_next(const struct hostset *set, struct hostset_walk *walk,
                                uint32_t *ret_place)
{
    while (walk->at < walk->end) {
        const uint64_t *entry = walk->at++;
        if (((*entry ^ walk->tag) >> HOSTSET_VALUE_BITS) == 0) {
            *ret_place = (uint32_t)(entry - set->entries);
            return true;
        }
    }
    return false;
}

static inline uint16_t hostset_value(const struct hostset *set, uint32_t place)
{
    return (uint16_t)set->entries[place];
}

/* Building: add in any order, then arrange once. The same name with the same value counts once. */
struct hostset_item {
    uint32_t hash_high, hash_low; /* 12 bytes: no gap */
    uint32_t value;
};
typedef bool hostset_out_fn(const void *owner, uint64_t hash, uint32_t value);
struct hostset_builder {
    struct spool items;     /* struct hostset_item; may be given a file before the first */
    hostset_out_fn *is_out; /* NULL, or says at the end what is left out */
    const void *owner;
    size_t range; /* entries to arrange at a time, where there is a file; 0: as many as is good */
};

static inline void hostset_add(struct hostset_builder *builder, uint64_t hash, uint32_t value)
{
    struct hostset_item *item = spool_add(&builder->items, sizeof(*item));
    if (item)
        *item = (struct hostset_item){(uint32_t)(hash >> 32), (uint32_t)hash, value};
}
void hostset_builder_done(struct hostset_builder *builder);
/* What the two sections may take at most. */
size_t hostset_most_bytes(const struct hostset_builder *builder);

/* Write both sections, `buckets` and the one behind it. 0, -ENOMEM or what the file said. */
int hostset_arrange(struct hostset_builder *builder, struct image_writer *writer,
                    enum image_section buckets);

#endif
