/* The ledger that billing reads: what went through each upstream on each UTC day. Only ever grows.
 *
 * Counters lie in a file mapped into memory (usage_live), so counting is an addition and nothing
 * that was counted is lost with a killed process. They are folded into SQLite (usage_store), off
 * the loop, a few seconds after something changed. The counters are cumulative and SQLite remembers
 * how far it has folded them, in the transaction that folds: nothing is counted twice, whenever the
 * process dies. A power failure can cost the last seconds before a fold, no more. */
#ifndef SERVICE_CONTROL_USAGE_H
#define SERVICE_CONTROL_USAGE_H

#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { USAGE_NAME_MAX = 63, USAGE_DAY_TEXT_MAX = 11 };
#define USAGE_OTHERS "(others)" /* names for which there is no room */

struct usage;

/* Cumulative, in payload bytes; `up` is from the client. Add to them directly. */
struct usage_counters {
    uint64_t up, down;
    uint64_t requests; /* conversations */
    uint64_t blocked;  /* refused by the filter */
};

struct usage_options {
    /* The worker's own folder, borrowed until usage_open returns; -1: keep nothing (for tests, and
     * for a worker that has no folder but has to run). */
    int dir_fd;
    /* How many workers count in that folder; the others do so by usage_share. 0 is 1. */
    unsigned places;
    time_t (*now)(void); /* NULL: the system's clock */
};

/* 0; -EBUSY another process has the ledger open; -EIO SQLite cannot use its file; others. A damaged
 * database is put aside (usage.db.damaged) and a new one begun, with an error in the log. */
int usage_open(struct loop *loop, const struct usage_options *options, struct usage **ret);
/* Folds what is left. The counters must not be touched any more. NULL is accepted. */
void usage_close(struct usage *usage);

/* The counters of the upstream of this name, good until usage_close; never NULL: when there is no
 * room for another name, all further ones share USAGE_OTHERS. Asking also starts the
 * clock for the next fold, so ask at each new conversation. */
struct usage_counters *usage_counters(struct usage *usage, const char *upstream);

/* Another worker began to count: fold soon. */
void usage_note(struct usage *usage);

enum usage_by { USAGE_BY_NOTHING = 0, USAGE_BY_DAY = 1, USAGE_BY_UPSTREAM = 2 }; /* flags */

struct usage_row {
    char day[USAGE_DAY_TEXT_MAX];      /* "2026-01-31"; "" if the rows are not by day */
    char upstream[USAGE_NAME_MAX + 1]; /* "" if they are not by upstream */
    struct usage_counters counters;
};
typedef void usage_row_fn(void *owner, const struct usage_row *row);

struct usage_question {
    const char *from, *to; /* days, both included; NULL: all */
    unsigned by;           /* enum usage_by */
};

/* Calls `fn` for each row, oldest day first, names in order; what was counted but not yet folded is
 * in it. `ret_sequence` grows with each fold: equal sequences, equal past. 0 or < 0. */
int usage_query(struct usage *usage, const struct usage_question *question, usage_row_fn *fn,
                void *owner, uint64_t *ret_sequence);

/* "2026-01-31", a day that exists. */
int usage_day_check(const char *text);

#endif
