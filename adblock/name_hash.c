/* XXH3 (Yann Collet, xxhash.com), label by label. */
#include "adblock/name_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

size_t name_hash_suffixes(const char *name, size_t size, uint64_t seed,
                          struct name_suffix ret[NAME_LABELS_MAX])
{
    size_t count = 0, end = size;
    uint64_t hash = seed;
    for (size_t at = size; at-- > 0;) {
        if (at > 0 && name[at - 1] != '.')
            continue;
        if (count == NAME_LABELS_MAX)
            return 0;
        hash = XXH3_64bits_withSeed(name + at, end - at, hash);
        ret[count++] = (struct name_suffix){hash, (uint32_t)at};
        if (at > 0)
            end = --at;
    }
    return count;
}

uint64_t name_hash(const char *name, size_t size, uint64_t seed)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    size_t count = name_hash_suffixes(name, size, seed, suffixes);
    return count ? suffixes[count - 1].hash : 0;
}
