/* Intrusive hash map: a node lives inside its owner; the map allocates only its bucket array, which
 * grows and shrinks with the count. Hashes come from the caller: map_hash is seeded per process, so
 * that nobody outside can choose colliding keys. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

typedef bool map_equal_fn(const struct map_node *node, const void *key);

struct map {
    struct map_node **buckets;
    size_t count, capacity; /* capacity 0 or a power of two */
    map_equal_fn *is_equal;
    bool is_visiting; /* in map_each: keep the buckets where they are */
};

static inline void *map_owner(const struct map_node *node, size_t offset)
{
    return (char *)node - offset;
}

#define map_item(node, type, member) ((type *)map_owner(node, offsetof(type, member)))

void map_init(struct map *map, map_equal_fn *is_equal);
void map_done(struct map *map); /* the nodes are their owners' business */

struct map_node *map_find(const struct map *map, uint64_t hash, const void *key);
/* The key must not be in the map. 0 or -ENOMEM (only for the very first node). */
int map_insert(struct map *map, struct map_node *node, uint64_t hash);
/* The node must be in the map. */
void map_remove(struct map *map, struct map_node *node);
/* Visit all, in no order; `fn` may remove the node that it is given and change nothing else. */
typedef void map_visit_fn(void *owner, struct map_node *node);
void map_each(struct map *map, map_visit_fn *fn, void *owner);

/* SipHash-1-3 under a key drawn once per process. Thread safe. */
uint64_t map_hash(const void *data, size_t size);

#endif
