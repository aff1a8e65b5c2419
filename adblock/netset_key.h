/* Keys of network rules: how the builder and the look-up agree on them. */
#ifndef ADBLOCK_NETSET_KEY_H
#define ADBLOCK_NETSET_KEY_H

#include <stdint.h>

enum netset_key_kind { NETSET_TOKEN, NETSET_HOST, NETSET_SITE, NETSET_ALWAYS };

/* Distinct for each group and kind; a collision costs a comparison only. */
static inline uint32_t netset_key(unsigned group, enum netset_key_kind kind, uint32_t hash)
{
    return hash ^ ((group * 4 + kind) * UINT32_C(0x9e3779b1));
}

/* The lowest bit of a name's hash means "not" in conditions and does not count. */
static inline uint32_t netset_fold(uint64_t name_hash)
{
    uint64_t hash = name_hash & ~UINT64_C(1);
    return (uint32_t)(hash ^ (hash >> 32));
}

static inline uint32_t netset_bucket(uint32_t key, uint32_t bucket_count)
{
    return (uint32_t)(((uint64_t)key * bucket_count) >> 32);
}

#endif
