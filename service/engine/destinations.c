#include "service/engine/destinations.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Name or address, as bytes: as much memory as they need. */
struct key {
    const void *bytes;
    size_t size;
};

struct destination {
    struct map_node node;
    uint32_t conversations;
    uint32_t key_size;
    uint8_t key[];
};

static bool is_equal(const struct map_node *node, const void *wanted)
{
    const struct destination *destination = map_item(node, struct destination, node);
    const struct key *key = wanted;

    return destination->key_size == key->size &&
           memcmp(destination->key, key->bytes, key->size) == 0;
}

/* No name has the length of an IPv6 address and 16 bytes that are one: names are text. */
static struct key key_of(const struct endpoint *target)
{
    if (endpoint_is_name(target))
        return (struct key){target->name, strlen(target->name)};
    return (struct key){target->address.ip, sizeof(target->address.ip)};
}

void destinations_init(struct destinations *destinations)
{
    map_init(&destinations->map, is_equal);
}

void destinations_done(struct destinations *destinations)
{
    map_done(&destinations->map);
}

static struct destination *add(struct destinations *destinations, const struct key *key,
                               uint64_t hash)
{
    struct destination *destination = malloc(sizeof(*destination) + key->size);

    if (!destination)
        return NULL;
    destination->conversations = 0;
    destination->key_size = (uint32_t)key->size;
    memcpy(destination->key, key->bytes, key->size);
    if (map_insert(&destinations->map, &destination->node, hash) == 0)
        return destination;
    free(destination);
    return NULL;
}

int destinations_enter(struct destinations *destinations, const struct endpoint *target,
                       struct destination **ret)
{
    struct key key = key_of(target);
    uint64_t hash = map_hash(key.bytes, key.size);
    struct map_node *node = map_find(&destinations->map, hash, &key);
    struct destination *destination =
        node ? map_item(node, struct destination, node) : add(destinations, &key, hash);

    if (!destination)
        return -ENOMEM;
    if (destination->conversations >= destinations->limit)
        return ERR_LIMIT;
    destination->conversations++;
    *ret = destination;
    return 0;
}

void destinations_leave(struct destinations *destinations, struct destination *destination)
{
    if (--destination->conversations > 0)
        return;
    map_remove(&destinations->map, &destination->node);
    free(destination);
}
