#include "adblock/list_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void skip_mark(struct list_lines *lines)
{
    if (slice_starts(lines->rest, SLICE("\xef\xbb\xbf")))
        lines->rest = slice_from(lines->rest, 3);
}

void list_lines_of_text(struct list_lines *lines, struct slice text)
{
    *lines = (struct list_lines){.text = text, .rest = text, .is_at_end = true};
    skip_mark(lines);
}

/* Reads until the buffer is full or the file has ended; what is left of it moves to the front. */
static void fill(struct list_lines *lines)
{
    size_t size = lines->rest.size;
    if (size > 0)
        memmove(lines->buffer, lines->rest.data, size);
    while (size < LIST_HEAD_BYTES && !lines->is_at_end && lines->err == 0) {
        ssize_t got = read(lines->fd, lines->buffer + size, LIST_HEAD_BYTES - size);
        if (got < 0) {
            lines->err = errno == EINTR ? 0 : -errno;
            continue;
        }
        lines->is_at_end = got == 0;
        size += (size_t)got;
        lines->total += (size_t)got;
        if (lines->total > lines->most)
            lines->err = -EFBIG;
    }
    lines->rest = (struct slice){lines->buffer, size};
}

int list_lines_of_file(struct list_lines *lines, int fd, size_t most)
{
    *lines = (struct list_lines){.fd = fd, .most = most, .start = lseek(fd, 0, SEEK_CUR)};
    if (lines->start < 0)
        return lines->err = -errno;
    lines->buffer = malloc(LIST_HEAD_BYTES);
    if (!lines->buffer)
        return lines->err = -ENOMEM;
    fill(lines);
    skip_mark(lines);
    return lines->err;
}

int list_lines_rewind(struct list_lines *lines)
{
    lines->rest = lines->buffer ? (struct slice){lines->buffer, 0} : lines->text;
    if (lines->buffer && lines->err == 0) {
        lines->total = 0;
        lines->is_at_end = lines->is_skipping = false;
        if (lseek(lines->fd, lines->start, SEEK_SET) < 0)
            lines->err = -errno;
        fill(lines);
    }
    skip_mark(lines);
    return lines->err;
}

void list_lines_done(struct list_lines *lines)
{
    free(lines->buffer);
    *lines = (struct list_lines){0};
}

struct slice list_lines_head(const struct list_lines *lines)
{
    return slice_at_most(lines->rest, LIST_HEAD_BYTES - 3); /* a mark is not part of it */
}

/* What the buffer has of a line whose end it has not; false at the end of all. */
static bool take_unended(struct list_lines *lines, struct slice *ret)
{
    *ret = lines->rest;
    lines->rest = (struct slice){lines->buffer, 0};
    return ret->size > 0;
}

static bool take_line(struct list_lines *lines, struct slice *ret)
{
    size_t end = slice_find(lines->rest, '\n');
    if (end == lines->rest.size && !lines->is_at_end) {
        fill(lines);
        end = slice_find(lines->rest, '\n');
    }
    if (lines->err < 0)
        return false;
    if (end == lines->rest.size)
        return take_unended(lines, ret);
    *ret = slice_until(lines->rest, end);
    lines->rest = slice_from(lines->rest, end + 1);
    return true;
}

bool list_lines_next(struct list_lines *lines, struct slice *ret)
{
    bool was_skipping;
    do {
        was_skipping = lines->is_skipping;
        if (!take_line(lines, ret))
            return false;
        lines->is_skipping = !lines->is_at_end && lines->rest.size == 0 &&
                             ret->data + ret->size == lines->buffer + LIST_HEAD_BYTES;
    } while (was_skipping);
    return true;
}

int list_lines_error(const struct list_lines *lines)
{
    return lines->err;
}
