/* A set of lists as it is wanted: a copy of what was asked for, each file looked at, and a
 * fingerprint by which the compiled form is found again. Immutable once made. */
#ifndef ADBLOCK_LIST_PLAN_H
#define ADBLOCK_LIST_PLAN_H

#include "adblock/lists.h"

#include <stdint.h>

struct list_plan {
    struct lists_options options;
    /* Of everything that the compiled form depends on: what the lists are called, where each file
     * stands (device, inode, size, both times), the user's own names, the public suffix list, and
     * this program, since another version may read the same rules otherwise. */
    uint64_t fingerprint[2];
    size_t size; /* bytes of all files */
};

/* Downloads are looked for in `folder` (-1: nowhere); one that is not there yet is an empty list
 * for now, and has its path from here on. 0; < 0 with one line in ret_error: a file that cannot be
 * read or is no list, a name that is none.
 */
int list_plan_new(const struct lists_options *options, int folder, struct list_plan **ret,
                  char *ret_error, size_t capacity);
void list_plan_free(struct list_plan *plan); /* NULL is accepted */

#endif
