/* Is a block an image, and whole? */
#include "adblock/image.h"

#include "adblock/image_layout.h"
#include "adblock/netset.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <sys/mman.h>
#include <xxhash.h>

enum { WINDOW_BYTES = 256 * 1024 }; /* whole pages */

static const char magic[8] = IMAGE_MAGIC;

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

static uint64_t checksum(const uint8_t *data, size_t size)
{
    return XXH3_64bits(data + IMAGE_CHECKED_FROM, size - IMAGE_CHECKED_FROM);
}

/* The same of a mapped file, of which not more than a window is in memory at a time. */
static uint64_t mapped_checksum(const uint8_t *data, size_t size)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (size_t at = 0; at < size; at += WINDOW_BYTES) {
        size_t from = at ? at : IMAGE_CHECKED_FROM;
        size_t end = size - at > WINDOW_BYTES ? at + WINDOW_BYTES : size;
        image_warm(data + at, end - at);
        XXH3_64bits_update(&state, data + from, end - from);
        image_rest(data + at, end - at);
    }
    return XXH3_64bits_digest(&state);
}

void image_warm(const uint8_t *data, size_t size)
{
    (void)madvise((void *)(uintptr_t)data, size, MADV_POPULATE_READ); /* Linux 5.14 */
}

void image_rest(const uint8_t *data, size_t size)
{
    (void)madvise((void *)(uintptr_t)data, size, MADV_DONTNEED);
}

void image_seal(uint8_t *data, size_t size)
{
    struct image_header *header = (struct image_header *)data;
    header->size = size;
    header->checksum = checksum(data, size);
}

static bool is_sound(const struct image_header *header, size_t size)
{
    if (memcmp(header->magic, magic, sizeof(magic)) != 0 || header->version != IMAGE_VERSION ||
        header->sections != IMAGE_SECTIONS || header->size != size)
        return false;
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        uint64_t start = header->table[i].start, bytes = header->table[i].size;
        if (start % IMAGE_ALIGNMENT != 0 || start > size || bytes > size - start ||
            bytes % record_bytes[i] != 0)
            return false;
    }
    return true;
}

int image_read(const uint8_t *data, size_t size, bool is_mapped, struct image *ret)
{
    const struct image_header *header = (const struct image_header *)data;
    if (size < sizeof(*header) || !is_sound(header, size))
        return -EBADMSG;
    uint64_t sum = is_mapped ? mapped_checksum(data, size) : checksum(data, size);
    if (header->checksum != sum)
        return -EBADMSG;
    struct image image = {.data = data, .size = size, .seed = header->seed};
    for (int i = 0; i < IMAGE_SECTIONS; i++) {
        image.sections[i].data = data + header->table[i].start;
        image.sections[i].count = header->table[i].size / record_bytes[i];
    }
    *ret = image;
    return 0;
}
