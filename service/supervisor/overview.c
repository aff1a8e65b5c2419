#define LOG_MODULE "supervisor"

#include "service/supervisor/overview.h"

#include "base/log.h"
#include "service/supervisor/notify.h"
#include "service/supervisor/standing.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct standing stand_of(const struct overview *overview, unsigned number)
{
    struct standing_facts facts = {
        .is_armed = protection_is_armed(overview->protection),
        .is_stopping = overview->is_ending,
        .host_trouble = protection_trouble(overview->protection),
    };
    crew_add_facts(overview->crew, number, &facts);
    return standing_of(&facts);
}

/* That of the worker that is worst off: a flow may be with any of them. */
static struct standing stand(const struct overview *overview)
{
    struct standing worst = stand_of(overview, 0);
    for (unsigned i = 1; i < crew_size(overview->crew); i++) {
        struct standing other = stand_of(overview, i);
        if (standing_is_worse(&other, &worst))
            worst = other;
    }
    return worst;
}

static void look(struct overview *overview)
{
    struct standing standing = stand(overview);
    char quoted[2 * IPC_TEXT_MAX];
    char status[2 * IPC_TEXT_MAX];
    snprintf(status, sizeof(status), "STATUS=%s%s%s", standing.state, *standing.reason ? ": " : "",
             standing.reason);
    notify_send(status);
    if (strcmp(overview->state, standing.state) == 0)
        return;
    overview->state = standing.state;
    overview->since = time(NULL);
    log_notice("state=%s reason=%s", standing.state,
               log_quote(quoted, sizeof(quoted), standing.reason));
}

static void on_changed(void *owner)
{
    look(owner);
}

void overview_init(struct overview *overview, struct loop *loop)
{
    *overview = (struct overview){
        .loop = loop,
        .started_at_ms = loop_now_ms(loop),
        .state = "off", /* needs no announcement: nothing has changed yet */
        .since = time(NULL),
    };
    deferred_init(&overview->changed, loop, on_changed, overview);
}

void overview_done(struct overview *overview)
{
    deferred_cancel(&overview->changed);
}

void overview_changed(struct overview *overview)
{
    deferred_schedule(&overview->changed);
}

void overview_describe(struct overview *overview, struct power_worker *workers,
                       struct power_status *ret)
{
    deferred_cancel(&overview->changed);
    look(overview); /* `since` belongs to the state that is told */
    struct standing standing = stand(overview);
    for (unsigned i = 0; i < crew_size(overview->crew); i++) {
        struct standing one = stand_of(overview, i);
        workers[i] = (struct power_worker){one.state, one.reason,
                                           worker_pid(crew_worker(overview->crew, i))};
    }
    *ret = (struct power_status){
        .state = standing.state,
        .reason = standing.reason,
        .upstream = crew_report(overview->crew, 0)->upstream,
        .tun = protection_tun(overview->protection),
        .worker_pid = worker_pid(crew_worker(overview->crew, 0)),
        .uptime_s = (loop_now_ms(overview->loop) - overview->started_at_ms) / 1000,
        .since = overview->since,
        .is_armed = protection_is_armed(overview->protection),
        .worker_count = crew_size(overview->crew),
        .workers = workers,
    };
}
