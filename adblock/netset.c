/* The look-up. */
#include "adblock/netset.h"

#include "adblock/netset_key.h"
#include "adblock/token.h"

struct netset netset_of(const struct image *image)
{
    struct netset set = {
        .rules = image->sections[IMAGE_RULES].data,
        .buckets = image->sections[IMAGE_KEY_BUCKETS].data,
        .entries = image->sections[IMAGE_KEY_ENTRIES].data,
        .bucket_count = (uint32_t)image->sections[IMAGE_KEY_BUCKETS].count - 1,
        .count = (uint32_t)image->sections[IMAGE_RULES].count,
        .entry_count = (uint32_t)image->sections[IMAGE_KEY_ENTRIES].count,
        .sieve = image->sections[IMAGE_KEY_SIEVE].data,
        .sieve_mask = (uint32_t)image->sections[IMAGE_KEY_SIEVE].count * 64 - 1,
    };
    for (uint32_t i = 0; i < set.count; i++)
        set.regex_count += set.rules[i].kind == RULE_REGEX;
    return set;
}

static inline bool visit_key(const struct netset *set, uint32_t key, long key_start,
                             netset_visit_fn *fn, void *owner)
{
    if (!(set->sieve[(key & set->sieve_mask) / 64] >> (key % 64) & 1))
        return false;
    const uint32_t *bucket = set->buckets + netset_bucket(key, set->bucket_count);
    uint32_t end = bucket[1] < set->entry_count ? bucket[1] : set->entry_count;
    for (uint32_t i = bucket[0]; i < end; i++) {
        uint32_t rule = (uint32_t)set->entries[i];
        if (set->entries[i] >> 32 != key || rule >= set->count)
            continue;
        uint16_t key_at = set->rules[rule].key_at;
        long at = -1;
        if (key_at != NETSET_ANYWHERE && key_start >= 0) {
            at = key_start - key_at;
            if (at < 0)
                continue;
        }
        if (fn(owner, rule, at))
            return true;
    }
    return false;
}

static bool visit_tokens(const struct netset *set, enum netset_group group,
                         const struct netset_query *query, netset_visit_fn *fn, void *owner)
{
    struct token_scan scan = {.text = query->text, .size = query->size};
    struct token token;
    while (token_next(&scan, &token))
        if (visit_key(set, netset_key(group, NETSET_TOKEN, token.hash), token.start, fn, owner))
            return true;
    return false;
}

bool netset_visit(const struct netset *set, enum netset_group group,
                  const struct netset_query *query, netset_visit_fn *fn, void *owner)
{
    if (set->count == 0)
        return false;
    for (size_t i = 0; i < query->host_count; i++) {
        uint32_t hash = netset_fold(query->host_suffixes[i].hash);
        long start = (long)(query->host + query->host_suffixes[i].start);
        if (visit_key(set, netset_key(group, NETSET_HOST, hash), start, fn, owner))
            return true;
    }
    if (visit_tokens(set, group, query, fn, owner))
        return true;
    for (size_t i = 0; i < query->page_count; i++) {
        uint32_t hash = netset_fold(query->page_suffixes[i].hash);
        if (visit_key(set, netset_key(group, NETSET_SITE, hash), -1, fn, owner))
            return true;
    }
    return visit_key(set, netset_key(group, NETSET_ALWAYS, 0), -1, fn, owner);
}
