/* The queue and when it is written. Two arrays take turns: one is filled by the loop while a job
 * writes the other. */
#include "service/control/query_log.h"

#include "service/control/query_log_store.h"

#define LOG_MODULE "query-log"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_DELAY_MS = 1000, PRUNE_EVERY_S = 60 };

/* The job's own while it runs. */
struct writer {
    int dir_fd;
    struct query_log_store *store;
    struct query_log_settings settings;
    struct query_log_entry *entries;
    size_t count;
    time_t pruned_at;
    int err;
    uint64_t bytes;
    bool was_damaged, is_to_be_deleted;
};

struct query_log {
    struct loop *loop;
    int dir_fd; /* our own copy; -1: nowhere */
    struct query_log_settings settings;
    struct query_log_entry *entries; /* being filled; NULL: off */
    size_t count;
    struct timer timer;
    bool is_writing, is_closing;
    bool is_to_be_deleted; /* it was off, if only for a moment */
    struct writer writer;
    struct query_log_reader *reader;
    struct query_log_stats stats;
};

static void close_store(struct writer *writer)
{
    query_log_store_close(writer->store);
    writer->store = NULL;
}

static int write_batch(struct writer *writer)
{
    int err = 0;
    if (writer->store && !query_log_store_is_current(writer->store))
        close_store(writer); /* another worker deleted it */
    if (!writer->store)
        err = query_log_store_open(writer->dir_fd, &writer->store);
    if (err == 0 && writer->count > 0)
        err = query_log_store_write(writer->store, writer->entries, writer->count,
                                    writer->settings.names);
    return err;
}

static int prune(struct writer *writer)
{
    time_t now = time(NULL);
    int64_t oldest_ms = ((int64_t)now - writer->settings.age_s) * 1000;
    if (now >= writer->pruned_at && now - writer->pruned_at < PRUNE_EVERY_S)
        return 0;
    writer->pruned_at = now;
    return query_log_store_prune(writer->store, oldest_ms, writer->settings.size_bytes,
                                 &writer->bytes);
}

/* A damaged database is put aside, and the batch goes into a new one. */
static void work_write(void *owner)
{
    struct writer *writer = owner;
    if (writer->is_to_be_deleted) {
        close_store(writer);
        query_log_store_delete(writer->dir_fd);
        writer->bytes = 0;
    }
    if (writer->settings.mode == QUERY_LOG_OFF) {
        writer->err = 0;
        return;
    }
    writer->err = write_batch(writer);
    if (writer->err == -EBADMSG) {
        close_store(writer);
        query_log_store_put_aside(writer->dir_fd);
        writer->was_damaged = true;
        writer->err = write_batch(writer);
    }
    int err = writer->store ? prune(writer) : 0;
    if (writer->err == 0 && err < 0 && writer->count == 0)
        writer->err = err;
    if (writer->err < 0 && writer->err != -ENOSPC)
        close_store(writer); /* begin anew: perhaps somebody took the file away */
}

static void note_result(struct query_log *log)
{
    const struct writer *writer = &log->writer;
    bool is_failing = writer->err < 0;
    if (is_failing && !log->stats.is_failing)
        log_error("cannot write the query log: %s; traffic goes on", err_text(writer->err));
    if (writer->was_damaged && !log->stats.was_damaged)
        log_error("the query log is damaged; a new one is begun old=query.db.damaged");
    if (writer->was_damaged || is_failing) { /* it may be of another file */
        query_log_reader_close(log->reader);
        log->reader = NULL;
    }
    log->stats.is_failing = is_failing;
    log->stats.was_damaged |= writer->was_damaged;
    log->stats.bytes = writer->bytes;
    if (is_failing)
        log->stats.lost += writer->count;
    else
        log->stats.written += writer->count;
    log->writer.was_damaged = false;
    log->writer.count = 0;
}

static void free_log(struct query_log *log)
{
    timer_stop(&log->timer);
    close_store(&log->writer);
    query_log_reader_close(log->reader);
    if (log->dir_fd >= 0)
        close(log->dir_fd);
    free(log->writer.entries);
    free(log->entries);
    free(log);
}

static void hand_over(struct query_log *log)
{
    struct query_log_entry *entries = log->writer.entries;
    log->writer.entries = log->entries;
    log->writer.count = log->count;
    log->writer.settings = log->settings;
    log->writer.is_to_be_deleted = log->is_to_be_deleted;
    log->is_to_be_deleted = false;
    log->entries = entries;
    log->count = 0;
}

static void finish(struct query_log *log)
{
    if (log->count > 0 || log->is_to_be_deleted) {
        hand_over(log);
        work_write(&log->writer);
    }
    free_log(log);
}

static void on_written(void *owner)
{
    struct query_log *log = owner;
    log->is_writing = false;
    note_result(log);
    if (log->is_closing)
        finish(log);
    else if (log->is_to_be_deleted)
        timer_start(&log->timer, 0);
    else if (log->count > 0)
        timer_start(&log->timer, WRITE_DELAY_MS);
}

static void work(void *owner)
{
    struct query_log *log = owner;
    work_write(&log->writer);
}

static void on_timer(void *owner)
{
    struct query_log *log = owner;
    if (log->is_writing) /* on_written goes on */
        return;
    hand_over(log);
    log->is_writing = true;
    if (loop_run_job(log->loop, work, on_written, log) < 0) {
        work_write(&log->writer);
        on_written(log);
    }
}

int query_log_open(struct loop *loop, int dir_fd, struct query_log **ret)
{
    struct query_log *log = calloc(1, sizeof(*log));
    if (!log)
        return -ENOMEM;
    log->loop = loop;
    log->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    log->writer.dir_fd = log->dir_fd;
    timer_init(&log->timer, loop, on_timer, log);
    *ret = log;
    return 0;
}

void query_log_close(struct query_log *log)
{
    if (!log)
        return;
    log->is_closing = true;
    timer_stop(&log->timer);
    if (!log->is_writing)
        finish(log);
}

static int make_queues(struct query_log *log)
{
    if (!log->entries)
        log->entries = calloc(QUERY_LOG_QUEUE, sizeof(*log->entries));
    if (!log->writer.entries) /* a job under way has none to write then */
        log->writer.entries = calloc(QUERY_LOG_QUEUE, sizeof(*log->entries));
    return log->entries && log->writer.entries ? 0 : -ENOMEM;
}

/* What was not written yet, and what was: the next job deletes it, even if the log is on again
 * then.
 */
static void forget(struct query_log *log)
{
    log->count = 0;
    log->is_to_be_deleted = log->dir_fd >= 0;
    query_log_reader_close(log->reader);
    log->reader = NULL;
}

int query_log_set(struct query_log *log, const struct query_log_settings *settings)
{
    int err = 0;
    log->settings = *settings;
    if (log->dir_fd < 0)
        log->settings.mode = QUERY_LOG_OFF;
    if (log->settings.mode != QUERY_LOG_OFF)
        err = make_queues(log);
    if (err < 0)
        log->settings.mode = QUERY_LOG_OFF;
    if (log->settings.mode == QUERY_LOG_OFF)
        forget(log);
    log->stats.mode = log->settings.mode;
    log->stats.age_s = settings->age_s;
    log->stats.asked_age_s = settings->asked_age_s;
    if (settings->asked_age_s > settings->age_s && log->settings.mode != QUERY_LOG_OFF)
        log_notice("the region allows the query log less time than asked for asked_s=%u kept_s=%u",
                   settings->asked_age_s, settings->age_s);
    if (log->dir_fd >= 0)
        timer_start(&log->timer, log->is_to_be_deleted ? 0 : WRITE_DELAY_MS); /* bounds too */
    return err;
}

struct query_log_entry *query_log_add(struct query_log *log)
{
    if (log->settings.mode == QUERY_LOG_OFF)
        return NULL;
    if (log->count == QUERY_LOG_QUEUE) {
        log->stats.dropped++;
        return NULL;
    }
    if (log->count == 0 && !log->is_writing && !timer_is_active(&log->timer))
        timer_start(&log->timer, WRITE_DELAY_MS);
    struct query_log_entry *entry = &log->entries[log->count++];
    memset(entry, 0, sizeof(*entry));
    entry->user = -1;
    return entry;
}

struct query_log_stats query_log_stats(const struct query_log *log)
{
    return log->stats;
}

/* --- looking --------------------------------------------------------------------------------- */

static int open_reader(struct query_log *log)
{
    if (log->settings.mode == QUERY_LOG_OFF || log->is_to_be_deleted)
        return -ENOENT;
    if (log->reader && !query_log_reader_is_current(log->reader)) {
        query_log_reader_close(log->reader);
        log->reader = NULL;
    }
    return log->reader ? 0 : query_log_reader_open(log->dir_fd, &log->reader);
}

/* Nothing to be found, now: there is no database yet, or a damaged one, which the next write puts
 * aside. */
static bool is_nothing(struct query_log *log, int err)
{
    if (err < 0) {
        query_log_reader_close(log->reader);
        log->reader = NULL;
    }
    return err == -ENOENT || err == -EBADMSG;
}

int query_log_search(struct query_log *log, const struct query_log_question *question,
                     query_log_row_fn *fn, void *owner, int64_t *ret_next)
{
    int err = open_reader(log);
    if (err == 0)
        err = query_log_reader_search(log->reader, question, fn, owner, ret_next);
    if (!is_nothing(log, err))
        return err;
    *ret_next = 0;
    return 0;
}

int query_log_counts(struct query_log *log, int64_t since_ms, query_log_count_fn *fn, void *owner)
{
    int err = open_reader(log);
    if (err == 0)
        err = query_log_reader_counts(log->reader, since_ms, fn, owner);
    return is_nothing(log, err) ? 0 : err;
}
