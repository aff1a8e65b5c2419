/* When to fold, and on which day; the files that keep the figures are usage_live,
 * usage_shares and usage_store. */
#include "service/control/usage.h"

#include "service/control/usage_shares.h"

#define LOG_MODULE "usage"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FOLD_DELAY_MS = 5000,
    /* While nothing changes: often enough to book on the right day. */
    QUIET_DELAY_MS = 15 * 60 * 1000,
    DAY_S = 24 * 60 * 60,
};

struct usage {
    struct loop *loop;
    time_t (*now)(void);
    struct usage_live live;
    struct usage_shares shares;
    struct usage_store *store;
    struct timer timer;
    bool is_timer_quick;
    bool in_memory;  /* no thread then: the one connection is the loop's */
    bool is_folding; /* the snapshot is the job's until it is done */
    bool is_closing;
    bool has_complained;
    int fold_result;
    struct usage_counters lost; /* not even "(others)" could be had: no memory */
    struct usage_snapshot snapshot, query_snapshot;
};

static time_t system_now(void)
{
    return time(NULL);
}

static int64_t today(const struct usage *usage)
{
    return usage->now() / DAY_S;
}

static void schedule(struct usage *usage, bool quick)
{
    uint64_t until_midnight_ms = (uint64_t)(DAY_S - usage->now() % DAY_S) * 1000;
    uint64_t delay_ms = quick ? FOLD_DELAY_MS : QUIET_DELAY_MS;
    if (until_midnight_ms < delay_ms)
        delay_ms = until_midnight_ms;
    usage->is_timer_quick = quick;
    if (timer_start(&usage->timer, delay_ms) < 0)
        log_warning("out of memory for a timer; the ledger is written when it is asked for");
}

static void take_snapshot(const struct usage *usage, struct usage_snapshot *snapshot)
{
    snapshot->day = usage_live_day(&usage->live);
    snapshot->count = 0;
    int result = usage_snapshot_add(snapshot, &usage->live);
    if (result == 0)
        result = usage_shares_add(&usage->shares, snapshot);
    if (result < 0)
        log_warning("out of memory for the ledger; what is missing is written later");
}

/* Did anything move since the snapshot that was folded last? */
static bool has_changed(struct usage *usage)
{
    take_snapshot(usage, &usage->query_snapshot);
    if (usage->query_snapshot.count != usage->snapshot.count)
        return true;
    for (size_t i = 0; i < usage->snapshot.count; i++) {
        const struct usage_snapshot_slot *now = &usage->query_snapshot.slots[i];
        const struct usage_snapshot_slot *then = &usage->snapshot.slots[i];
        if (now->live != then->live || strcmp(now->name, then->name) != 0 ||
            memcmp(&now->counters, &then->counters, sizeof(now->counters)) != 0)
            return true;
    }
    return false;
}

static void note_result(struct usage *usage, int result)
{
    if (result < 0 && !usage->has_complained)
        log_error("cannot write the ledger: %s; counting goes on err=%d", err_text(result), result);
    if (result == 0 && usage->has_complained)
        log_notice("the ledger is written again");
    usage->has_complained = result < 0;
    if (result == 0)
        usage_live_set_day(&usage->live, today(usage));
}

static void free_usage(struct usage *usage)
{
    usage_store_close(usage->store);
    usage_shares_close(&usage->shares);
    usage_live_close(&usage->live);
    free(usage->snapshot.slots);
    free(usage->query_snapshot.slots);
    free(usage);
}

static void finish(struct usage *usage)
{
    take_snapshot(usage, &usage->snapshot);
    note_result(usage, usage_store_fold(usage->store, &usage->snapshot));
    free_usage(usage);
}

static void work_fold(void *owner)
{
    struct usage *usage = owner;
    usage->fold_result = usage_store_fold(usage->store, &usage->snapshot);
}

static void on_folded(void *owner)
{
    struct usage *usage = owner;
    usage->is_folding = false;
    note_result(usage, usage->fold_result);
    if (usage->is_closing)
        finish(usage);
    else
        schedule(usage, has_changed(usage) || usage->fold_result < 0);
}

static void on_timer(void *owner)
{
    struct usage *usage = owner;
    usage_shares_find(&usage->shares, usage->store, usage_live_day(&usage->live));
    if (!has_changed(usage) && usage_live_day(&usage->live) == today(usage)) {
        schedule(usage, false);
        return;
    }
    take_snapshot(usage, &usage->snapshot);
    usage->is_folding = true;
    if (usage->in_memory || loop_run_job(usage->loop, work_fold, on_folded, usage) < 0) {
        work_fold(usage);
        on_folded(usage);
    }
}

/* The mapped counters belong to another database, or lag behind it: after a power failure pages of
 * the mapping may be older than the database. Never count below what was folded. */
static int reconcile(struct usage *usage)
{
    struct usage_live_slot *slot = NULL;
    if (usage_live_ledger(&usage->live) != usage_store_ledger(usage->store)) {
        usage_live_reset(&usage->live, usage_store_ledger(usage->store));
        usage_live_set_day(&usage->live, today(usage));
    }
    while ((slot = usage_live_next(&usage->live, slot))) {
        struct usage_counters folded, *live = &slot->counters;
        slot->name[USAGE_NAME_MAX] = '\0';
        int result = usage_store_folded(usage->store, slot->name, &folded);
        if (result < 0)
            return result;
        live->up = live->up > folded.up ? live->up : folded.up;
        live->down = live->down > folded.down ? live->down : folded.down;
        live->requests = live->requests > folded.requests ? live->requests : folded.requests;
        live->blocked = live->blocked > folded.blocked ? live->blocked : folded.blocked;
    }
    return 0;
}

/* Book what a killed process left, on the day on which it was counted, and begin with empty slots:
 * each name comes back with what was folded when it is asked for. */
static void fold_remains(struct usage *usage)
{
    take_snapshot(usage, &usage->snapshot);
    int result = usage_store_fold(usage->store, &usage->snapshot);
    note_result(usage, result);
    if (result < 0)
        return;
    usage_live_reset(&usage->live, usage_store_ledger(usage->store));
    usage_live_set_day(&usage->live, today(usage));
    usage->snapshot.count = 0;
}

static int open_store(int dir_fd, struct usage_store **ret)
{
    int result = usage_store_open(dir_fd, ret);
    if (result != -EBADMSG || dir_fd < 0)
        return result;
    log_error("the ledger is damaged; a new one is begun old=usage.db.damaged");
    if (renameat(dir_fd, "usage.db", dir_fd, "usage.db.damaged") < 0)
        return -errno;
    unlinkat(dir_fd, "usage.db-wal", 0);
    unlinkat(dir_fd, "usage.db-shm", 0);
    return usage_store_open(dir_fd, ret);
}

int usage_open(struct loop *loop, const struct usage_options *options, struct usage **ret)
{
    struct usage *usage = calloc(1, sizeof(*usage));
    if (!usage)
        return -ENOMEM;
    usage->loop = loop;
    usage->now = options->now ? options->now : system_now;
    usage->in_memory = options->dir_fd < 0;
    usage->live.fd = -1;
    usage->shares.dir_fd = -1;
    timer_init(&usage->timer, loop, on_timer, usage);
    int result = usage_live_open(&usage->live, options->dir_fd, 0);
    if (result == 0)
        result = open_store(options->dir_fd, &usage->store);
    if (result == 0)
        result = usage_shares_open(&usage->shares, options->dir_fd, options->places);
    if (result == 0)
        result = reconcile(usage);
    if (result < 0) {
        free_usage(usage);
        return result;
    }
    usage_shares_settle(options->dir_fd, usage->store, usage_live_day(&usage->live));
    fold_remains(usage);
    usage_counters(usage, USAGE_OTHERS); /* while there is a slot for it */
    schedule(usage, false);
    *ret = usage;
    return 0;
}

void usage_close(struct usage *usage)
{
    if (!usage)
        return;
    timer_stop(&usage->timer);
    if (usage->is_folding)
        usage->is_closing = true;
    else
        finish(usage);
}

static struct usage_counters *find_or_add(struct usage *usage, const char *name)
{
    struct usage_counters begin;
    struct usage_live_slot *slot = usage_live_find(&usage->live, name);
    if (!slot && usage_store_folded(usage->store, name, &begin) == 0)
        slot = usage_live_add(&usage->live, name, &begin);
    return slot ? &slot->counters : NULL;
}

void usage_note(struct usage *usage)
{
    if (!usage->is_folding && (!timer_is_active(&usage->timer) || !usage->is_timer_quick))
        schedule(usage, true);
}

struct usage_counters *usage_counters(struct usage *usage, const char *upstream)
{
    usage_note(usage);
    struct usage_counters *counters = find_or_add(usage, upstream);
    if (!counters)
        counters = find_or_add(usage, USAGE_OTHERS);
    return counters ? counters : &usage->lost;
}

int usage_query(struct usage *usage, const struct usage_question *question, usage_row_fn *fn,
                void *owner, uint64_t *ret_sequence)
{
    if (!usage->is_folding) /* the database may be needed to adopt one */
        usage_shares_find(&usage->shares, usage->store, usage_live_day(&usage->live));
    take_snapshot(usage, &usage->query_snapshot);
    return usage_store_query(usage->store, &usage->query_snapshot, question, fn, owner,
                             ret_sequence);
}

int usage_day_check(const char *text)
{
    struct tm tm = {0}, again;
    const char *end = strptime(text, "%Y-%m-%d", &tm);
    if (!end || *end || strlen(text) != USAGE_DAY_TEXT_MAX - 1)
        return -EINVAL;
    again = tm;
    timegm(&again); /* the 30th of February becomes the 1st or 2nd of March */
    return again.tm_mday == tm.tm_mday && again.tm_mon == tm.tm_mon ? 0 : -EINVAL;
}
