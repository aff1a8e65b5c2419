#define LOG_MODULE "supervisor"

#include "service/supervisor/reload.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/report.h"

#include <stdio.h>

enum { ANSWER_MS = 30 * 1000 };

static int configure(struct reload *reload, const struct settings *settings,
                     struct protection_error *error)
{
    int err = protection_configure(reload->protection, settings->config, settings->user, error);
    if (err == 0)
        log_setup(settings->config->log_level, settings->config->log_names);
    return err;
}

static void finish(struct reload *reload, const char *error)
{
    timer_stop(&reload->due);
    reload->is_waiting = false;
    reload->asked = reload->accepted = 0;
    if (error)
        log_error("the configuration stays as it was: %s", error);
    else
        log_info("the new configuration is in force");
    reload->on_done(reload->owner, error);
}

/* One that is only starting has the old configuration. */
static void restart_others(struct reload *reload)
{
    for (unsigned i = 0; i < crew_size(reload->crew); i++) {
        struct worker *worker = crew_worker(reload->crew, i);
        if (!(reload->accepted & 1u << i) && worker_pid(worker) > 0)
            worker_restart(worker);
    }
}

static void commit(struct reload *reload)
{
    renewal_apply(&reload->renewal, reload->provisions, reload->crew);
    restart_others(reload);
    finish(reload, NULL);
}

/* Also those that have not answered yet: they would put it in force later. */
static void put_workers_back(struct reload *reload)
{
    for (unsigned i = 0; i < crew_size(reload->crew); i++) {
        if (!(reload->asked & 1u << i))
            continue;
        reload->ignored[i] += reload->accepted & 1u << i ? 1 : 2;
        provisions_send_config(&reload->provisions->settings, crew_worker(reload->crew, i));
    }
}

static void revert(struct reload *reload, const char *why)
{
    struct protection_error error;
    if (configure(reload, &reload->provisions->settings, &error) < 0)
        log_error("%s", error.text);
    put_workers_back(reload);
    renewal_close(&reload->renewal);
    finish(reload, why);
}

static void on_overdue(void *owner)
{
    revert(owner, "a worker does not answer");
}

void reload_init(struct reload *reload, struct loop *loop)
{
    timer_init(&reload->due, loop, on_overdue, reload);
    reload->renewal = (struct renewal){.settings = {.config_fd = -1}};
    reload->is_waiting = false;
}

void reload_done(struct reload *reload)
{
    timer_stop(&reload->due);
    renewal_close(&reload->renewal);
    reload->is_waiting = false;
}

bool reload_is_waiting(const struct reload *reload)
{
    return reload->is_waiting;
}

static void ask_workers(struct reload *reload)
{
    for (unsigned i = 0; i < crew_size(reload->crew); i++) {
        struct worker *worker = crew_worker(reload->crew, i);
        if (!worker_is_ready(worker))
            continue;
        reload->asked |= 1u << i;
        provisions_send_config(&reload->renewal.settings, worker);
    }
}

void reload_start(struct reload *reload)
{
    struct provisions_error wrong;
    struct protection_error error;
    if (renewal_open(reload->provisions, reload->config_path, &reload->renewal, &wrong) < 0) {
        finish(reload, wrong.text);
        return;
    }
    if (configure(reload, &reload->renewal.settings, &error) < 0) {
        revert(reload, error.text);
        return;
    }
    if (!crew_has_ready(reload->crew)) { /* the next ones start with it, at once */
        commit(reload);
        crew_restart(reload->crew);
        return;
    }
    reload->is_waiting = true;
    timer_start(&reload->due, ANSWER_MS);
    ask_workers(reload);
}

/* It has the old configuration back, or should have. */
static void take_ignored(struct reload *reload, unsigned number, const struct ipc_message *message)
{
    if (--reload->ignored[number] == 0 && message->value < 0)
        worker_restart(crew_worker(reload->crew, number));
}

void reload_take(struct reload *reload, unsigned number, const struct ipc_message *message)
{
    char why[IPC_TEXT_MAX];
    if (reload->ignored[number] > 0) {
        take_ignored(reload, number, message);
        return;
    }
    if (!(reload->asked & 1u << number))
        return;
    if (message->value < 0) {
        reload->asked &= ~(1u << number); /* it kept what it had */
        snprintf(why, sizeof(why), "%s", message->text);
        revert(reload, *why ? report_clean(why) : err_text(message->value));
        return;
    }
    reload->accepted |= 1u << number;
    if (reload->accepted == reload->asked)
        commit(reload);
}

void reload_worker_is_gone(struct reload *reload, unsigned number)
{
    bool was_reading = reload->asked & ~reload->accepted & 1u << number;
    reload->ignored[number] = 0;
    reload->asked &= ~(1u << number); /* the next one starts with what is in force then */
    reload->accepted &= ~(1u << number);
    if (was_reading)
        revert(reload, "the worker ended while it read the new configuration");
}
