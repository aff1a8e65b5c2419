/* Compiling lists straight into a file, in a memory that hardly depends on their size. For those
 * who want a filter in memory there is filter_compile. */
#ifndef ADBLOCK_FILTER_COMPILATION_H
#define ADBLOCK_FILTER_COMPILATION_H

#include "adblock/filter.h"

struct filter_compilation {
    const struct filter_source *sources;
    size_t count;
    const char *psl_text; /* NULL: none */
    size_t psl_size;
    uint64_t seed; /* of all hashes; the same seed and the same texts: the same bytes */
};

/* Draw a seed: nobody should know which names hash alike. 0 or -EIO. */
int filter_compilation_seed(struct filter_compilation *what);
/* Into `fd`, an empty file; what filter_open takes when it returns. `scratch` is another empty
 * file, for twelve bytes a name. Errors are those of filter_compile, and what the files say. */
int filter_compile_file(const struct filter_compilation *what, int fd, int scratch,
                        struct filter_problem *problem);
/* The same bytes in memory, malloc'ed and the caller's. */
int filter_compile_block(const struct filter_compilation *what, uint8_t **ret, size_t *ret_size,
                         struct filter_problem *problem);

#endif
