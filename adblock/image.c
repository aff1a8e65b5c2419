/* Header, table of sections, sections aligned to cache lines; an XXH3 over everything behind the
 * checksum finds what truncation does not. */
#include "adblock/image.h"

#include "adblock/netset.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { ALIGNMENT = 64, VERSION = 3 };

struct header {
    char magic[8];
    uint32_t version, sections;
    uint64_t size, checksum; /* of all that follows */
    uint64_t seed;
    struct {
        uint64_t start, size;
    } table[IMAGE_SECTIONS];
};

static const char magic[8] = "ATLFILT";

static const size_t record_bytes[IMAGE_SECTIONS] = {
    [IMAGE_LISTS] = sizeof(struct image_list),
    [IMAGE_STRINGS] = 1,
    [IMAGE_CONDITIONS] = 1,
    [IMAGE_TRAITS] = sizeof(struct image_traits),
    [IMAGE_CLASSES] = sizeof(struct image_class),
    [IMAGE_NAME_BUCKETS] = sizeof(uint32_t),
    [IMAGE_NAME_ENTRIES] = sizeof(uint64_t),
    [IMAGE_SUFFIX_BUCKETS] = sizeof(uint32_t),
    [IMAGE_SUFFIX_ENTRIES] = sizeof(uint64_t),
    [IMAGE_PREFIXES] = sizeof(struct image_prefix),
    [IMAGE_RULES] = sizeof(struct image_rule),
    [IMAGE_KEY_BUCKETS] = sizeof(uint32_t),
    [IMAGE_KEY_ENTRIES] = sizeof(uint64_t),
    [IMAGE_KEY_SIEVE] = sizeof(uint64_t),
};

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t checksum(const uint8_t *data, size_t size)
{
    size_t start = offsetof(struct header, seed);
    return XXH3_64bits(data + start, size - start);
}

void image_seal(uint8_t *data, size_t size)
{
    struct header *header = (struct header *)data;
    header->size = size;
    header->checksum = checksum(data, size);
}

int image_make(struct growing sections[IMAGE_SECTIONS], uint64_t seed, uint8_t **ret,
               size_t *ret_size)
{
    size_t size = aligned(sizeof(struct header));
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        if (sections[i].failed)
            return -ENOMEM;
        size += aligned(sections[i].size);
    }
    uint8_t *data = aligned_alloc(ALIGNMENT, size);
    if (!data)
        return -ENOMEM;
    memset(data, 0, aligned(sizeof(struct header)));
    struct header *header = (struct header *)data;
    memcpy(header->magic, magic, sizeof(magic));
    header->version = VERSION;
    header->sections = IMAGE_SECTIONS;
    header->seed = seed;
    size_t at = aligned(sizeof(*header));
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        size_t bytes = sections[i].size;
        header->table[i].start = at;
        header->table[i].size = bytes;
        if (bytes > 0)
            memcpy(data + at, sections[i].data, bytes);
        memset(data + at + bytes, 0, aligned(bytes) - bytes);
        growing_done(&sections[i]);
        at += aligned(bytes);
    }
    image_seal(data, size);
    *ret = data;
    *ret_size = size;
    return 0;
}

static bool is_sound(const struct header *header, size_t size)
{
    if (memcmp(header->magic, magic, sizeof(magic)) != 0 || header->version != VERSION ||
        header->sections != IMAGE_SECTIONS || header->size != size)
        return false;
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        uint64_t start = header->table[i].start, bytes = header->table[i].size;
        if (start % ALIGNMENT != 0 || start > size || bytes > size - start ||
            bytes % record_bytes[i] != 0)
            return false;
    }
    return true;
}

int image_read(const uint8_t *data, size_t size, struct image *ret)
{
    const struct header *header = (const struct header *)data;
    if (size < sizeof(*header) || !is_sound(header, size) ||
        header->checksum != checksum(data, size))
        return -EBADMSG;
    struct image image = {.data = data, .size = size, .seed = header->seed};
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        image.sections[i].data = data + header->table[i].start;
        image.sections[i].count = header->table[i].size / record_bytes[i];
    }
    *ret = image;
    return 0;
}
