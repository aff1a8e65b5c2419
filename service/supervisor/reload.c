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
    if (error)
        log_error("the configuration stays as it was: %s", error);
    else
        log_info("the new configuration is in force");
    reload->on_done(reload->owner, error);
}

static void commit(struct reload *reload)
{
    renewal_apply(&reload->renewal, reload->provisions, reload->worker);
    finish(reload, NULL);
}

static void revert(struct reload *reload, const char *why)
{
    struct protection_error error;
    if (configure(reload, &reload->provisions->settings, &error) < 0)
        log_error("%s", error.text);
    renewal_close(&reload->renewal);
    finish(reload, why);
}

static void on_overdue(void *owner)
{
    revert(owner, "the worker does not answer");
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
    if (!worker_is_ready(reload->worker)) { /* the next one starts with it, at once */
        commit(reload);
        worker_restart(reload->worker);
        return;
    }
    const struct settings *settings = &reload->renewal.settings;
    reload->is_waiting = true;
    timer_start(&reload->due, ANSWER_MS);
    worker_send(reload->worker, &(struct ipc_message){.kind = IPC_CONFIG}, &settings->config_fd,
                settings->config_fd >= 0);
}

void reload_take(struct reload *reload, const struct ipc_message *message)
{
    char why[IPC_TEXT_MAX];
    if (!reload->is_waiting)
        return;
    snprintf(why, sizeof(why), "%s", message->text);
    if (message->value < 0)
        revert(reload, *why ? report_clean(why) : err_text(message->value));
    else
        commit(reload);
}

void reload_worker_is_gone(struct reload *reload)
{
    if (reload->is_waiting)
        revert(reload, "the worker ended while it read the new configuration");
}
