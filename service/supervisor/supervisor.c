#define LOG_MODULE "supervisor"

#include "service/supervisor/supervisor.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/inquiries.h"
#include "service/supervisor/main_switch.h"
#include "service/supervisor/notify.h"
#include "service/supervisor/overview.h"
#include "service/supervisor/power.h"
#include "service/supervisor/reload.h"
#include "service/supervisor/startup.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct supervisor {
    struct loop *loop;
    struct supervisor_options options;
    struct startup ground; /* what was there before any of the following */
    struct crew *crew;
    struct main_switch main_switch;
    struct reload reload;
    struct power *power;
    struct overview overview;
    struct inquiries *inquiries;
    struct timer watchdog;
    enum exit_status status;
    bool was_ready; /* some worker once was */

    struct power_client *off_clients[POWER_CLIENTS_MAX]; /* wait until off is done */
    size_t off_count;
    struct power_client *reload_client; /* NULL: SIGHUP asked */
};

static void changed(struct supervisor *supervisor)
{
    overview_changed(&supervisor->overview);
}

static void answer(struct supervisor *supervisor, struct power_client *client, const char *error)
{
    struct power_worker workers[CREW_MAX];
    struct power_status status;
    overview_describe(&supervisor->overview, workers, &status);
    status.is_wished = supervisor->main_switch.is_wished;
    status.workers_why = supervisor->ground.workers_why;
    power_answer(client, &status, error);
}

/* The host */

static void on_tun(void *owner)
{
    struct supervisor *supervisor = owner;
    main_switch_hand_tun_to_all(&supervisor->main_switch);
    changed(supervisor);
}

static void on_protection_change(void *owner)
{
    changed(owner);
}

/* The list is taken first: whoever is answered may ask for the same again at once, or be gone. */
static void on_off(void *owner, const char *error)
{
    struct supervisor *supervisor = owner;
    struct power_client *clients[POWER_CLIENTS_MAX];
    size_t count = supervisor->off_count;
    memcpy(clients, supervisor->off_clients, count * sizeof(clients[0]));
    supervisor->off_count = 0;
    for (size_t i = 0; i < count; i++)
        answer(supervisor, clients[i], error);
    if (supervisor->overview.is_ending)
        crew_stop(supervisor->crew);
    changed(supervisor);
}

/* The workers */

static void on_worker_started(void *owner, unsigned number)
{
    struct supervisor *supervisor = owner;
    reload_worker_is_gone(&supervisor->reload, number); /* if it was asked to go, nobody said so */
    protection_forget_worker(supervisor->ground.protection, number);
    inquiries_forget(supervisor->inquiries, number);
    provisions_hand_over(&supervisor->ground.provisions, crew_worker(supervisor->crew, number),
                         number == 0);
    changed(supervisor);
}

static void take_ready(struct supervisor *supervisor, unsigned number)
{
    pid_t pid = worker_pid(crew_worker(supervisor->crew, number));
    log_notice("the worker is ready worker=%u pid=%d", number + 1, (int)pid);
    supervisor->was_ready = true;
    main_switch_hand_tun(&supervisor->main_switch, number);
}

/* Who starts the service by hand and never had it on wants to know at once, not to watch it try. A
 * host that was protected stays so, and the service stays to be asked and repaired. */
static bool give_up_if_new(struct supervisor *supervisor)
{
    struct protection_error error;
    if (supervisor->was_ready || supervisor->ground.was_wished || supervisor->overview.is_ending)
        return false;
    log_error("%s", crew_report(supervisor->crew, 0)->trouble);
    supervisor->status = EXIT_WORKER;
    supervisor->overview.is_ending = true;
    if (main_switch_off(&supervisor->main_switch, &error) < 0)
        on_off(supervisor, error.text);
    return true;
}

static void answer_admission(struct supervisor *supervisor, unsigned number,
                             const struct ipc_message *asked)
{
    int err =
        protection_admit(supervisor->ground.protection, number, &asked->address, asked->value);
    char address[ADDRESS_TEXT_MAX];
    struct ipc_message message = {.kind = IPC_ADMITTED,
                                  .value = err,
                                  .flag = (uint32_t)asked->value,
                                  .address = asked->address};
    if (err < 0)
        log_warning("the worker may not speak to this endpoint address=%s: %s",
                    asked->address.family ? address_format(&asked->address, address) : "none",
                    err_text(err));
    worker_send(crew_worker(supervisor->crew, number), &message, NULL, 0);
}

static void on_owner_known(void *owner, unsigned number, const struct ipc_message *message)
{
    struct supervisor *supervisor = owner;
    worker_offer(crew_worker(supervisor->crew, number), message);
}

/* Without a log that shows programs no worker has a reason to ask. */
static void answer_inquiry(struct supervisor *supervisor, unsigned number,
                           const struct ipc_message *asked)
{
    const struct config *config = supervisor->ground.provisions.settings.config;
    inquiries_ask(supervisor->inquiries, number, asked, config_log_shows_apps(config));
}

static void on_worker_message(void *owner, unsigned number, const struct ipc_message *message)
{
    struct supervisor *supervisor = owner;
    struct protection *protection = supervisor->ground.protection;
    switch (message->kind) {
    case IPC_READY: take_ready(supervisor, number); break;
    case IPC_CONFIGURED: reload_take(&supervisor->reload, number, message); break;
    case IPC_TUN_RELEASED: main_switch_was_released(&supervisor->main_switch, number); break;
    case IPC_ADMIT: answer_admission(supervisor, number, message); break;
    case IPC_WITHDRAW:
        protection_withdraw(protection, number, &message->address, message->value);
        break;
    case IPC_FAILED: give_up_if_new(supervisor); break;
    case IPC_WHOSE: answer_inquiry(supervisor, number, message); return;
    default: break;
    }
    changed(supervisor);
}

static void on_worker_gone(void *owner, unsigned number, int err, const char *why)
{
    struct supervisor *supervisor = owner;
    protection_cut(supervisor->ground.protection, number);
    reload_worker_is_gone(&supervisor->reload, number);
    main_switch_was_released(&supervisor->main_switch, number);
    if (err == 0 || !give_up_if_new(supervisor))
        log_warning("%s; it is started again worker=%u deaths=%u", why, number + 1,
                    worker_deaths(crew_worker(supervisor->crew, number)));
    changed(supervisor);
}

/* The end. The worker goes first, while its flows can still be flushed; then device and routes; the
 * fence stays if the wish is on: only an explicit off lifts it. */

static void leave_locked(struct supervisor *supervisor)
{
    struct protection *protection = supervisor->ground.protection;
    struct protection_error error;
    if (protection_down(protection, &error) < 0)
        log_error("%s", error.text);
    if (!supervisor->main_switch.is_wished || !protection_is_armed(protection))
        return;
    if (protection_lock(protection, &error) < 0)
        log_error("%s", error.text);
    log_warning("atlanticd ends and THE FENCE STAYS ARMED: nothing leaves this host until it runs "
                "again; `atlanticd --cleanup` lifts the fence");
}

static void on_workers_stopped(void *owner)
{
    struct supervisor *supervisor = owner;
    if (!supervisor->overview.is_ending)
        return;
    leave_locked(supervisor);
    loop_stop(supervisor->loop);
}

static void begin_end(struct supervisor *supervisor, bool is_off)
{
    struct protection_error error;
    if (supervisor->overview.is_ending) { /* a second signal does not wait for anything */
        on_workers_stopped(supervisor);
        return;
    }
    supervisor->overview.is_ending = true;
    notify_send("STOPPING=1");
    if (main_switch_is_going_off(&supervisor->main_switch))
        return; /* on_off goes on from here */
    if (!is_off) {
        crew_stop(supervisor->crew);
    } else if (main_switch_off(&supervisor->main_switch, &error) < 0) {
        log_error("%s", error.text);
        crew_stop(supervisor->crew);
    }
}

static void on_signal(void *owner, int number)
{
    struct supervisor *supervisor = owner;
    if (number == SIGHUP && !reload_is_waiting(&supervisor->reload))
        reload_start(&supervisor->reload);
    if (number == SIGTERM || number == SIGINT)
        begin_end(supervisor, number == SIGINT);
}

/* What people ask for */

static void ask_on(struct supervisor *supervisor, struct power_client *client)
{
    struct protection_error error;
    int err = main_switch_on(&supervisor->main_switch, &error);
    answer(supervisor, client, err < 0 ? error.text : NULL);
}

static void ask_off(struct supervisor *supervisor, struct power_client *client)
{
    struct protection_error error;
    supervisor->off_clients[supervisor->off_count++] = client;
    if (main_switch_off(&supervisor->main_switch, &error) < 0) {
        supervisor->off_count--;
        answer(supervisor, client, error.text);
    }
}

static void ask_reload(struct supervisor *supervisor, struct power_client *client)
{
    if (reload_is_waiting(&supervisor->reload)) {
        answer(supervisor, client, "a reload is under way");
        return;
    }
    supervisor->reload_client = client;
    reload_start(&supervisor->reload);
}

static void on_reload_done(void *owner, const char *error)
{
    struct supervisor *supervisor = owner;
    struct power_client *client = supervisor->reload_client;
    supervisor->reload_client = NULL;
    if (client)
        answer(supervisor, client, error);
    changed(supervisor);
}

static void ask_check(struct supervisor *supervisor, struct power_client *client)
{
    struct settings settings;
    struct config_error error;
    if (settings_read(supervisor->options.config_path, &settings, &error) != EXIT_FINE) {
        answer(supervisor, client, error.text);
        return;
    }
    settings_done(&settings);
    answer(supervisor, client, NULL);
}

static void on_request(void *owner, enum power_request request, struct power_client *client)
{
    struct supervisor *supervisor = owner;
    if (supervisor->overview.is_ending && request != POWER_STATUS) {
        answer(supervisor, client, "the service is stopping");
        return;
    }
    switch (request) {
    case POWER_STATUS: answer(supervisor, client, NULL); break;
    case POWER_ON: ask_on(supervisor, client); break;
    case POWER_OFF: ask_off(supervisor, client); break;
    case POWER_RELOAD: ask_reload(supervisor, client); break;
    case POWER_CONFIG_CHECK: ask_check(supervisor, client); break;
    case POWER_RESTART:
        crew_restart(supervisor->crew);
        answer(supervisor, client, NULL);
        break;
    }
}

/* Opening and running */

static void on_watchdog(void *owner)
{
    struct supervisor *supervisor = owner;
    notify_send("WATCHDOG=1");
    timer_start(&supervisor->watchdog, notify_watchdog_ms());
}

static int listen_for_signals(struct supervisor *supervisor)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        err = loop_on_signal(supervisor->loop, numbers[i], on_signal, supervisor);
    return err;
}

static int open_power(struct supervisor *supervisor)
{
    char path[PATH_MAX];
    const struct settings *settings = &supervisor->ground.provisions.settings;
    snprintf(path, sizeof(path), "%s/power.sock", supervisor->options.run_dir);
    struct power_options options = {
        .path = path, .group = settings->group, .worker = settings->user};
    return power_open(supervisor->loop, &options, on_request, supervisor, &supervisor->power);
}

static int open_crew(struct supervisor *supervisor)
{
    const struct settings *settings = &supervisor->ground.provisions.settings;
    const struct worker_options options = {
        .program = supervisor->options.worker, .user = settings->user, .group = settings->group};
    const struct crew_events events = {on_worker_started, on_worker_message, on_worker_gone,
                                       on_workers_stopped};
    return crew_new(supervisor->loop, &options, supervisor->ground.workers, &events, supervisor,
                    &supervisor->crew);
}

static void init_parts(struct supervisor *supervisor)
{
    supervisor->overview.protection = supervisor->ground.protection;
    supervisor->overview.crew = supervisor->crew;
    supervisor->main_switch = (struct main_switch){.protection = supervisor->ground.protection,
                                                   .crew = supervisor->crew,
                                                   .state_dir = supervisor->options.state_dir,
                                                   .on_off = on_off,
                                                   .owner = supervisor,
                                                   .is_wished = supervisor->ground.was_wished};
    main_switch_init(&supervisor->main_switch, supervisor->loop);
    supervisor->reload = (struct reload){.provisions = &supervisor->ground.provisions,
                                         .protection = supervisor->ground.protection,
                                         .crew = supervisor->crew,
                                         .config_path = supervisor->options.config_path,
                                         .on_done = on_reload_done,
                                         .owner = supervisor};
    reload_init(&supervisor->reload, supervisor->loop);
}

static enum exit_status open_parts(struct supervisor *supervisor)
{
    int err = inquiries_new(supervisor->loop, on_owner_known, supervisor, &supervisor->inquiries);
    if (err == 0)
        err = open_crew(supervisor);
    init_parts(supervisor);
    if (err == 0)
        err = open_power(supervisor);
    if (err == 0)
        err = listen_for_signals(supervisor);
    if (err == 0)
        return EXIT_FINE;
    log_error("cannot open %s/power.sock: %s", supervisor->options.run_dir, err_text(err));
    return EXIT_TROUBLE;
}

/* A wish from before is kept up however long it takes; a new one has to succeed now. */
static enum exit_status follow_wish(struct supervisor *supervisor)
{
    struct protection_error error;
    if (supervisor->ground.was_wished) {
        protection_keep_up(supervisor->ground.protection);
        return EXIT_FINE;
    }
    if (!supervisor->options.turns_on || main_switch_on(&supervisor->main_switch, &error) == 0)
        return EXIT_FINE;
    log_error("%s", error.text);
    return EXIT_FENCE;
}

enum exit_status supervisor_open(struct loop *loop, const struct supervisor_options *options,
                                 struct supervisor **ret)
{
    const struct startup_options paths = {options->config_path, options->run_dir,
                                          options->state_dir};
    const struct protection_events events = {on_tun, on_protection_change};
    struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
    if (!supervisor)
        return EXIT_TROUBLE;
    supervisor->loop = loop;
    supervisor->options = *options;
    overview_init(&supervisor->overview, loop);
    timer_init(&supervisor->watchdog, loop, on_watchdog, supervisor);

    enum exit_status status = startup_run(loop, &paths, &events, supervisor, &supervisor->ground);
    if (status != EXIT_FINE) {
        free(supervisor);
        return status;
    }
    status = open_parts(supervisor);
    if (status == EXIT_FINE)
        status = follow_wish(supervisor);
    if (status != EXIT_FINE) {
        supervisor_close(supervisor);
        return status;
    }
    *ret = supervisor;
    return EXIT_FINE;
}

enum exit_status supervisor_run(struct supervisor *supervisor)
{
    crew_start(supervisor->crew);
    changed(supervisor);
    notify_send("READY=1");
    if (notify_watchdog_ms() > 0)
        on_watchdog(supervisor);
    loop_run(supervisor->loop);
    return supervisor->status;
}

void supervisor_close(struct supervisor *supervisor)
{
    if (!supervisor)
        return;
    timer_stop(&supervisor->watchdog);
    overview_done(&supervisor->overview);
    power_close(supervisor->power);
    main_switch_done(&supervisor->main_switch);
    reload_done(&supervisor->reload);
    crew_free(supervisor->crew);
    inquiries_free(supervisor->inquiries);
    startup_undo(&supervisor->ground);
    free(supervisor);
}
