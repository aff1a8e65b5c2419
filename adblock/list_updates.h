/* Keeps the lists of a folder up to date: each is asked for once in so long, not at the same time
 * as everybody else's, and sooner when that failed. Knows nothing of what the lists say; who wants
 * to know that one changed watches the folder (list_watch.h). */
#ifndef ADBLOCK_LIST_UPDATES_H
#define ADBLOCK_LIST_UPDATES_H

#include "adblock/fetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list_updates;

struct list_updates_wish {
    const char *const *urls;
    size_t count;
    uint32_t every_s; /* 0: only when asked to */
};

struct list_update_status {
    bool is_running;
    int64_t checked_s; /* Unix time of the server's last good answer; 0: never */
    int64_t changed_s; /* since when the list is what it is; 0: there is none */
    int64_t due_s;     /* the next attempt; 0: none by itself */
    unsigned failures; /* in a row */
    const char *error; /* of the last attempt, "URL: what is wrong"; "" */
};

/* `folder` is a descriptor, borrowed until the end; options are copied. NULL: out of memory. */
struct list_updates *list_updates_new(struct loop *loop, int folder,
                                      const struct fetch_options *options);
void list_updates_free(struct list_updates *updates); /* NULL is accepted */

/* Copied. Lists that are not among them any more are removed from the folder. 0 or -ENOMEM. */
int list_updates_set(struct list_updates *updates, const struct list_updates_wish *wish);
/* Begin now. 0, also when it runs already; -ENOENT: no such URL. */
int list_updates_start(struct list_updates *updates, const char *url);
/* The way out is open again: try those that failed now. */
void list_updates_hurry(struct list_updates *updates);
/* 0 or -ENOENT; texts are borrowed until the next turn of the loop. */
int list_updates_status(const struct list_updates *updates, const char *url,
                        struct list_update_status *ret);

/* Pure: after how many seconds to ask again. `random` is any 32 bits. */
uint32_t list_updates_pause_s(uint32_t every_s, unsigned failures, uint32_t random);

#endif
