/* The lists in force: reads files (and the list that comes with Atlantic), compiles them off the
 * loop (see compile.h), and swaps the filter when it is ready. Whatever goes wrong, the last good
 * filter stays. */
#ifndef ADBLOCK_LISTS_H
#define ADBLOCK_LISTS_H

#include "adblock/filter.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct lists;

struct lists_source {
    const char *name, *category;
    /* Where it is; with none of these it is the built-in one. */
    const char *path, *url; /* of a file; of a download, see list_place.h */
    const char *text;       /* the list itself */
    enum filter_format format;
};

struct lists_options {
    const struct lists_source *sources;
    size_t count;
    const char *const *allow; /* names: themselves and everything below; beat every list */
    size_t allow_count;
    const char *const *deny;
    size_t deny_count;
};

/* `on_change` comes from the loop whenever another filter took over, the first included; it may be
 * NULL. Returns NULL: out
 * of memory. */
struct lists *lists_new(struct loop *loop, loop_fn *on_change, void *owner);
void lists_free(struct lists *lists);
/* Keep compiled lists in this directory: a descriptor, borrowed until lists_free. */
void lists_keep_in(struct lists *lists, int folder);

/* Look at every file now and start to compile; the newest call wins. Copies what it needs. 0; < 0
 * with one clear line in ret_error (which file, what to do) and nothing changed. The very first
 * call compiles before it returns, so that no question is ever asked without a filter. In a
 * verdict, the lists are numbered as they stand in `sources`; "allow" and "deny" come behind them.
 */
int lists_set(struct lists *lists, const struct lists_options *options, char *ret_error,
              size_t capacity);
/* Can these lists be read? For a check of the configuration; changes nothing. */
int lists_check(const struct lists_options *options, char *ret_error, size_t capacity);

/* Why the last set did not become the filter, though its files could be read; NULL if it did, or
 * is still being compiled. Borrowed until the next lists_set. */
const char *lists_problem(const struct lists *lists);

/* Borrowed until the next turn of the loop; NULL before the first lists_set. */
struct filter *lists_filter(const struct lists *lists);

/* "hosts", "domains", ...; -EINVAL. */
int lists_parse_format(const char *text, enum filter_format *ret);

#endif
