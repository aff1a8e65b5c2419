/* Where this worker counts: in the ledger itself if it is the first one, else in a share of it. */
#ifndef SERVICE_WORKER_LEDGER_H
#define SERVICE_WORKER_LEDGER_H

#include "base/loop.h"
#include "service/control/usage.h"
#include "service/engine/engine.h"

struct usage_share;

/* One of them, or neither while it is closed. */
struct ledger {
    struct usage *usage;
    struct usage_share *share;
};

/* For the worker of this number, of so many. `on_counting`: whoever keeps the ledger is to be told.
 * 0 or < 0. */
int ledger_open(struct ledger *ledger, struct loop *loop, int dir_fd, unsigned number,
                unsigned count, loop_fn *on_counting, void *owner);
void ledger_close(struct ledger *ledger); /* idempotent */
/* What passes through this upstream is added there; never NULL. */
struct tally *ledger_tally(struct ledger *ledger, const char *upstream);

#endif
