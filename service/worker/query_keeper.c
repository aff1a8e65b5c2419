#include "service/worker/query_keeper.h"

#include "service/worker/query_entry.h"

#define LOG_MODULE "worker"
#include "base/log.h"

int query_keeper_open(struct query_keeper *keeper, struct loop *loop, int dir_fd)
{
    return query_log_open(loop, dir_fd, &keeper->log);
}

void query_keeper_set(struct query_keeper *keeper, const struct config *config,
                      struct engine *engine)
{
    struct query_log_settings settings = query_entry_settings(&config->query_log);
    struct query_log *log = keeper->log;

    if (query_log_set(log, &settings) < 0)
        log_error("no memory for the query log");
    settings.mode = query_log_stats(log).mode;
    engine_set_log(engine, settings.mode == QUERY_LOG_OFF ? NULL : query_entry_add, log,
                   settings.mode == QUERY_LOG_ALL);
}

void query_keeper_close(struct query_keeper *keeper)
{
    query_log_close(keeper->log);
    keeper->log = NULL;
}
