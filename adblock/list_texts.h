/* The texts of lists, read from files into memory and looked over, ready for filter_compile. */
#ifndef ADBLOCK_LIST_TEXTS_H
#define ADBLOCK_LIST_TEXTS_H

#include "adblock/filter.h"
#include "adblock/lists.h"

enum {
    LIST_TEXT_MAX_BYTES = 64 * 1024 * 1024,   /* of one list: five times the largest in use */
    LIST_TEXTS_MAX_BYTES = 256 * 1024 * 1024, /* of all together */
};

struct list_texts {
    struct filter_source *sources; /* the lists in order, then the user's "allow" and "deny" */
    char **owned;                  /* their names, categories and texts, three a source */
    size_t count;
    char *psl; /* the public suffix list; NULL where it is not installed */
    size_t psl_size;
};

/* Read everything; a missing public suffix list is no error. 0; < 0 with one line in ret_error. */
int list_texts_read(const struct lists_options *options, struct list_texts *ret, char *ret_error,
                    size_t capacity);
void list_texts_done(struct list_texts *texts);

#endif
