#include "tun2socks/half_open.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct half_open_destination {
    struct map_node node;
    uint8_t ip[sizeof(((struct address *)NULL)->ip)];
    uint8_t family;
    uint32_t count;
};

static bool is_equal(const struct map_node *node, const void *wanted)
{
    const struct half_open_destination *destination =
        map_item(node, struct half_open_destination, node);
    const struct address *target = wanted;
    return destination->family == target->family &&
           memcmp(destination->ip, target->ip, sizeof(target->ip)) == 0;
}

static uint64_t hash_of(const struct address *target)
{
    return map_hash(target->ip, sizeof(target->ip));
}

static struct half_open_destination *find(const struct half_open *half_open,
                                          const struct address *target, uint64_t hash)
{
    struct map_node *node = map_find(&half_open->destinations, hash, target);
    return node ? map_item(node, struct half_open_destination, node) : NULL;
}

void half_open_init(struct half_open *half_open)
{
    *half_open = (struct half_open){.limit = UINT32_MAX, .limit_each = UINT32_MAX};
    map_init(&half_open->destinations, is_equal);
}

void half_open_done(struct half_open *half_open)
{
    assert(half_open->count == 0);
    map_done(&half_open->destinations);
}

bool half_open_is_full(const struct half_open *half_open)
{
    return half_open->count >= half_open->limit;
}

bool half_open_is_full_for(const struct half_open *half_open, const struct address *target)
{
    /* With so few in all nobody needs to be looked up. */
    if (half_open->count < half_open->limit_each)
        return false;
    const struct half_open_destination *destination = find(half_open, target, hash_of(target));
    return destination && destination->count >= half_open->limit_each;
}

static struct half_open_destination *add(struct half_open *half_open, const struct address *target,
                                         uint64_t hash)
{
    struct half_open_destination *destination = calloc(1, sizeof(*destination));
    if (!destination)
        return NULL;
    memcpy(destination->ip, target->ip, sizeof(destination->ip));
    destination->family = target->family;
    if (map_insert(&half_open->destinations, &destination->node, hash) == 0)
        return destination;
    free(destination);
    return NULL;
}

int half_open_enter(struct half_open *half_open, const struct address *target,
                    struct half_open_destination **ret)
{
    uint64_t hash = hash_of(target);
    struct half_open_destination *destination = find(half_open, target, hash);
    if (!destination)
        destination = add(half_open, target, hash);
    if (!destination)
        return -ENOMEM;
    destination->count++;
    half_open->count++;
    *ret = destination;
    return 0;
}

void half_open_leave(struct half_open *half_open, struct half_open_destination *destination)
{
    half_open->count--;
    if (--destination->count > 0)
        return;
    map_remove(&half_open->destinations, &destination->node);
    free(destination);
}
