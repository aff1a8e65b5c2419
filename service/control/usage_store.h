/* The ledger's database: usage.db (SQLite, WAL, synchronous=FULL). The only file that speaks SQL
 * about usage. One connection folds, on whatever thread; another one reads, on the loop's. */
#ifndef SERVICE_CONTROL_USAGE_STORE_H
#define SERVICE_CONTROL_USAGE_STORE_H

#include "service/control/usage_live.h"

struct usage_store;

/* What is to be folded: a copy of the live counters of each worker. */
struct usage_snapshot_slot {
    uint64_t live; /* usage_live_id */
    char name[USAGE_NAME_MAX + 1];
    struct usage_counters counters;
};

struct usage_snapshot {
    int64_t day; /* since 1970 */
    size_t count, capacity;
    struct usage_snapshot_slot *slots;
};

/* `dir_fd` -1: in memory. -EIO; -EBADMSG the file is damaged or no database of ours. */
int usage_store_open(int dir_fd, struct usage_store **ret);
void usage_store_close(struct usage_store *store);
/* A random number that names this database. */
uint64_t usage_store_ledger(const struct usage_store *store);

/* How far the counters of this name in the live file 0 have been folded; zeros if it is new. */
int usage_store_folded(struct usage_store *store, const char *name, struct usage_counters *ret);
/* Take these as folded without booking them: they are in another ledger. 0 or -EIO. */
int usage_store_skip(struct usage_store *store, const struct usage_snapshot *snapshot);
/* These live counters are no more. */
void usage_store_forget(struct usage_store *store, uint64_t live);
/* Book the difference to what is folded already on the snapshot's day, in one transaction. 0 or
 * -EIO, then nothing changed. */
int usage_store_fold(struct usage_store *store, const struct usage_snapshot *snapshot);
/* Rows as if `live` had just been folded. */
int usage_store_query(struct usage_store *store, const struct usage_snapshot *live,
                      const struct usage_question *question, usage_row_fn *fn, void *owner,
                      uint64_t *ret_sequence);

#endif
