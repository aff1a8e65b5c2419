#include "service/control/usage_shares.h"

#define LOG_MODULE "usage"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int usage_shares_open(struct usage_shares *shares, int dir_fd, unsigned places)
{
    *shares = (struct usage_shares){.dir_fd = -1, .places = places};
    if (dir_fd < 0 || places <= 1)
        return 0;
    shares->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    return shares->dir_fd < 0 ? -errno : 0;
}

void usage_shares_close(struct usage_shares *shares)
{
    while (shares->count > 0)
        usage_live_close(&shares->lives[--shares->count]);
    if (shares->dir_fd >= 0)
        close(shares->dir_fd);
    shares->dir_fd = -1;
}

static int make_room(struct usage_snapshot *snapshot)
{
    if (snapshot->capacity - snapshot->count >= USAGE_SLOTS)
        return 0;
    size_t capacity = snapshot->count + USAGE_SLOTS;
    void *slots = reallocarray(snapshot->slots, capacity, sizeof(*snapshot->slots));
    if (!slots)
        return -ENOMEM;
    snapshot->slots = slots;
    snapshot->capacity = capacity;
    return 0;
}

int usage_snapshot_add(struct usage_snapshot *snapshot, const struct usage_live *live)
{
    const struct usage_live_slot *from = NULL;
    if (make_room(snapshot) < 0)
        return -ENOMEM;
    while ((from = usage_live_next(live, from))) {
        struct usage_snapshot_slot *to = &snapshot->slots[snapshot->count++];
        to->live = usage_live_id(live);
        memcpy(to->name, from->name, USAGE_NAME_MAX);
        to->name[USAGE_NAME_MAX] = '\0';
        to->counters = from->counters;
    }
    return 0;
}

int usage_shares_add(const struct usage_shares *shares, struct usage_snapshot *snapshot)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < shares->count; i++)
        result = usage_snapshot_add(snapshot, &shares->lives[i]);
    return result;
}

/* What was counted for another database is booked there, or lost with it. */
static int adopt(struct usage_live *live, struct usage_store *store, int64_t day)
{
    struct usage_snapshot snapshot = {.day = day};
    uint64_t ours = usage_store_ledger(store), theirs = usage_live_ledger(live);
    int result = 0;
    if (theirs == ours)
        return 0;
    if (theirs != 0)
        result = usage_snapshot_add(&snapshot, live);
    if (result == 0 && theirs != 0)
        result = usage_store_skip(store, &snapshot);
    free(snapshot.slots);
    if (result == 0)
        usage_live_set_ledger(live, ours);
    return result;
}

static bool has(const struct usage_shares *shares, unsigned place)
{
    for (size_t i = 0; i < shares->count; i++)
        if (shares->lives[i].place == place)
            return true;
    return false;
}

void usage_shares_find(struct usage_shares *shares, struct usage_store *store, int64_t day)
{
    for (unsigned place = 1; shares->dir_fd >= 0 && place < shares->places; place++) {
        struct usage_live live;
        if (has(shares, place) || usage_live_peek(&live, shares->dir_fd, place) < 0)
            continue;
        if (adopt(&live, store, day) < 0)
            usage_live_close(&live); /* later, perhaps */
        else
            shares->lives[shares->count++] = live;
    }
}

/* Each step may be the last one of this process: the counters are emptied after they are booked,
 * and what says how far they are booked goes last. */
static int settle(struct usage_live *live, struct usage_store *store, int64_t day)
{
    struct usage_snapshot snapshot = {.day = day};
    uint64_t id = usage_live_id(live);
    int result = adopt(live, store, day);
    if (result == 0)
        result = usage_snapshot_add(&snapshot, live);
    if (result == 0)
        result = usage_store_fold(store, &snapshot);
    free(snapshot.slots);
    if (result < 0)
        return result;
    usage_live_reset(live, usage_store_ledger(store));
    usage_store_forget(store, id);
    return 0;
}

void usage_shares_settle(int dir_fd, struct usage_store *store, int64_t day)
{
    for (unsigned place = 1; dir_fd >= 0 && place < USAGE_PLACES_MAX; place++) {
        struct usage_live live;
        if (usage_live_peek(&live, dir_fd, place) < 0)
            continue;
        int result = usage_live_lock(&live) == 0 ? settle(&live, store, day) : 0;
        if (result < 0)
            log_error("cannot book what another worker counted: %s worker=%u", err_text(result),
                      place + 1);
        usage_live_close(&live);
    }
}
