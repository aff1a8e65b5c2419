/* The texts of lists, each looked at and opened, ready for the compiler, which reads them. */
#ifndef ADBLOCK_LIST_TEXTS_H
#define ADBLOCK_LIST_TEXTS_H

#include "adblock/filter.h"
#include "adblock/lists.h"

#include <sys/stat.h>

enum {
    LIST_TEXTS_MAX_BYTES = 256 * 1024 * 1024, /* of all together; of one FILTER_TEXT_MAX_BYTES */
};

struct list_texts {
    struct filter_source *sources; /* the lists in order, then the user's "allow" and "deny" */
    char **owned; /* their names, categories and, where not in a file, texts: three a source */
    size_t count;
    char *psl; /* the public suffix list; NULL where it is not installed */
    size_t psl_size;
};

/* Texts that are in `options` are borrowed. A missing public suffix list is no error. 0; < 0 with
 * one line in ret_error. */
int list_texts_open(const struct lists_options *options, struct list_texts *ret, char *ret_error,
                    size_t capacity);
void list_texts_close(struct list_texts *texts);

/* What list_texts_open would say of one list, from a look at the beginning of its file alone. 0
 * with the file's facts (all 0 where there is none); < 0 with one line in ret_error. */
int list_text_look(const struct lists_source *list, struct stat *ret, char *ret_error,
                   size_t capacity);
/* The same of the user's own names. */
int list_names_look(const char *title, const char *const *names, size_t count, char *ret_error,
                    size_t capacity);
/* Says so, and returns -EFBIG. */
int list_text_too_large(const struct lists_source *list, char *ret_error, size_t capacity);

#endif
