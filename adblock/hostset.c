/* Arranging a set: count the names of each bucket, then put each name at its bucket's place. */
#include "adblock/hostset.h"

#include <errno.h>

enum { NAMES_PER_BUCKET = 4 };

void hostset_builder_done(struct hostset_builder *builder)
{
    growing_done(&builder->items);
}

static bool is_there(const uint64_t *entries, uint32_t from, uint32_t to, uint64_t entry)
{
    for (; from < to; from++)
        if (entries[from] == entry)
            return true;
    return false;
}

/* Twins stay within a bucket: close the gaps that leaving them out made. Returns the new count. */
static uint32_t close_gaps(uint32_t *buckets, uint32_t bucket_count, const uint32_t *filled,
                           uint64_t *entries)
{
    uint32_t to = 0;
    for (uint32_t b = 0; b < bucket_count; b++) {
        uint32_t from = buckets[b];
        buckets[b] = to;
        for (uint32_t i = 0; i < filled[b]; i++)
            entries[to++] = entries[from + i];
    }
    buckets[bucket_count] = to;
    return to;
}

static uint32_t fill(const struct hostset_item *items, size_t count, uint32_t *buckets,
                     uint32_t bucket_count, uint32_t *filled, uint64_t *entries)
{
    for (size_t i = 0; i < count; i++)
        buckets[hostset_bucket(items[i].hash, bucket_count) + 1]++;
    for (uint32_t b = 0; b < bucket_count; b++)
        buckets[b + 1] += buckets[b];
    for (size_t i = 0; i < count; i++) {
        uint32_t b = hostset_bucket(items[i].hash, bucket_count);
        uint64_t entry = items[i].hash << HOSTSET_VALUE_BITS | items[i].value;
        if (!is_there(entries, buckets[b], buckets[b] + filled[b], entry))
            entries[buckets[b] + filled[b]++] = entry;
    }
    return close_gaps(buckets, bucket_count, filled, entries);
}

int hostset_arrange(struct hostset_builder *builder, struct growing *buckets,
                    struct growing *entries)
{
    const struct hostset_item *items = (const struct hostset_item *)builder->items.data;
    size_t count = builder->items.size / sizeof(*items);
    uint32_t bucket_count = (uint32_t)(count / NAMES_PER_BUCKET) + 1;
    struct growing filled = {0};
    uint32_t *places = growing_add(buckets, (bucket_count + 1) * sizeof(*places));
    uint32_t *fills = growing_add(&filled, bucket_count * sizeof(*fills));
    size_t start = entries->size;
    void *to = growing_add(entries, count * sizeof(uint64_t));
    bool failed = builder->items.failed || !places || !fills || (count > 0 && !to);
    if (!failed) {
        uint32_t kept = fill(items, count, places, bucket_count, fills, to);
        entries->size = start + kept * sizeof(uint64_t);
    }
    growing_done(&filled);
    return failed ? -ENOMEM : 0;
}
