#include "service/worker/query_keeper.h"

#include "service/worker/query_entry.h"

#include <errno.h>

#define LOG_MODULE "worker"
#include "base/err.h"
#include "base/log.h"

/* In force at once, also in what is under way. */
static void follow(struct query_keeper *keeper)
{
    struct query_log_settings settings = query_entry_settings(&keeper->config->query_log);
    struct query_log *log = keeper->log;

    if (!consent_permits(keeper->consent))
        settings.mode = QUERY_LOG_OFF;
    if (query_log_set(log, &settings) < 0)
        log_error("no memory for the query log");
    settings.mode = query_log_stats(log).mode;
    if (settings.mode == QUERY_LOG_OFF)
        journal_forget(keeper->journal);
    journal_show_apps(keeper->journal, config_log_shows_apps(keeper->config));
    engine_set_log(keeper->engine, settings.mode == QUERY_LOG_OFF ? NULL : journal_add,
                   journal_expect, keeper->journal, settings.mode == QUERY_LOG_ALL);
}

static void on_consent(void *owner)
{
    struct query_keeper *keeper = owner;

    if (keeper->config)
        follow(keeper);
}

/* What decides about the log alone must not keep the worker from its work. */
static void open_consent(struct query_keeper *keeper, struct loop *loop, int dir_fd)
{
    int err = consent_open(loop, dir_fd, &consent_text, on_consent, keeper, &keeper->consent);

    if (err < 0)
        log_error("consent to the query log cannot be read or watched, so no log is kept "
                  "err=\"%s\"",
                  err_text(err));
}

int query_keeper_open(struct query_keeper *keeper, struct loop *loop, int dir_fd, struct wire *wire)
{
    int err = query_log_open(loop, dir_fd, &keeper->log);

    if (err < 0)
        return err;
    keeper->journal = journal_new(loop, keeper->log, wire);
    if (!keeper->journal)
        return -ENOMEM;
    open_consent(keeper, loop, dir_fd);
    return 0;
}

void query_keeper_set(struct query_keeper *keeper, const struct config *config,
                      struct engine *engine)
{
    const struct config_query_log *wanted = &config->query_log;

    keeper->config = config;
    keeper->engine = engine;
    consent_set_terms(keeper->consent, config->region, wanted->needs_consent,
                      wanted->mode != CONFIG_QUERY_LOG_OFF);
    if (consent_is_missing(keeper->consent))
        log_notice(
            "the query log is not kept, because there is no consent to it; see: atlantic consent");
    follow(keeper);
}

void query_keeper_close(struct query_keeper *keeper)
{
    consent_close(keeper->consent);
    journal_free(keeper->journal);
    query_log_close(keeper->log);
    *keeper = (struct query_keeper){.log = NULL};
}
