#include "service/engine/health.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 30000, MEMBERS_MAX = 64 };
enum { GOOD_MS = 10000, DOUBTS_MAX = 3 }; /* as many failures in a row as trip the pool */

static void probe(void *owner);

void health_init(struct health *health, struct connector *connector, health_report_fn *on_report,
                 void *owner)
{
    *health = (struct health){.connector = connector, .on_report = on_report, .owner = owner};
    timer_init(&health->retry, connector->loop, probe, health);
}

static void report(struct health *health, enum health_state state, const char *reason,
                   const char *upstream)
{
    if (state == health->state && strcmp(reason, health->reason) == 0 &&
        strcmp(upstream, health->upstream) == 0)
        return;
    health->state = state;
    snprintf(health->reason, sizeof(health->reason), "%s", reason);
    snprintf(health->upstream, sizeof(health->upstream), "%s", upstream);
    health->on_report(health->owner, state, reason, upstream);
}

void health_set_targets(struct health *health, const struct endpoint *targets, size_t count)
{
    health->target_count = count < HEALTH_TARGETS_MAX ? count : HEALTH_TARGETS_MAX;
    health->next_target = 0;
    memcpy(health->targets, targets, health->target_count * sizeof(*targets));
}

void health_start(struct health *health)
{
    health_stop(health);
    health->is_running = true;
    health->doubts_left = 0;
    health->state = HEALTH_CONNECTING;
    health->reason[0] = health->upstream[0] = '\0';
    health->on_report(health->owner, HEALTH_CONNECTING, "", "");
    health_retry(health);
}

void health_stop(struct health *health)
{
    health->is_running = false;
    connect_cancel(health->probe);
    health->probe = NULL;
    timer_stop(&health->retry);
}

void health_retry(struct health *health)
{
    if (!health->is_running || health->state == HEALTH_ON)
        return;
    health->retry_ms = RETRY_FIRST_MS;
    timer_start(&health->retry, 0);
}

/* --- what there is to say -------------------------------------------------------------------- */

/* The member that speaks for the pool: the last that failed, or the first. */
static const struct pool_member *spokesman(const struct pool_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].last_err < 0)
            return &members[i];
    return count ? &members[0] : NULL;
}

static bool all_need_a_person(const struct pool_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].last_err != ERR_AUTH && members[i].upstream->kind != UPSTREAM_BLOCK)
            return false;
    return true;
}

static void report_trouble(struct health *health, int err)
{
    struct pool_member members[MEMBERS_MAX];
    size_t count = pool_members(health->connector->pool, members, MEMBERS_MAX);
    const struct pool_member *member = spokesman(members, count);
    char reason[HEALTH_REASON_MAX];

    if (!member) {
        report(health, HEALTH_BLOCKED, "no upstream is configured", "");
        return;
    }
    if (member->last_err < 0)
        err = member->last_err;
    snprintf(reason, sizeof(reason), "%s: %s", member->upstream->name, err_text(err));
    report(health, all_need_a_person(members, count) ? HEALTH_BLOCKED : HEALTH_FAILING, reason,
           member->upstream->name);
}

static const char *healthy_upstream(struct health *health)
{
    struct pool_member members[MEMBERS_MAX];
    size_t count = pool_members(health->connector->pool, members, MEMBERS_MAX);

    for (size_t i = 0; i < count; i++)
        if (members[i].health == POOL_HEALTHY)
            return members[i].upstream->name;
    return count ? members[0].upstream->name : "";
}

static void try_later(struct health *health)
{
    timer_start(&health->retry, health->retry_ms);
    health->retry_ms *= 2;
    if (health->retry_ms > RETRY_LAST_MS)
        health->retry_ms = RETRY_LAST_MS;
}

/* After a probe that failed: until it works, or, if one that is "on" was only looked at, a few
 * times. */
static void try_again(struct health *health)
{
    if (health->doubts_left > 0)
        health->doubts_left--;
    if (health->state != HEALTH_ON || health->doubts_left > 0)
        try_later(health);
}

void health_note(struct health *health, int err)
{
    if (!health->is_running)
        return;
    if (err == 0) {
        timer_stop(&health->retry);
        health->good_at_ms = loop_now_ms(health->connector->loop);
        health->doubts_left = 0;
        if (health->state != HEALTH_ON)
            report(health, HEALTH_ON, "", healthy_upstream(health));
        return;
    }
    if (pool_is_available(health->connector->pool, loop_now_ms(health->connector->loop)))
        return; /* another one carries on */
    report_trouble(health, err);
    if (!timer_is_active(&health->retry) && !health->probe) {
        health->retry_ms = RETRY_FIRST_MS;
        try_later(health);
    }
}

void health_complain(struct health *health, const char *upstream, int err)
{
    char reason[HEALTH_REASON_MAX];

    if (!health->is_running || health->state == HEALTH_ON)
        return;
    snprintf(reason, sizeof(reason), "%s: %s", upstream, err_text(err));
    report(health, HEALTH_FAILING, reason, upstream);
}

/* --- probes ---------------------------------------------------------------------------------- */

/* The outcome itself has come by health_note. */
static void on_probed(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    struct health *health = owner;

    (void)upstream;
    health->probe = NULL;
    stream_close(stream);
    if (health->state != HEALTH_ON)
        report_trouble(health, err);
    try_again(health);
}

static void probe(void *owner)
{
    struct health *health = owner;
    const struct endpoint *target = &health->targets[health->next_target];
    int err;

    if (health->probe || (health->state == HEALTH_ON && health->doubts_left == 0))
        return;
    health->next_target = (health->next_target + 1) % health->target_count;
    err = connect_start(health->connector, target, on_probed, health, &health->probe);
    if (err < 0) {
        /* Nobody may be asked now; why, was told before, by whoever knew it. */
        if (pool_members(health->connector->pool, &(struct pool_member){0}, 1) == 0)
            report_trouble(health, err);
        try_again(health);
    }
}

void health_look(struct health *health)
{
    uint64_t now_ms = loop_now_ms(health->connector->loop);

    if (!health->is_running || health->state != HEALTH_ON || health->doubts_left > 0 ||
        health->probe || now_ms - health->good_at_ms < GOOD_MS)
        return;
    health->doubts_left = DOUBTS_MAX;
    health->retry_ms = RETRY_FIRST_MS;
    timer_start(&health->retry, 0);
}
