/* Arranging a set: count the names of each bucket, then put each name at its bucket's place. Where
 * the names are in a file, the entries are made a range of buckets at a time, each from another
 * walk through it, so that memory holds an eighth of them or less. */
#include "adblock/hostset.h"

#include <errno.h>
#include <stdlib.h>

enum { NAMES_PER_BUCKET = 4, RANGE_MIN = 128 * 1024, RANGES = 8 };

struct arranging {
    struct hostset_builder *builder;
    struct image_writer *writer;
    uint32_t
        *buckets; /* where each begins: before twins are taken out, behind the range; else after */
    uint32_t bucket_count;
    uint32_t first, end; /* the range */
    uint32_t start;      /* of its entries, before twins are taken out */
    uint32_t kept;       /* entries written */
    struct growing filled, entries;
};

typedef void visit_fn(struct arranging *arranging, uint64_t hash, uint32_t value);

void hostset_builder_done(struct hostset_builder *builder)
{
    spool_done(&builder->items);
}

static inline __attribute__((always_inline)) void visit(struct arranging *arranging, visit_fn *fn)
{
    const void *piece;
    for (size_t at = 0, size; (size = spool_read(&arranging->builder->items, at, &piece)) > 0;
         at += size) {
        const struct hostset_item *items = piece;
        for (size_t i = 0; i < size / sizeof(*items); i++) {
            uint64_t hash = (uint64_t)items[i].hash_high << 32 | items[i].hash_low;
            fn(arranging, hash, items[i].value);
        }
    }
}

static bool is_out(const struct arranging *arranging, uint64_t hash, uint32_t value)
{
    const struct hostset_builder *builder = arranging->builder;
    return builder->is_out && builder->is_out(builder->owner, hash, value);
}

static void count(struct arranging *arranging, uint64_t hash, uint32_t value)
{
    if (!is_out(arranging, hash, value))
        arranging->buckets[hostset_bucket(hash, arranging->bucket_count) + 1]++;
}

static void count_all(struct arranging *arranging, uint64_t hash, uint32_t value)
{
    if (!is_out(arranging, hash, value))
        arranging->kept++;
}

static bool is_there(const uint64_t *entries, uint32_t size, uint64_t entry)
{
    for (uint32_t i = 0; i < size; i++)
        if (entries[i] == entry)
            return true;
    return false;
}

static void fill(struct arranging *arranging, uint64_t hash, uint32_t value)
{
    uint32_t bucket = hostset_bucket(hash, arranging->bucket_count);
    if (bucket < arranging->first || bucket >= arranging->end || is_out(arranging, hash, value))
        return;
    uint32_t *filled = (uint32_t *)arranging->filled.data + (bucket - arranging->first);
    uint64_t *entries =
        (uint64_t *)arranging->entries.data + arranging->buckets[bucket] - arranging->start;
    uint64_t entry = hash << HOSTSET_VALUE_BITS | value;
    if (!is_there(entries, *filled, entry))
        entries[(*filled)++] = entry;
}

/* Twins stay within a bucket: close the gaps that leaving them out made. */
static void close_gaps(struct arranging *arranging)
{
    const uint32_t *filled = (const uint32_t *)arranging->filled.data;
    uint64_t *entries = (uint64_t *)arranging->entries.data;
    uint32_t to = 0;
    for (uint32_t b = arranging->first; b < arranging->end; b++) {
        uint32_t from = arranging->buckets[b] - arranging->start;
        arranging->buckets[b] = arranging->kept + to;
        for (uint32_t i = 0; i < filled[b - arranging->first]; i++)
            entries[to++] = entries[from + i];
    }
    image_writer_append(arranging->writer, entries, to * sizeof(*entries));
    arranging->kept += to;
}

static int arrange_range(struct arranging *arranging)
{
    uint32_t buckets = arranging->end - arranging->first;
    uint32_t count = arranging->buckets[arranging->end] - arranging->start;
    arranging->filled.size = arranging->entries.size = 0;
    if (!growing_add(&arranging->filled, buckets * sizeof(uint32_t)) ||
        (count > 0 && !growing_add(&arranging->entries, count * sizeof(uint64_t))))
        return -ENOMEM;
    visit(arranging, fill);
    close_gaps(arranging);
    return 0;
}

static size_t range_of(const struct hostset_builder *builder, uint32_t total)
{
    if (!builder->items.has_file)
        return total;
    if (builder->range > 0)
        return builder->range;
    return total / RANGES > RANGE_MIN ? total / RANGES : RANGE_MIN;
}

static int arrange_all(struct arranging *arranging)
{
    uint32_t *buckets = arranging->buckets, buckets_end = arranging->bucket_count;
    int err = 0;
    visit(arranging, count);
    for (uint32_t b = 0; b < buckets_end; b++)
        buckets[b + 1] += buckets[b];
    size_t range = range_of(arranging->builder, buckets[buckets_end]);
    for (uint32_t at = 0; at < buckets_end && err == 0; at = arranging->end) {
        arranging->first = at;
        arranging->start = buckets[at];
        arranging->end = at + 1;
        while (arranging->end < buckets_end &&
               buckets[arranging->end + 1] - arranging->start <= range)
            arranging->end++;
        err = arrange_range(arranging);
    }
    buckets[buckets_end] = arranging->kept;
    return err;
}

static uint32_t bucket_count_of(size_t items)
{
    return (uint32_t)(items / NAMES_PER_BUCKET) + 1;
}

size_t hostset_most_bytes(const struct hostset_builder *builder)
{
    size_t items = builder->items.bytes / sizeof(struct hostset_item);
    return image_writer_most((bucket_count_of(items) + 1) * sizeof(uint32_t)) +
           image_writer_most(items * sizeof(uint64_t));
}

int hostset_arrange(struct hostset_builder *builder, struct image_writer *writer,
                    enum image_section buckets)
{
    struct arranging arranging = {.builder = builder, .writer = writer};
    spool_end(&builder->items);
    if (builder->is_out)
        visit(&arranging, count_all);
    else
        arranging.kept = (uint32_t)(builder->items.bytes / sizeof(struct hostset_item));
    arranging.bucket_count = bucket_count_of(arranging.kept);
    arranging.kept = 0;
    size_t bytes = (arranging.bucket_count + 1) * sizeof(uint32_t);
    arranging.buckets = calloc(1, bytes);
    image_writer_begin(writer, buckets);
    image_writer_leave(writer, bytes);
    image_writer_begin(writer, buckets + 1);
    int err = arranging.buckets ? arrange_all(&arranging) : -ENOMEM;
    if (err == 0)
        err = spool_error(&builder->items);
    if (err == 0)
        image_writer_put(writer, buckets, arranging.buckets, bytes);
    growing_done(&arranging.filled);
    growing_done(&arranging.entries);
    free(arranging.buckets);
    return err;
}
