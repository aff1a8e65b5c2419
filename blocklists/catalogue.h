/* The catalogue of public lists, inside the program: sources.json of this folder, compiled in.
 * Where each list lives and what its authors ask; see README.md for what the fields mean. */
#ifndef BLOCKLISTS_CATALOGUE_H
#define BLOCKLISTS_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

struct catalogue_source {
    const char *id, *name, *category, *format, *url, *licence, *homepage;
    bool is_recommended; /* stands for its category */
};

extern const char *const catalogue_categories[]; /* NULL at the end */
extern const struct catalogue_source catalogue_sources[];
extern const size_t catalogue_count;

#endif
