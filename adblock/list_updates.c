#define LOG_MODULE "lists"
#include "adblock/list_updates.h"

#include "adblock/list_diary.h"
#include "adblock/list_place.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

enum {
    FIRST_RETRY_S = 30,
    LONGEST_RETRY_S = 6 * 60 * 60,
    START_PAUSE_MS = 1000, /* the doors are not open yet when the first lists are named */
    LONGEST_SLEEP_MS = 60 * 60 * 1000, /* the clock may be set, the machine may sleep */
};

struct update {
    struct list_updates *updates;
    char *url;
    char path[LIST_PLACE_PATH_MAX];
    struct list_diary_entry entry;
    struct fetch_job *job; /* NULL: none */
};

struct list_updates {
    struct loop *loop;
    int folder;
    struct fetch *fetch;
    struct timer timer;
    uint32_t every_s;
    struct update **all;
    size_t count;
};

/* --- time ------------------------------------------------------------------------------------ */

/* Around `every_s`, so that not all who began at the same time go on at the same time; after a
 * failure doubling from half a minute. */
uint32_t list_updates_pause_s(uint32_t every_s, unsigned failures, uint32_t random)
{
    uint64_t pause = every_s;
    if (failures > 0) {
        pause = (uint64_t)FIRST_RETRY_S << (failures < 16 ? failures - 1 : 15);
        pause = pause < LONGEST_RETRY_S ? pause : LONGEST_RETRY_S;
        pause = every_s == 0 || pause < every_s ? pause : every_s;
    }
    /* 3/4 to 5/4 */
    return (uint32_t)(pause * 3 / 4 + pause * (random >> 16) / 2 / 65536);
}

static uint32_t any_number(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
        number = UINT32_MAX / 2; /* no jitter */
    return number;
}

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static bool is_by_itself(const struct update *update)
{
    return update->updates->every_s > 0 || update->entry.checked_s == 0;
}

static void set_timer(struct list_updates *updates, int64_t at_least_ms)
{
    int64_t next_ms = INT64_MAX, now = now_s();
    for (size_t i = 0; i < updates->count; i++) {
        const struct update *update = updates->all[i];
        int64_t wait_ms = update->entry.due_s > now ? (update->entry.due_s - now) * 1000 : 0;
        if (!update->job && is_by_itself(update) && wait_ms < next_ms)
            next_ms = wait_ms;
    }
    timer_stop(&updates->timer);
    if (next_ms == INT64_MAX)
        return;
    next_ms = next_ms > at_least_ms ? next_ms : at_least_ms;
    next_ms = next_ms < LONGEST_SLEEP_MS ? next_ms : LONGEST_SLEEP_MS;
    (void)timer_start(&updates->timer, (uint64_t)next_ms);
}

/* --- downloads ------------------------------------------------------------------------------- */

static void keep_diary(const struct list_updates *updates)
{
    struct list_diary_entry entries[LIST_DIARY_MAX];
    for (size_t i = 0; i < updates->count; i++)
        entries[i] = updates->all[i]->entry;
    int err = list_diary_write(updates->folder, entries, updates->count);
    if (err < 0)
        log_warning("cannot note when lists are due err=\"%s\"", err_text(err));
}

/* The entry says how it went; the rest follows from that. */
static void note(struct update *update, int err, const char *text)
{
    struct list_diary_entry *entry = &update->entry;
    entry->failures = err < 0 ? entry->failures + 1 : 0;
    snprintf(entry->error, sizeof(entry->error), "%s", err < 0 ? text : "");
    if (err == 0)
        entry->checked_s = now_s();
    entry->due_s =
        now_s() + list_updates_pause_s(update->updates->every_s, entry->failures, any_number());
}

static void on_fetched(void *owner, const struct fetch_result *result)
{
    struct update *update = owner;
    update->job = NULL;
    note(update, result->err, result->text);
    if (result->err < 0)
        log_warning("list not updated, the former stays: %s", result->text);
    else if (!result->is_unchanged)
        log_info("list updated url=%s bytes=%zu", update->url, result->size);
    keep_diary(update->updates);
    set_timer(update->updates, 0);
}

static void start(struct update *update)
{
    char why[LIST_DIARY_ERROR_MAX];
    if (update->job)
        return;
    int err = fetch_list(update->updates->fetch, update->url, update->path, on_fetched, update,
                         &update->job);
    if (err == 0)
        return;
    snprintf(why, sizeof(why), "%.180s: %s", update->url, err_text(err));
    note(update, err, why);
}

static void on_timer(void *owner)
{
    struct list_updates *updates = owner;
    int64_t now = now_s();
    for (size_t i = 0; i < updates->count; i++) {
        struct update *update = updates->all[i];
        if (is_by_itself(update) && update->entry.due_s <= now)
            start(update);
    }
    set_timer(updates, START_PAUSE_MS);
}

static struct update *find(const struct list_updates *updates, const char *url)
{
    for (size_t i = 0; i < updates->count; i++)
        if (strcmp(updates->all[i]->url, url) == 0)
            return updates->all[i];
    return NULL;
}

int list_updates_start(struct list_updates *updates, const char *url)
{
    struct update *update = find(updates, url);
    if (!update)
        return -ENOENT;
    start(update);
    set_timer(updates, 0);
    return 0;
}

void list_updates_hurry(struct list_updates *updates)
{
    for (size_t i = 0; i < updates->count; i++)
        if (updates->all[i]->entry.failures > 0)
            updates->all[i]->entry.due_s = 0;
    set_timer(updates, START_PAUSE_MS);
}

static int64_t changed_s(const struct update *update)
{
    struct stat file;
    return stat(update->path, &file) == 0 ? (int64_t)file.st_mtime : 0;
}

int list_updates_status(const struct list_updates *updates, const char *url,
                        struct list_update_status *ret)
{
    const struct update *update = find(updates, url);
    if (!update)
        return -ENOENT;
    *ret = (struct list_update_status){
        .is_running = update->job,
        .checked_s = update->entry.checked_s,
        .changed_s = changed_s(update),
        .due_s = is_by_itself(update) ? update->entry.due_s : 0,
        .failures = update->entry.failures,
        .error = update->entry.error,
    };
    return 0;
}

/* --- which lists ----------------------------------------------------------------------------- */

static void update_free(struct update *update)
{
    if (!update)
        return;
    if (update->job)
        fetch_cancel(update->job);
    free(update->url);
    free(update);
}

static struct update *update_new(struct list_updates *updates, const char *url,
                                 const struct list_diary_entry *diary, size_t diary_count)
{
    struct update *update = calloc(1, sizeof(*update));
    if (!update || !(update->url = strdup(url))) {
        free(update);
        return NULL;
    }
    update->updates = updates;
    update->entry.key = list_place_key(url);
    list_place_path(updates->folder, update->entry.key, update->path);
    for (size_t i = 0; i < diary_count; i++)
        if (diary[i].key == update->entry.key)
            update->entry = diary[i];
    if (changed_s(update) == 0) /* somebody took it away */
        update->entry.checked_s = update->entry.due_s = 0;
    return update;
}

static void sweep(const struct list_updates *updates)
{
    uint64_t keys[LIST_DIARY_MAX];
    for (size_t i = 0; i < updates->count; i++)
        keys[i] = updates->all[i]->entry.key;
    list_place_sweep(updates->folder, keys, updates->count);
}

/* Those that go on keep their place in the order of time, and their download. */
static size_t fill(struct list_updates *updates, const struct list_updates_wish *wish,
                   struct update **to, size_t max)
{
    struct list_diary_entry diary[LIST_DIARY_MAX];
    size_t diary_count = list_diary_read(updates->folder, diary, LIST_DIARY_MAX), count = 0;
    for (size_t i = 0; i < wish->count && count < max; i++) {
        struct update *known = find(updates, wish->urls[i]);
        bool is_twice = false;
        for (size_t j = 0; j < count; j++)
            is_twice |= strcmp(to[j]->url, wish->urls[i]) == 0;
        if (is_twice)
            continue;
        to[count] = known ? known : update_new(updates, wish->urls[i], diary, diary_count);
        count += to[count] != NULL;
    }
    return count;
}

static bool has(struct update *const *all, size_t count, const struct update *one)
{
    for (size_t i = 0; i < count; i++)
        if (all[i] == one)
            return true;
    return false;
}

int list_updates_set(struct list_updates *updates, const struct list_updates_wish *wish)
{
    struct update **all = calloc(LIST_DIARY_MAX, sizeof(void *));
    if (!all)
        return -ENOMEM;
    updates->every_s = wish->every_s;
    size_t count = fill(updates, wish, all, LIST_DIARY_MAX);
    for (size_t i = 0; i < updates->count; i++)
        if (!has(all, count, updates->all[i]))
            update_free(updates->all[i]);
    free(updates->all);
    updates->all = all;
    updates->count = count;
    for (size_t i = 0; i < count; i++) /* the clock was wrong, or the setting has changed */
        if (all[i]->entry.due_s > now_s() + (int64_t)updates->every_s * 2)
            all[i]->entry.due_s = 0;
    sweep(updates);
    set_timer(updates, START_PAUSE_MS);
    return 0;
}

struct list_updates *list_updates_new(struct loop *loop, int folder,
                                      const struct fetch_options *options)
{
    struct list_updates *updates = calloc(1, sizeof(*updates));
    if (!updates)
        return NULL;
    updates->loop = loop;
    updates->folder = folder;
    timer_init(&updates->timer, loop, on_timer, updates);
    updates->fetch = fetch_new(loop, options);
    if (!updates->fetch) {
        list_updates_free(updates);
        return NULL;
    }
    return updates;
}

void list_updates_free(struct list_updates *updates)
{
    if (!updates)
        return;
    timer_stop(&updates->timer);
    for (size_t i = 0; i < updates->count; i++)
        update_free(updates->all[i]);
    free(updates->all);
    fetch_free(updates->fetch);
    free(updates);
}
