/* Open addressing, linear probing, at most half full. */
#include "adblock/hash_index.h"

#include <errno.h>
#include <stdlib.h>

struct hash_index_slot {
    uint64_t hash;
    uint32_t value;
    bool is_used;
};

enum { CAPACITY_MIN = 64 };

void hash_index_done(struct hash_index *index)
{
    free(index->slots);
    *index = (struct hash_index){0};
}

static struct hash_index_slot *find(const struct hash_index *index, uint64_t hash)
{
    size_t at = hash & (index->capacity - 1);
    while (index->slots[at].is_used && index->slots[at].hash != hash)
        at = (at + 1) & (index->capacity - 1);
    return &index->slots[at];
}

bool hash_index_get(const struct hash_index *index, uint64_t hash, uint32_t *ret)
{
    const struct hash_index_slot *slot = index->capacity ? find(index, hash) : NULL;
    if (!slot || !slot->is_used)
        return false;
    *ret = slot->value;
    return true;
}

static int grow(struct hash_index *index)
{
    size_t capacity = index->capacity ? index->capacity * 2 : CAPACITY_MIN;
    struct hash_index larger = {calloc(capacity, sizeof(*larger.slots)), index->count, capacity};
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < index->capacity; i++)
        if (index->slots[i].is_used)
            *find(&larger, index->slots[i].hash) = index->slots[i];
    free(index->slots);
    *index = larger;
    return 0;
}

int hash_index_put(struct hash_index *index, uint64_t hash, uint32_t value)
{
    if (index->count * 2 >= index->capacity && grow(index) < 0)
        return -ENOMEM;
    struct hash_index_slot *slot = find(index, hash);
    index->count += !slot->is_used;
    *slot = (struct hash_index_slot){hash, value, true};
    return 0;
}
