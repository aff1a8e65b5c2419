/* Hashes of a host name and of everything above it: "a.b.c" gives those of "c", "b.c" and "a.b.c".
 * Labels are hashed from the right, each with the hash of what stands to its right as seed, so a
 * list's name and the end of an asked name hash alike. */
#ifndef ADBLOCK_NAME_HASH_H
#define ADBLOCK_NAME_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { NAME_LABELS_MAX = 128 }; /* 253 bytes cannot have more than 127 */

struct name_suffix {
    uint64_t hash;
    uint32_t start; /* of this suffix in the name, in bytes */
};

/* `name` in lower case, without a trailing dot. Returns the number of labels: ret[0] is the last
 * label, the last element the whole name. 0 for an empty name, or one of too many labels. */
size_t name_hash_suffixes(const char *name, size_t size, uint64_t seed,
                          struct name_suffix ret[NAME_LABELS_MAX]);

/* Of the whole name alone. */
uint64_t name_hash(const char *name, size_t size, uint64_t seed);

#endif
