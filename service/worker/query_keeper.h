/* The worker's query log as the configuration wants it: the one place that joins the log, the
 * configuration and the engine that fills it. */
#ifndef SERVICE_WORKER_QUERY_KEEPER_H
#define SERVICE_WORKER_QUERY_KEEPER_H

#include "service/config.h"
#include "service/control/query_log.h"
#include "service/engine/engine.h"

struct query_keeper {
    struct query_log *log;
};

/* `dir_fd` as with query_log_open. 0 or < 0. */
int query_keeper_open(struct query_keeper *keeper, struct loop *loop, int dir_fd);
/* As the configuration says, from now on; without memory there is no log. */
void query_keeper_set(struct query_keeper *keeper, const struct config *config,
                      struct engine *engine);
/* Writes the rest. Idempotent. */
void query_keeper_close(struct query_keeper *keeper);

#endif
