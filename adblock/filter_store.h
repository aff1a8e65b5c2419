/* Compiled filters in a folder, each in a file that is named by the fingerprint of what it was made
 * from: what is found under a name is what was asked for, or damaged, never out of date. Several
 * processes may share the folder. */
#ifndef ADBLOCK_FILTER_STORE_H
#define ADBLOCK_FILTER_STORE_H

#include "adblock/filter.h"

#include <stdint.h>

/* Map the one of that name. 0; -ENOENT; -EBADMSG damaged; other negative errno. */
int filter_store_open(int folder, const uint64_t fingerprint[2], struct filter **ret);
/* To put one there: a new file to write it to, the caller's to close, or a negative errno. Only
 * while the lock is held, as all that follows. */
int filter_store_begin(int folder, const uint64_t fingerprint[2]);
/* A file without a name that goes when it is closed, or a negative errno. */
int filter_store_scratch(int folder);
/* Flush it, give it its name and take all others away (whoever has one mapped keeps it). A kill at
 * any moment leaves a whole file or none. 0 or negative errno. */
int filter_store_finish(int folder, const uint64_t fingerprint[2], int fd);
void filter_store_abandon(int folder, const uint64_t fingerprint[2]);
/* For one who is about to make one: waits until nobody else does. Returns a descriptor to close,
 * or a negative errno. */
int filter_store_lock(int folder);

#endif
