/* What the bytes of an image are: header, table of sections, sections aligned to cache lines. For
 * image.c and image_writer.c alone. */
#ifndef ADBLOCK_IMAGE_LAYOUT_H
#define ADBLOCK_IMAGE_LAYOUT_H

#include "adblock/image.h"

enum { IMAGE_ALIGNMENT = 64, IMAGE_VERSION = 6 };

#define IMAGE_MAGIC "ATLFILT" /* with its end */

struct image_header {
    char magic[8];
    uint32_t version, sections;
    uint64_t size, checksum; /* XXH3 of all that follows: finds what truncation does not */
    uint64_t seed;
    struct {
        uint64_t start, size;
    } table[IMAGE_SECTIONS];
};

enum { IMAGE_CHECKED_FROM = offsetof(struct image_header, seed) };

static inline size_t image_aligned(size_t size)
{
    return (size + IMAGE_ALIGNMENT - 1) / IMAGE_ALIGNMENT * IMAGE_ALIGNMENT;
}

#endif
