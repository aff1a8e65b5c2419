/* The user's own names, which are asked before all lists: the longest one that is the host or
 * stands above it decides, and nothing beats it. Immutable once made. For filter*.c alone. */
#ifndef ADBLOCK_OWN_NAMES_H
#define ADBLOCK_OWN_NAMES_H

#include "adblock/filter.h"
#include "adblock/site.h"

#include <stdbool.h>

/* In a verdict, where the number of a list stands otherwise. */
#define OWN_NAMES_LIST UINT16_MAX

struct own_names;

/* Copies the names; `seed` is that of the sites that will be asked about. 0 or -ENOMEM. */
int own_names_new(const struct filter_own *own, size_t count, uint64_t seed,
                  struct own_names **ret);
void own_names_free(struct own_names *names); /* NULL is accepted */

/* NULL has none. Untouched where none speaks of the host. */
bool own_names_find(const struct own_names *names, const struct site *host, struct verdict *ret);
/* "allow ads.example.com"; "" for a number that is not one of theirs. */
void own_names_describe(const struct own_names *names, uint32_t rule, char *ret, size_t capacity);

#endif
