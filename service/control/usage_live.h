/* The counters that are being counted right now: a small file mapped shared, so that its pages are
 * the kernel's and outlive the process. Knows nothing of days but the one that it was told. */
#ifndef SERVICE_CONTROL_USAGE_LIVE_H
#define SERVICE_CONTROL_USAGE_LIVE_H

#include "service/control/usage.h"

enum { USAGE_SLOTS = 512, USAGE_PLACES_MAX = 32 };

struct usage_live_slot {
    struct usage_counters counters;
    uint64_t is_used; /* written last */
    char name[88];
};

struct usage_live {
    int fd; /* also holds the lock; -1 for memory of our own */
    unsigned place;
    struct usage_live_file *file;
};

/* The file of the worker of this number; 0 keeps the ledger. `dir_fd` -1: no file. -EBUSY: another
 * process has it. */
int usage_live_open(struct usage_live *live, int dir_fd, unsigned place);
/* Another worker's file, which it may be counting in: to look at. -ENOENT: there is none, yet. */
int usage_live_peek(struct usage_live *live, int dir_fd, unsigned place);
/* Nobody counts in a file that was peeked at, nor will until usage_live_close. 0, or -EBUSY. */
int usage_live_lock(const struct usage_live *live);
void usage_live_close(struct usage_live *live);

/* A random number that names these counters from their last reset on; 0 for those of the worker
 * that keeps the ledger. */
uint64_t usage_live_id(const struct usage_live *live);

/* Which database the counters belong to, and which day they are to be booked on when they are
 * folded. */
uint64_t usage_live_ledger(const struct usage_live *live); /* 0: to none yet */
void usage_live_set_ledger(struct usage_live *live, uint64_t ledger);
int64_t usage_live_day(const struct usage_live *live);
void usage_live_set_day(struct usage_live *live, int64_t day);
/* Forget all counters and belong to this database. */
void usage_live_reset(struct usage_live *live, uint64_t ledger);

/* NULL if there is none of that name. */
struct usage_live_slot *usage_live_find(const struct usage_live *live, const char *name);
/* A free slot, made to begin at these counters; NULL if none is free. */
struct usage_live_slot *usage_live_add(struct usage_live *live, const char *name,
                                       const struct usage_counters *begin);
/* All that are used: NULL behind the last; begin with NULL. */
struct usage_live_slot *usage_live_next(const struct usage_live *live,
                                        const struct usage_live_slot *slot);

#endif
