/* The engine's decisions on their way into the query log: each as an entry of it, with the name of
 * the program that asked where that is wanted. Entries whose program is being asked for wait here,
 * a bounded number for a bounded time, and are written without it then. */
#ifndef SERVICE_WORKER_JOURNAL_H
#define SERVICE_WORKER_JOURNAL_H

#include "service/config.h"
#include "service/control/query_log.h"
#include "service/engine/decisions.h"
#include "service/worker/askers.h"

struct journal;

/* `log` and `wire` are borrowed. NULL: no memory. */
struct journal *journal_new(struct loop *loop, struct query_log *log, struct wire *wire);
/* What waits is written as it is. NULL is accepted. */
void journal_free(struct journal *journal);
/* What waits is not written any more: it is from before the log was off. */
void journal_forget(struct journal *journal);
/* Programs are asked for and shown from now on, or not: also in what waits. */
void journal_show_apps(struct journal *journal, bool shows_apps);

/* `owner` is the journal, in both. */
decision_fn journal_add;
/* Somebody asks, and what comes of it will be added: the time until then is used. */
decision_caller_fn journal_expect;

/* IPC_OWNER. */
void journal_take(struct journal *journal, const struct ipc_message *answer);
struct askers_stats journal_stats(const struct journal *journal);

#endif
