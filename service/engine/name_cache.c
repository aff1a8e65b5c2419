#include "service/engine/name_cache.h"

#include "base/list.h"
#include "base/map.h"
#include "service/engine/shared_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct map_node node;
    struct list age; /* oldest first */
    struct address address;
    uint64_t until_ms;
    char *name;
};

struct name_cache {
    struct map map;
    struct list age;
    size_t entries_max;
    struct shared_names *shared; /* NULL: one worker alone */
    char *found;                 /* in there: a copy, before somebody writes over it */
};

static struct entry *entry_of(struct map_node *node)
{
    return map_item(node, struct entry, node);
}

static bool is_entry_of(const struct map_node *node, const void *key)
{
    const struct entry *entry = (const struct entry *)(const void *)node;
    return address_is_equal(&entry->address, key);
}

static struct address key_of(const struct address *address)
{
    struct address key = address_unmapped(address);
    key.port = 0;
    return key;
}

struct name_cache *name_cache_new(size_t entries_max)
{
    struct name_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return NULL;
    map_init(&cache->map, is_entry_of);
    list_init(&cache->age);
    cache->entries_max = entries_max;
    return cache;
}

static void drop(struct name_cache *cache, struct entry *entry)
{
    map_remove(&cache->map, &entry->node);
    list_remove(&entry->age);
    free(entry->name);
    free(entry);
}

void name_cache_free(struct name_cache *cache)
{
    if (!cache)
        return;
    list_each(node, &cache->age)
        drop(cache, list_item(node, struct entry, age));
    map_done(&cache->map);
    shared_names_close(cache->shared);
    free(cache->found);
    free(cache);
}

int name_cache_share(struct name_cache *cache, int fd)
{
    if (!cache->found)
        cache->found = malloc(NAME_MAX_BYTES + 1);
    return cache->found ? shared_names_open(fd, &cache->shared) : -ENOMEM;
}

static struct entry *add(struct name_cache *cache, const struct address *key, uint64_t hash)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->address = *key;
    if (map_insert(&cache->map, &entry->node, hash) < 0) {
        free(entry);
        return NULL;
    }
    list_append(&cache->age, &entry->age);
    if (cache->map.count > cache->entries_max)
        drop(cache, list_item(cache->age.next, struct entry, age));
    return entry;
}

void name_cache_put(struct name_cache *cache, const struct address *address, const char *name,
                    uint64_t until_ms)
{
    struct address key = key_of(address);
    if (cache->shared) {
        shared_names_put(cache->shared, &key, name, until_ms);
        return;
    }
    uint64_t hash = address_hash(&key, 0);
    struct map_node *node = map_find(&cache->map, hash, &key);
    struct entry *entry = node ? entry_of(node) : add(cache, &key, hash);

    if (!entry)
        return; /* out of memory: the name stays unknown */
    list_remove(&entry->age);
    list_append(&cache->age, &entry->age);
    entry->until_ms = until_ms;
    if (entry->name && strcmp(entry->name, name) == 0)
        return;
    free(entry->name);
    entry->name = strdup(name);
}

const char *name_cache_find(const struct name_cache *cache, const struct address *address,
                            uint64_t now_ms)
{
    struct address key = key_of(address);
    if (cache->shared)
        return shared_names_find(cache->shared, &key, now_ms, cache->found) ? cache->found : NULL;
    struct map_node *node = map_find(&cache->map, address_hash(&key, 0), &key);

    return node && entry_of(node)->until_ms > now_ms ? entry_of(node)->name : NULL;
}

size_t name_cache_count(const struct name_cache *cache)
{
    return cache->map.count;
}
