/* Compiled filters in a folder, each in a file that is named by the fingerprint of what it was made
 * from: what is found under a name is what was asked for, or damaged, never out of date. Several
 * processes may share the folder. */
#ifndef ADBLOCK_FILTER_STORE_H
#define ADBLOCK_FILTER_STORE_H

#include "adblock/filter.h"

#include <stdint.h>

/* Map the one of that name. 0; -ENOENT; -EBADMSG damaged; other negative errno. */
int filter_store_open(int folder, const uint64_t fingerprint[2], struct filter **ret);
/* Put it there, flushed, and take all others away (whoever has one mapped keeps it). A kill at any
 * moment leaves a whole file or none. 0 or negative errno. */
int filter_store_save(int folder, const uint64_t fingerprint[2], const struct filter *filter);
/* For one who is about to make one: waits until nobody else does. Returns a descriptor to close,
 * or a negative errno. */
int filter_store_lock(int folder);

#endif
