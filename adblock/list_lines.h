/* The lines of a text, which is in memory or comes from a file through a buffer: a list of any size
 * takes the memory of its longest line. */
#ifndef ADBLOCK_LIST_LINES_H
#define ADBLOCK_LIST_LINES_H

#include "adblock/slice.h"

#include <sys/types.h>

enum {
    LIST_LINE_MAX_BYTES = 64 * 1024,
    LIST_HEAD_BYTES = 2 * LIST_LINE_MAX_BYTES, /* more lines than anybody looks at to know a list */
};

struct list_lines {
    struct slice text; /* in memory */
    struct slice rest; /* of it; of what the buffer has */
    char *buffer;      /* NULL: text in memory */
    off_t start;       /* in the file */
    size_t total, most;
    int fd, err;
    bool is_at_end, is_skipping; /* the rest of a line that is too long */
};

/* Both leave the lines at their beginning, behind a byte order mark. The text is borrowed. */
void list_lines_of_text(struct list_lines *lines, struct slice text);
/* `fd` is borrowed, can seek, and is read from where it stands; beyond `most` bytes it fails. 0,
 * -ENOMEM or what reading says. */
int list_lines_of_file(struct list_lines *lines, int fd, size_t most);
void list_lines_done(struct list_lines *lines);

/* The beginning, up to LIST_HEAD_BYTES; before the first line is taken. */
struct slice list_lines_head(const struct list_lines *lines);
/* The next line, without its end; valid until the next call. Of one that is too long the beginning,
 * longer than LIST_LINE_MAX_BYTES. False at the end, and on failure. */
bool list_lines_next(struct list_lines *lines, struct slice *ret);
/* Back to the beginning, after all were read. 0 or what list_lines_error says. */
int list_lines_rewind(struct list_lines *lines);
/* 0; what reading said; -EFBIG. */
int list_lines_error(const struct list_lines *lines);

#endif
