/* What is in force of the filter now: the user's own rules in front of the lists, pauses, and
 * schedules. Looked at when one of them changes, and at the next moment at which one of them ends
 * or begins; nothing is polled. */
#include "service/engine/engine_parts.h"

#include "base/err.h"
#include "service/engine/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define LOG_MODULE "filter"
#include "base/log.h"

/* --- the names in front of the lists --------------------------------------------------------- */

static int make_filter(const struct own_rules *rules, struct filter *lists, struct filter **ret)
{
    struct filter_own *own = calloc(rules->count, sizeof(*own));
    int err = own ? 0 : -ENOMEM;

    for (size_t i = 0; i < rules->count && own; i++)
        own[i] = (struct filter_own){rules->rules[i].name, rules->rules[i].is_allowed};
    if (err == 0)
        err = filter_with_own(lists, own, rules->count, ret);
    free(own);
    return err;
}

/* Without memory the lists alone are in force. */
static void put_in_front(struct engine *engine)
{
    struct engine_rules *rules = &engine->rules;
    struct filter *lists = lists_filter(engine->lists), *before = rules->filter;
    int err = 0;

    rules->filter = NULL;
    if (lists && rules->own.count > 0)
        err = make_filter(&rules->own, lists, &rules->filter);
    filter_unref(before);
    if (err < 0)
        log_error("your own rules are not in force err=\"%s\"", err_text(err));
}

void engine_lists_changed(void *owner)
{
    put_in_front(owner);
}

/* --- schedules ------------------------------------------------------------------------------- */

/* Lists that a schedule takes away or brings back are compiled anew, off the loop. */
static void follow_schedules(struct engine *engine, time_t now)
{
    const struct config_filter *filter = &engine->config->filter;
    struct engine_error error;

    engine->rules.is_off_by_schedule = !schedule_is_in_force(filter, NULL, NULL, now);
    if (filter->schedules_count > 0 && !engine_has_lists_of(engine, now) &&
        engine_set_lists(engine, filter, now, &error) < 0)
        log_error("the schedule's lists are not in force: %s", error.text);
}

/* --- time ------------------------------------------------------------------------------------ */

static void wake_at_next_edge(struct engine *engine, time_t now)
{
    struct engine_rules *rules = &engine->rules;
    int64_t next_s = own_rules_next_end(&rules->own), edge_s = SCHEDULE_NEVER;

    if (engine->config)
        edge_s = schedule_next_edge(&engine->config->filter, now);
    if (edge_s < next_s)
        next_s = edge_s;
    if (next_s == OWN_RULES_FOR_EVER)
        wall_timer_stop(rules->timer);
    else if (wall_timer_start(rules->timer, next_s) < 0)
        log_error("no timer for your own rules; they end at the next change");
}

void engine_follow_rules(struct engine *engine)
{
    time_t now = time(NULL);

    own_rules_expire(&engine->rules.own, now); /* the file may keep what is over */
    put_in_front(engine);
    if (engine->config)
        follow_schedules(engine, now);
    wake_at_next_edge(engine, now);
}

static void on_time(void *owner)
{
    engine_follow_rules(owner);
}

/* --- changes --------------------------------------------------------------------------------- */

/* Take over what the file says; it is ours, or another worker's. */
static void on_file_changed(void *owner)
{
    struct engine *engine = owner;
    struct own_rules fresh;
    int err = own_rules_file_read(engine->rules.file, &fresh);

    if (err == -ENOENT) /* somebody took it away: until the next start they are as they were */
        return;
    if (err < 0) {
        log_error("your own rules cannot be read err=\"%s\"", err_text(err));
        return;
    }
    own_rules_done(&engine->rules.own);
    engine->rules.own = fresh;
    engine_follow_rules(engine);
}

static int keep(struct engine *engine)
{
    int err = own_rules_file_write(engine->rules.file, &engine->rules.own);

    engine_follow_rules(engine); /* in force, even if it cannot be kept */
    return err;
}

int engine_pause(struct engine *engine, int64_t until_s)
{
    engine->rules.own.paused_until_s = until_s;
    return keep(engine);
}

int engine_rule(struct engine *engine, const char *name, bool is_allowed, int64_t until_s)
{
    int err = own_rules_put(&engine->rules.own, name, is_allowed, until_s);

    return err < 0 ? err : keep(engine);
}

int engine_forget_rule(struct engine *engine, const char *name)
{
    return own_rules_remove(&engine->rules.own, name) ? keep(engine) : -ENOENT;
}

void engine_filter_state(const struct engine *engine, struct engine_filter_state *ret)
{
    *ret = (struct engine_filter_state){
        .is_configured = engine->config && engine->config->filter.enabled,
        .is_off_by_schedule = engine->rules.is_off_by_schedule,
        .own = &engine->rules.own,
    };
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_file(struct engine *engine, int dir_fd)
{
    struct kept_file *file;
    int err =
        kept_file_open(engine->loop, dir_fd, OWN_RULES_FILE_NAME, on_file_changed, engine, &file);

    if (err < 0)
        return err;
    kept_file_close(engine->rules.file);
    engine->rules.file = file;
    return 0;
}

int engine_rules_init(struct engine *engine)
{
    int err = open_file(engine, -1);

    if (err == 0)
        err = wall_timer_open(engine->loop, on_time, engine, &engine->rules.timer);
    return err;
}

void engine_rules_done(struct engine *engine)
{
    kept_file_close(engine->rules.file);
    wall_timer_close(engine->rules.timer);
    filter_unref(engine->rules.filter);
    own_rules_done(&engine->rules.own);
}

int engine_keep_rules(struct engine *engine, int dir_fd)
{
    int err = open_file(engine, dir_fd);
    struct own_rules kept;

    if (err < 0)
        return err;
    err = own_rules_file_read(engine->rules.file, &kept);
    if (err == 0) {
        own_rules_done(&engine->rules.own);
        engine->rules.own = kept;
    } else if (err != -ENOENT) {
        log_error("your own rules cannot be read; there are none now err=\"%s\"", err_text(err));
    }
    engine_follow_rules(engine);
    return 0;
}
