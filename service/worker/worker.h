/* The unprivileged half: takes its orders and descriptors from the supervisor, runs the engine, and
 * reports. It opens nothing of the host itself but files that its user may read. */
#ifndef SERVICE_WORKER_WORKER_H
#define SERVICE_WORKER_WORKER_H

#include "base/loop.h"

struct worker;

/* `ipc_fd` is the wire to the supervisor; taken. 0 or < 0. */
int worker_new(struct loop *loop, int ipc_fd, struct worker **ret);
/* Resets conversations, folds the ledger. NULL is accepted. */
void worker_free(struct worker *worker);
/* What main returns once the loop has stopped: 0 after an orderly stop. */
int worker_exit_status(const struct worker *worker);

#endif
