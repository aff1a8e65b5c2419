#include "service/worker/worker.h"

#include "base/err.h"
#include "service/config.h"
#include "service/control/control.h"
#include "service/engine/engine.h"
#include "service/worker/facts.h"
#include "service/worker/ledger.h"
#include "service/worker/place.h"
#include "service/worker/query_keeper.h"
#include "service/worker/sandbox.h"
#include "service/worker/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MODULE "worker"
#include "base/log.h"

/* Refusals belong to no upstream; the ledger keeps them under this name. */
#define BLOCKED_NAME "(blocked)"

struct worker {
    struct loop *loop;
    struct wire wire;
    struct watch *ipc;
    struct config *config;
    struct engine *engine;
    struct ledger ledger;
    struct query_keeper queries;
    struct control *control;
    struct place place;
    struct facts facts;
    /* Handed over before the start. */
    int listeners[IPC_FDS_MAX];
    size_t listener_count;
    int control_fd, state_dir;
    uint64_t wakes_at_ping;
    int exit_status;
    bool is_stopped; /* orders that follow are not carried out any more */
};

static void stop(struct worker *worker, int exit_status)
{
    if (!worker->is_stopped)
        worker->exit_status = exit_status;
    worker->is_stopped = worker->wire.is_closed = true;
    loop_stop(worker->loop);
}

static void on_wire_broken(void *owner)
{
    stop(owner, 1);
}

/* --- what the engine asks -------------------------------------------------------------------- */

static void admit(void *owner, const struct address *address, int protocol)
{
    struct worker *worker = owner;
    wire_ask_fence(&worker->wire, IPC_ADMIT, address, protocol);
}

static void withdraw(void *owner, const struct address *address, int protocol)
{
    struct worker *worker = owner;
    wire_ask_fence(&worker->wire, IPC_WITHDRAW, address, protocol);
}

static void report(void *owner, enum health_state state, const char *reason, const char *upstream)
{
    struct worker *worker = owner;
    wire_report(&worker->wire, state, reason, upstream);
}

static struct tally *find_tally(void *owner, const char *upstream)
{
    struct worker *worker = owner;
    return ledger_tally(&worker->ledger, upstream);
}

static void on_blocked(void *owner)
{
    find_tally(owner, BLOCKED_NAME)->blocked++;
}

/* --- orders ---------------------------------------------------------------------------------- */

static int read_config(const int *fds, size_t count, struct config **ret,
                       struct config_error *error)
{
    if (count == 0)
        return config_parse("(default)", NULL, 0, ret, error);
    return config_read(CONFIG_PATH, fds[0], ret, error);
}

/* The supervisor says it, once. */
static void fail(struct worker *worker, int err, const char *text)
{
    wire_say(&worker->wire, IPC_FAILED, err, text);
    stop(worker, 1);
}

/* --- the other workers ------------------------------------------------------------------------ */

/* Another one began to count: what it counts is ours to book. */
static void on_sibling_counting(void *owner)
{
    struct worker *worker = owner;
    if (worker->ledger.usage)
        usage_note(worker->ledger.usage);
}

static void on_counting(void *owner)
{
    struct worker *worker = owner;
    if (worker->control)
        control_note_counting(worker->control);
}

/* --- configuration and start ------------------------------------------------------------------ */

static void take_config(struct worker *worker, const int *fds, size_t count)
{
    struct config_error error = {"out of memory"};
    struct engine_error engine_error = {"out of memory"};
    struct config *config;
    int err = read_config(fds, count, &config, &error);

    if (err < 0) {
        if (worker->engine)
            wire_say(&worker->wire, IPC_CONFIGURED, err, error.text);
        else
            fail(worker, err, error.text);
        return;
    }
    config_divide(config, worker->place.count);
    if (worker->engine) {
        err = engine_configure(worker->engine, config, &engine_error);
        wire_say(&worker->wire, IPC_CONFIGURED, err, err < 0 ? engine_error.text : "");
    }
    if (err < 0) {
        config_unref(config);
        return;
    }
    log_setup(config->log_level, config->log_names);
    config_unref(worker->config);
    worker->config = config;
    if (worker->engine)
        query_keeper_set(&worker->queries, config, worker->engine);
}

static int open_ledger(struct worker *worker)
{
    int err = ledger_open(&worker->ledger, worker->loop, worker->state_dir, worker->place.number,
                          worker->place.count, on_counting, worker);
    return err < 0 ? err
                   : query_keeper_open(&worker->queries, worker->loop, worker->state_dir,
                                       &worker->wire);
}

static int open_engine(struct worker *worker, struct engine_error *error)
{
    const struct engine_host host = {admit, withdraw, report, find_tally, on_blocked, worker};
    int err;

    worker->engine = engine_new(worker->loop, &host);
    err = worker->engine ? 0 : -ENOMEM;
    if (err == 0 && worker->place.names_fd >= 0)
        err = engine_share_names(worker->engine, worker->place.names_fd);
    if (err < 0)
        return err;
    engine_set_state_dir(worker->engine, worker->state_dir);
    err = engine_keep_rules(worker->engine, worker->state_dir);
    if (err < 0)
        log_error("your own rules end with this worker err=\"%s\"", err_text(err));
    err = engine_configure(worker->engine, worker->config, error);
    if (err == 0)
        query_keeper_set(&worker->queries, worker->config, worker->engine);
    return err;
}

static int open_control(struct worker *worker)
{
    int listener = worker->control_fd;
    struct control_source source = facts_source(&worker->facts);
    struct control_options options = {.group = getgid(),
                                      .source = &source,
                                      .usage = worker->ledger.usage,
                                      .query_log = worker->queries.log,
                                      .consent = worker->queries.consent,
                                      .siblings = worker->place.siblings};
    int err;

    worker->facts = (struct facts){worker->loop, worker->engine, worker->queries.journal,
                                   loop_now_ms(worker->loop)};
    worker->control_fd = -1;
    err = control_open(worker->loop, listener, &options, &worker->control);
    return err < 0 ? err : place_serve(&worker->place, worker->control);
}

static int open_doors(struct worker *worker)
{
    size_t count = worker->listener_count;
    int err = 0;

    worker->listener_count = 0;
    if (count > 0)
        err = engine_listen(worker->engine, worker->listeners, count);
    bool is_asked = worker->control_fd >= 0 || worker->place.number > 0;
    if (err == 0 && is_asked)
        err = open_control(worker);
    /* The first worker downloads for all. */
    return err == 0 && worker->place.number == 0 ? engine_download_lists(worker->engine) : err;
}

static void start(struct worker *worker)
{
    struct engine_error error = {""};
    int err = 0;

#ifndef ATLANTIC_NO_SANDBOX /* sanitizers look into their own process in ways that it forbids */
    err = sandbox_enter();
#endif
    if (err == 0)
        err = open_ledger(worker);
    if (err == 0)
        err = open_engine(worker, &error);
    if (err == 0)
        err = open_doors(worker);
    if (err < 0)
        fail(worker, err, error.text[0] ? error.text : err_text(err));
    else
        wire_say(&worker->wire, IPC_READY, 0, "");
}

static void take_listeners(struct worker *worker, const int *fds, size_t count)
{
    if (worker->engine) {
        int err = engine_listen(worker->engine, fds, count);
        if (err < 0)
            log_error("local endpoint does not open err=\"%s\"", err_text(err));
        return;
    }
    memcpy(worker->listeners, fds, count * sizeof(*fds));
    worker->listener_count = count;
}

static void take_tun(struct worker *worker, int fd, bool with_vnet)
{
    int err = engine_tun_attach(worker->engine, fd, with_vnet);
    if (err < 0) {
        log_error("cannot use the TUN device err=\"%s\"", err_text(err));
        report(worker, HEALTH_BLOCKED, "the worker cannot use the TUN device", "");
    }
}

static void say_alive(struct worker *worker, bool is_busy)
{
    wire_send(&worker->wire, &(struct ipc_message){.kind = IPC_PONG, .flag = is_busy});
}

static void on_wake(void *owner)
{
    say_alive(owner, true);
}

/* Two processes that have nothing to do shall not wake each other every few seconds to say so. */
static void answer_ping(struct worker *worker)
{
    uint64_t wakes = loop_wakes(worker->loop);
    bool is_busy = wakes - worker->wakes_at_ping > 1;

    worker->wakes_at_ping = wakes;
    say_alive(worker, is_busy);
    if (!is_busy)
        loop_on_wake(worker->loop, on_wake, worker);
}

static void carry_out(struct worker *worker, const struct ipc_message *message, int *fds,
                      size_t *count)
{
    size_t given = *count;

    switch ((enum ipc_kind)message->kind) {
    case IPC_CONFIG: take_config(worker, fds, given); return; /* read; closed by the caller */
    case IPC_LISTEN:
        *count = 0;
        take_listeners(worker, fds, given);
        return;
    case IPC_CONTROL:
        *count = 0;
        worker->control_fd = given ? fds[0] : -1;
        return;
    case IPC_STATE_DIR:
        *count = 0;
        worker->state_dir = given ? fds[0] : -1;
        return;
    case IPC_PLACE:
        *count = 0;
        place_take(&worker->place, worker->loop, (unsigned)message->value, message->flag,
                   given ? fds[0] : -1, on_sibling_counting, worker);
        return;
    case IPC_SIBLING:
        *count = 0;
        if (given)
            place_take_sibling(&worker->place, (unsigned)message->value, fds[0], worker->control);
        return;
    case IPC_START: start(worker); return;
    case IPC_TUN:
        *count = 0;
        if (given)
            take_tun(worker, fds[0], message->flag);
        return;
    case IPC_TUN_OFF:
        engine_tun_detach(worker->engine);
        wire_say(&worker->wire, IPC_TUN_RELEASED, 0, "");
        return;
    case IPC_ADMITTED:
        engine_admitted(worker->engine, &message->address, (int)message->flag, message->value);
        return;
    case IPC_OWNER: journal_take(worker->queries.journal, message); return;
    case IPC_PING: answer_ping(worker); return;
    case IPC_STOP: stop(worker, 0); return;
    default: return; /* ipc_receive lets no other kind through */
    }
}

static bool needs_start(enum ipc_kind kind)
{
    return kind == IPC_TUN || kind == IPC_TUN_OFF || kind == IPC_ADMITTED || kind == IPC_OWNER;
}

static void on_ipc(void *owner, int events, int err)
{
    struct worker *worker = owner;
    struct ipc_message message;
    int fds[IPC_FDS_MAX];
    size_t count;

    (void)events;
    while (err == 0 && !worker->is_stopped &&
           (err = ipc_receive(worker->wire.fd, false, &message, fds, &count)) == 0) {
        if (needs_start(message.kind) && !worker->engine)
            err = -EPROTO;
        else
            carry_out(worker, &message, fds, &count);
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    }
    if (err == -EAGAIN || worker->is_stopped)
        return;
    log_notice("the supervisor is gone, stopping err=\"%s\"", err_text(err));
    watch_set(worker->ipc, 0);
    stop(worker, 1);
}

/* --- life ------------------------------------------------------------------------------------ */

int worker_new(struct loop *loop, int ipc_fd, struct worker **ret)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    int err = -ENOMEM;

    if (worker) {
        worker->loop = loop;
        worker->wire = (struct wire){ipc_fd, on_wire_broken, worker, false};
        worker->control_fd = worker->state_dir = -1;
        place_init(&worker->place);
        worker->exit_status = 1;
        err = watch_open(loop, ipc_fd, on_ipc, worker, &worker->ipc);
    }
    if (err == 0)
        err = watch_set(worker->ipc, WATCH_READ);
    if (err < 0) {
        if (!worker)
            close(ipc_fd);
        worker_free(worker);
        return err;
    }
    *ret = worker;
    return 0;
}

static void close_given(int fd)
{
    if (fd >= 0)
        close(fd);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    control_close(worker->control);
    place_done(&worker->place);
    engine_free(worker->engine);
    ledger_close(&worker->ledger);
    query_keeper_close(&worker->queries);
    config_unref(worker->config);
    for (size_t i = 0; i < worker->listener_count; i++)
        close(worker->listeners[i]);
    close_given(worker->control_fd);
    close_given(worker->state_dir);
    watch_close(worker->ipc);
    close(worker->wire.fd);
    free(worker);
}

int worker_exit_status(const struct worker *worker)
{
    return worker->exit_status;
}
