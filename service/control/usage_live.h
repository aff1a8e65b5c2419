/* The counters that are being counted right now: a small file mapped shared, so that its pages are
 * the kernel's and outlive the process. Knows nothing of days but the one that it was told. */
#ifndef SERVICE_CONTROL_USAGE_LIVE_H
#define SERVICE_CONTROL_USAGE_LIVE_H

#include "service/control/usage.h"

enum { USAGE_SLOTS = 512 };

struct usage_live_slot {
    struct usage_counters counters;
    uint64_t is_used; /* written last */
    char name[88];
};

struct usage_live {
    int fd; /* also holds the lock; -1 for memory of our own */
    struct usage_live_file *file;
};

/* `dir_fd` -1: no file. -EBUSY: another process has it. */
int usage_live_open(struct usage_live *live, int dir_fd);
void usage_live_close(struct usage_live *live);

/* Which database the counters belong to, and which day they are to be booked on when they are
 * folded. */
uint64_t usage_live_ledger(const struct usage_live *live);
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
