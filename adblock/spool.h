/* Records of one size, added one behind the other and then read from the beginning, as often as
 * wanted: in memory, or in a file, of which a buffer is in memory. Failure is sticky, like that of
 * struct growing: ask spool_error once, after reading. */
#ifndef ADBLOCK_SPOOL_H
#define ADBLOCK_SPOOL_H

#include "adblock/growing.h"

enum { SPOOL_BUFFER_BYTES = 48 * 1024 }; /* a multiple of every record's size */

struct spool {
    struct growing records; /* all; with a file: a piece of it, or what is not in it yet */
    size_t bytes, filed;    /* of all; in the file */
    int fd, err;
    bool has_file;
};

/* Zeroed, a spool keeps all in memory. With `fd`, an empty file that is borrowed until the end, it
 * does not. */
void spool_use_file(struct spool *spool, int fd);
void spool_done(struct spool *spool);

/* Zeroed room for one more record; NULL if it failed. Valid until the next call. */
void *spool_add(struct spool *spool, size_t record_bytes);
/* No more will be added: what is left goes to the file. */
void spool_end(struct spool *spool);
/* The records from byte `at` on, as many as are at hand: returns their bytes, 0 at the end and on
 * failure. Valid until the next call. */
size_t spool_read(struct spool *spool, size_t at, const void **ret);
/* 0, -ENOMEM or what the file said. */
int spool_error(const struct spool *spool);

#endif
