/* What the other workers count, as the one sees it that keeps the ledger: their live files, looked
 * at while they count, booked and emptied when none of them does. */
#ifndef SERVICE_CONTROL_USAGE_SHARES_H
#define SERVICE_CONTROL_USAGE_SHARES_H

#include "service/control/usage_store.h"

struct usage_shares {
    int dir_fd;      /* our own copy; -1: there is nobody else */
    unsigned places; /* of workers, this one included */
    size_t count;
    struct usage_live lives[USAGE_PLACES_MAX];
};

/* `dir_fd` is borrowed; -1: none. */
int usage_shares_open(struct usage_shares *shares, int dir_fd, unsigned places);
void usage_shares_close(struct usage_shares *shares);

/* Those that came since. Their counters belong to this database from now on. */
void usage_shares_find(struct usage_shares *shares, struct usage_store *store, int64_t day);
/* Into the snapshot, behind what is there; its room grows. 0 or -ENOMEM. */
int usage_shares_add(const struct usage_shares *shares, struct usage_snapshot *snapshot);
/* Also for one's own file. */
int usage_snapshot_add(struct usage_snapshot *snapshot, const struct usage_live *live);

/* Book and empty the files that nobody counts in. */
void usage_shares_settle(int dir_fd, struct usage_store *store, int64_t day);

#endif
