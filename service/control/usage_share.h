/* One worker's counters where another one keeps the ledger: counted here in a live file of its own,
 * booked there (usage_shares). */
#ifndef SERVICE_CONTROL_USAGE_SHARE_H
#define SERVICE_CONTROL_USAGE_SHARE_H

#include "base/loop.h"
#include "service/control/usage.h"

struct usage_share;

/* `place` is this worker's number, from 1. `on_counting` comes, seldom, when counting goes on after
 * a pause: whoever keeps the ledger should look. The same errors as usage_open. */
int usage_share_open(struct loop *loop, int dir_fd, unsigned place, loop_fn *on_counting,
                     void *owner, struct usage_share **ret);
void usage_share_close(struct usage_share *share); /* NULL is accepted */

/* As usage_counters. */
struct usage_counters *usage_share_counters(struct usage_share *share, const char *upstream);

#endif
