#include "adblock/image_writer.h"

#include "base/whole.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { PIECE_BYTES = 64 * 1024 };

static void init(struct image_writer *writer, uint64_t seed)
{
    *writer = (struct image_writer){
        .header = {.magic = IMAGE_MAGIC,
                   .version = IMAGE_VERSION,
                   .sections = IMAGE_SECTIONS,
                   .seed = seed},
        .size = image_aligned(sizeof(writer->header)),
        .fd = -1,
    };
}

void image_writer_to_memory(struct image_writer *writer, uint64_t seed, size_t most_bytes)
{
    init(writer, seed);
    writer->capacity = writer->size + most_bytes;
    writer->block = aligned_alloc(IMAGE_ALIGNMENT, writer->capacity);
    if (writer->block)
        memset(writer->block, 0, writer->size);
    else
        writer->err = -ENOMEM;
}

void image_writer_to_file(struct image_writer *writer, uint64_t seed, int fd)
{
    init(writer, seed);
    writer->fd = fd;
}

void image_writer_done(struct image_writer *writer)
{
    free(writer->block);
    writer->block = NULL;
}

static void write_at(struct image_writer *writer, size_t at, const void *data, size_t size)
{
    if (writer->err < 0 || size == 0)
        return;
    if (writer->fd >= 0)
        writer->err = whole_write(writer->fd, data, size, at);
    else if (size > writer->capacity || at > writer->capacity - size)
        writer->err = -ENOMEM;
    else
        memcpy(writer->block + at, data, size);
}

static void align(struct image_writer *writer)
{
    static const uint8_t zeros[IMAGE_ALIGNMENT];
    size_t size = image_aligned(writer->size);
    write_at(writer, writer->size, zeros, size - writer->size);
    writer->size = size;
}

void image_writer_begin(struct image_writer *writer, enum image_section section)
{
    align(writer);
    writer->section = section;
    writer->header.table[section].start = writer->size;
}

void image_writer_leave(struct image_writer *writer, size_t size)
{
    writer->header.table[writer->section].size += size;
    writer->size += size;
}

void image_writer_append(struct image_writer *writer, const void *data, size_t size)
{
    write_at(writer, writer->size, data, size);
    image_writer_leave(writer, size);
}

void image_writer_put(struct image_writer *writer, enum image_section section, const void *data,
                      size_t size)
{
    write_at(writer, writer->header.table[section].start, data, size);
}

/* Read again: the table, which comes first, was not known before. */
static uint64_t file_checksum(struct image_writer *writer)
{
    XXH3_state_t state;
    uint8_t *piece = malloc(PIECE_BYTES);
    XXH3_64bits_reset(&state);
    for (size_t at = IMAGE_CHECKED_FROM; at < writer->size && writer->err == 0;) {
        ssize_t got = piece ? whole_read(writer->fd, piece, PIECE_BYTES, at) : -ENOMEM;
        if (got <= 0) {
            writer->err = got == 0 ? -EIO : (int)got;
        } else {
            XXH3_64bits_update(&state, piece, (size_t)got);
            at += (size_t)got;
        }
    }
    free(piece);
    return XXH3_64bits_digest(&state);
}

int image_writer_end(struct image_writer *writer)
{
    struct image_header *header = &writer->header;
    align(writer);
    header->size = writer->size;
    write_at(writer, 0, header, sizeof(*header));
    if (writer->fd >= 0) {
        header->checksum = file_checksum(writer);
        write_at(writer, 0, header, sizeof(*header));
    } else if (writer->err == 0) {
        image_seal(writer->block, writer->size);
    }
    return writer->err;
}

uint8_t *image_writer_take(struct image_writer *writer, size_t *ret_size)
{
    uint8_t *block = writer->block;
    *ret_size = writer->size;
    writer->block = NULL;
    return block;
}
