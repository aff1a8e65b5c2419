/* From a 64-bit hash to a number: what the compiler uses to store equal things once. Grows; a hash
 * is taken for the thing itself. */
#ifndef ADBLOCK_HASH_INDEX_H
#define ADBLOCK_HASH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_index {
    struct hash_index_slot *slots;
    size_t count, capacity; /* capacity 0 or a power of two */
};

void hash_index_done(struct hash_index *index);
/* False if it is not there. */
bool hash_index_get(const struct hash_index *index, uint64_t hash, uint32_t *ret);
/* Sets or replaces. 0 or -ENOMEM. */
int hash_index_put(struct hash_index *index, uint64_t hash, uint32_t value);

#endif
