/* Puts an image together, section by section in their order: in a block of memory, or straight in a
 * file, where hardly any of it is in memory. Failure is sticky and told at the end. */
#ifndef ADBLOCK_IMAGE_WRITER_H
#define ADBLOCK_IMAGE_WRITER_H

#include "adblock/image_layout.h"

struct image_writer {
    struct image_header header;
    enum image_section section;
    uint8_t *block; /* malloc'ed; NULL: all goes to the file */
    size_t size, capacity;
    int fd, err;
};

/* Into memory: `most_bytes` is what the sections may have in all, image_writer_most says how many
 * bytes that is of one. */
void image_writer_to_memory(struct image_writer *writer, uint64_t seed, size_t most_bytes);
/* `fd` is an empty file, borrowed until the end. */
void image_writer_to_file(struct image_writer *writer, uint64_t seed, int fd);
static inline size_t image_writer_most(size_t section_bytes)
{
    return image_aligned(section_bytes);
}
void image_writer_done(struct image_writer *writer);

/* End the section before and begin this one. */
void image_writer_begin(struct image_writer *writer, enum image_section section);
void image_writer_append(struct image_writer *writer, const void *data, size_t size);
/* Room to be written to later, with image_writer_put. */
void image_writer_leave(struct image_writer *writer, size_t size);
/* The content of a section that was left empty. */
void image_writer_put(struct image_writer *writer, enum image_section section, const void *data,
                      size_t size);
/* Header and checksum. 0 or what failed first. */
int image_writer_end(struct image_writer *writer);
/* The block, the caller's to free. */
uint8_t *image_writer_take(struct image_writer *writer, size_t *ret_size);

#endif
