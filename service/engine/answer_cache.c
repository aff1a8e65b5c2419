#include "service/engine/answer_cache.h"

#include "base/list.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What makes two questions the same. Compared as bytes, so it is zeroed first. */
struct key {
    uint16_t qtype, qclass;
    bool wants_dnssec, checking_disabled;
    char name[NAME_MAX_BYTES + 1];
};

struct entry {
    struct map_node node;
    struct list use; /* least recently used first */
    uint64_t stored_at_ms, until_ms, held_until_ms;
    unsigned uses;
    bool is_due_said;
    size_t size, key_size;
    uint8_t bytes[]; /* key, then message */
};

struct answer_cache {
    struct map map;
    struct list use;
    size_t entries_max, bytes_max;
    uint64_t stale_ms;
    struct answer_cache_stats stats;
};

struct lookup {
    struct key key;
    size_t size;
    uint64_t hash;
};

static struct lookup lookup_of(const struct dns_question *question)
{
    struct lookup lookup;
    size_t length = strlen(question->name);

    memset(&lookup.key, 0, sizeof(lookup.key));
    lookup.key.qtype = question->qtype;
    lookup.key.qclass = question->qclass;
    lookup.key.wants_dnssec = question->wants_dnssec;
    lookup.key.checking_disabled = question->checking_disabled;
    memcpy(lookup.key.name, question->name, length);
    lookup.size = offsetof(struct key, name) + length;
    lookup.hash = map_hash(&lookup.key, lookup.size);
    return lookup;
}

static bool is_entry_of(const struct map_node *node, const void *key)
{
    const struct entry *entry = (const struct entry *)(const void *)node;
    const struct lookup *lookup = key;

    return entry->key_size == lookup->size && memcmp(entry->bytes, &lookup->key, lookup->size) == 0;
}

static struct entry *find(const struct answer_cache *cache, const struct lookup *lookup)
{
    struct map_node *node = map_find(&cache->map, lookup->hash, lookup);
    return node ? map_item(node, struct entry, node) : NULL;
}

static size_t cost_of(const struct entry *entry)
{
    return sizeof(*entry) + entry->key_size + entry->size;
}

struct answer_cache *answer_cache_new(size_t entries_max, size_t bytes_max, uint32_t stale_s)
{
    struct answer_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return NULL;
    map_init(&cache->map, is_entry_of);
    list_init(&cache->use);
    cache->entries_max = entries_max;
    cache->bytes_max = bytes_max;
    cache->stale_ms = stale_s * UINT64_C(1000);
    return cache;
}

static void drop(struct answer_cache *cache, struct entry *entry)
{
    map_remove(&cache->map, &entry->node);
    list_remove(&entry->use);
    cache->stats.entries--;
    cache->stats.bytes -= cost_of(entry);
    free(entry);
}

void answer_cache_clear(struct answer_cache *cache)
{
    list_each(node, &cache->use)
        drop(cache, list_item(node, struct entry, use));
}

void answer_cache_free(struct answer_cache *cache)
{
    if (!cache)
        return;
    answer_cache_clear(cache);
    map_done(&cache->map);
    free(cache);
}

/* In the last tenth of its time. */
static bool is_near_end(const struct entry *entry, uint64_t now_ms)
{
    return (entry->until_ms - now_ms) * 10 < entry->until_ms - entry->stored_at_ms;
}

static enum answer_state use(struct entry *entry, uint64_t now_ms)
{
    if (entry->until_ms <= now_ms)
        return now_ms < entry->held_until_ms ? ANSWER_STALE_HELD : ANSWER_STALE;
    entry->uses++;
    if (entry->is_due_said || entry->uses < ANSWER_POPULAR_USES || !is_near_end(entry, now_ms))
        return ANSWER_FRESH;
    entry->is_due_said = true;
    return ANSWER_FRESH_DUE;
}

ssize_t answer_cache_get(struct answer_cache *cache, const struct dns_question *question,
                         uint64_t now_ms, uint8_t *to, size_t capacity,
                         enum answer_state *ret_state)
{
    struct lookup lookup = lookup_of(question);
    struct entry *entry = find(cache, &lookup);

    if (entry && entry->until_ms + cache->stale_ms <= now_ms) {
        drop(cache, entry);
        entry = NULL;
    }
    if (!entry) {
        cache->stats.misses++;
        return -ENOENT;
    }
    if (entry->size > capacity)
        return -ENOBUFS;
    cache->stats.hits++;
    list_remove(&entry->use);
    list_append(&cache->use, &entry->use);
    memcpy(to, entry->bytes + entry->key_size, entry->size);
    if (entry->until_ms > now_ms)
        dns_message_age(to, entry->size, (uint32_t)((now_ms - entry->stored_at_ms) / 1000));
    else
        dns_message_set_ttl(to, entry->size, ANSWER_STALE_TTL_S);
    dns_message_set_id(to, question->id);
    *ret_state = use(entry, now_ms);
    return (ssize_t)entry->size;
}

void answer_cache_hold(struct answer_cache *cache, const struct dns_question *question,
                       uint64_t until_ms)
{
    struct lookup lookup = lookup_of(question);
    struct entry *entry = find(cache, &lookup);

    if (entry)
        entry->held_until_ms = until_ms;
}

void answer_cache_put(struct answer_cache *cache, const struct dns_question *question,
                      const uint8_t *answer, size_t size, uint32_t ttl_s, uint64_t now_ms)
{
    struct lookup lookup = lookup_of(question);
    struct entry *entry = find(cache, &lookup);

    if (entry)
        drop(cache, entry);
    if (ttl_s == 0 || size > DNS_MESSAGE_MAX)
        return;
    entry = malloc(sizeof(*entry) + lookup.size + size);
    if (!entry)
        return; /* not kept: it will be asked for again */
    *entry = (struct entry){
        .stored_at_ms = now_ms,
        .until_ms = now_ms + ttl_s * UINT64_C(1000),
        .size = size,
        .key_size = lookup.size,
    };
    memcpy(entry->bytes, &lookup.key, lookup.size);
    memcpy(entry->bytes + lookup.size, answer, size);
    if (map_insert(&cache->map, &entry->node, lookup.hash) < 0) {
        free(entry);
        return;
    }
    list_append(&cache->use, &entry->use);
    cache->stats.entries++;
    cache->stats.bytes += cost_of(entry);
    while (cache->stats.entries > cache->entries_max || cache->stats.bytes > cache->bytes_max) {
        drop(cache, list_item(cache->use.next, struct entry, use));
        cache->stats.evictions++;
    }
}

struct answer_cache_stats answer_cache_stats(const struct answer_cache *cache)
{
    return cache->stats;
}
