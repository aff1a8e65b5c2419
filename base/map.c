#include "base/map.h"

#include "base/siphash.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FEWEST_BUCKETS = 16 };

void map_init(struct map *map, map_equal_fn *is_equal)
{
    *map = (struct map){.is_equal = is_equal};
}

void map_done(struct map *map)
{
    free(map->buckets);
    map->buckets = NULL;
    map->count = map->capacity = 0;
}

static struct map_node **bucket_of(const struct map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->capacity - 1)];
}

static void link_node(struct map *map, struct map_node *node)
{
    struct map_node **bucket = bucket_of(map, node->hash);
    node->next = *bucket;
    *bucket = node;
}

static int resize(struct map *map, size_t capacity)
{
    struct map old = *map;
    struct map_node **buckets = calloc(capacity, sizeof(struct map_node *));
    if (!buckets)
        return -ENOMEM;
    map->buckets = buckets;
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        for (struct map_node *node = old.buckets[i], *next; node; node = next) {
            next = node->next;
            link_node(map, node);
        }
    }
    free(old.buckets);
    return 0;
}

struct map_node *map_find(const struct map *map, uint64_t hash, const void *key)
{
    if (map->count == 0)
        return NULL;
    for (struct map_node *node = *bucket_of(map, hash); node; node = node->next) {
        if (node->hash == hash && map->is_equal(node, key))
            return node;
    }
    return NULL;
}

int map_insert(struct map *map, struct map_node *node, uint64_t hash)
{
    assert(!map->is_visiting);
    if (map->capacity == 0) {
        int err = resize(map, FEWEST_BUCKETS);
        if (err < 0)
            return err;
    } else if (map->count >= map->capacity) {
        resize(map, map->capacity * 2); /* without memory the chains just get longer */
    }
    node->hash = hash;
    link_node(map, node);
    map->count++;
    return 0;
}

/* With a wide gap to the growth threshold, so that a count that swings does not resize each time.
 */
static void shrink(struct map *map)
{
    if (!map->is_visiting && map->capacity > FEWEST_BUCKETS && map->count < map->capacity / 8)
        resize(map, map->capacity / 2);
}

void map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = bucket_of(map, node->hash);
    while (*link != node) {
        assert(*link); /* the node is in this map */
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->count--;
    shrink(map);
}

void map_each(struct map *map, map_visit_fn *fn, void *owner)
{
    map->is_visiting = true;
    for (size_t i = 0; i < map->capacity; i++) {
        for (struct map_node *node = map->buckets[i], *next; node; node = next) {
            next = node->next;
            fn(owner, node);
        }
    }
    map->is_visiting = false;
    shrink(map);
}

static uint64_t process_key[2];

static void draw_process_key(void)
{
    /* A request this small is never cut short once the kernel's pool is up, and waits until then.
     */
    ssize_t size = getrandom(process_key, sizeof(process_key), 0);
    if (size != (ssize_t)sizeof(process_key))
        abort();
}

uint64_t map_hash(const void *data, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_process_key);
    return siphash13(process_key, data, size);
}
