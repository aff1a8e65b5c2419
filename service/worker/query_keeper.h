/* The worker's query log as the configuration wants it and as consent permits it: the one place
 * that joins the log, the consent, the configuration and the engine that fills it. */
#ifndef SERVICE_WORKER_QUERY_KEEPER_H
#define SERVICE_WORKER_QUERY_KEEPER_H

#include "service/config.h"
#include "service/control/consent.h"
#include "service/control/query_log.h"
#include "service/engine/engine.h"
#include "service/worker/journal.h"

struct query_keeper {
    struct query_log *log;
    struct journal *journal;     /* on its way there */
    struct consent *consent;     /* NULL: it could not be opened, and permits nothing */
    const struct config *config; /* borrowed, as the engine; NULL: not set yet */
    struct engine *engine;
};

/* `dir_fd` as with query_log_open; `wire` is borrowed, and `keeper` must not move from then on. 0
 * or < 0. */
int query_keeper_open(struct query_keeper *keeper, struct loop *loop, int dir_fd,
                      struct wire *wire);
/* As the configuration says, from now on; without consent, where it is needed, or memory there is
 * no log. Both are borrowed until it is set again or closed. */
void query_keeper_set(struct query_keeper *keeper, const struct config *config,
                      struct engine *engine);
/* Writes the rest. Idempotent. */
void query_keeper_close(struct query_keeper *keeper);

#endif
