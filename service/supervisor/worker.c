#include "service/supervisor/worker.h"

#include "base/err.h"
#include "service/supervisor/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIRST_PAUSE_MS = 200,
    LONGEST_PAUSE_MS = 30 * 1000,
    HEALTHY_MS = 60 * 1000,
    PING_MS = 5 * 1000,
    PINGS_MISSED_MAX = 3,
    START_MS = 60 * 1000, /* large lists are compiled before it is ready */
    STOP_MS = 3 * 1000,
    PATH_MAX_SHOWN = 256,
};

struct worker {
    struct loop *loop;
    struct worker_options options;
    struct worker_events events;
    void *owner;
    pid_t pid; /* 0 while there is none */
    int wire;  /* -1 while there is none */
    struct watch *watch;
    struct timer pause, health; /* until the next start; until the next sign of life is due */
    struct deferred stopped;
    bool is_wanted, is_ready, is_stopping;
    unsigned deaths, pings_missed;
    uint64_t ready_at_ms;
    char why[160]; /* we ended it; "" when it ended by itself */
};

uint64_t worker_pause_ms(unsigned deaths)
{
    uint64_t pause = FIRST_PAUSE_MS;
    for (unsigned i = 1; i < deaths && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

static void close_wire(struct worker *worker)
{
    watch_close(worker->watch);
    worker->watch = NULL;
    if (worker->wire >= 0)
        close(worker->wire);
    worker->wire = -1;
}

/* The rest happens when the kernel says that it is gone. */
static void end(struct worker *worker, const char *why)
{
    if (worker->pid == 0)
        return;
    if (!worker->why[0])
        snprintf(worker->why, sizeof(worker->why), "%s", why);
    close_wire(worker);
    kill(worker->pid, SIGKILL);
}

static void start_again(struct worker *worker)
{
    if (worker->is_wanted)
        timer_start(&worker->pause, worker->deaths ? worker_pause_ms(worker->deaths) : 0);
}

static void forget_process(struct worker *worker)
{
    close_wire(worker);
    timer_stop(&worker->health);
    worker->pid = 0;
    worker->is_ready = worker->is_stopping = false;
    worker->pings_missed = 0;
}

static void count_death(struct worker *worker)
{
    bool was_healthy =
        worker->is_ready && loop_now_ms(worker->loop) - worker->ready_at_ms >= HEALTHY_MS;
    worker->deaths = was_healthy ? 1 : worker->deaths + 1;
}

static void take_end(struct worker *worker, int wait_status)
{
    char how[96], why[sizeof(worker->why) + sizeof(how) + 16];
    process_describe_end(wait_status, how, sizeof(how));
    if (worker->why[0])
        snprintf(why, sizeof(why), "the worker %s", worker->why);
    else
        snprintf(why, sizeof(why), "the worker %s", how);
    bool was_asked = worker->is_stopping;
    if (was_asked)
        worker->deaths = 0;
    else
        count_death(worker);
    forget_process(worker);
    start_again(worker);
    if (!worker->is_wanted)
        worker->events.on_stopped(worker->owner);
    else if (!was_asked)
        worker->events.on_gone(worker->owner, 0, why);
}

void worker_collect(struct worker *worker)
{
    int wait_status;
    if (worker->pid <= 0 || waitpid(worker->pid, &wait_status, WNOHANG | WUNTRACED) != worker->pid)
        return;
    if (!WIFSTOPPED(wait_status))
        take_end(worker, wait_status);
    else if (!timer_is_active(&worker->health)) /* asleep, and it will not say when it wakes up */
        timer_start(&worker->health, PING_MS);
}

/* One that sleeps in its loop is not asked again: it says when it wakes up. */
static void take_sign_of_life(struct worker *worker, bool is_busy)
{
    worker->pings_missed = 0;
    if (!worker->is_ready || worker->is_stopping)
        return;
    if (!is_busy)
        timer_stop(&worker->health);
    else if (!timer_is_active(&worker->health))
        timer_start(&worker->health, PING_MS);
}

static void receive_one(struct worker *worker, const struct ipc_message *message)
{
    if (message->kind == IPC_PONG) {
        take_sign_of_life(worker, message->flag);
        return;
    }
    if (message->kind == IPC_READY) {
        worker->is_ready = true;
        worker->ready_at_ms = loop_now_ms(worker->loop);
        timer_start(&worker->health, PING_MS);
    }
    worker->events.on_message(worker->owner, message);
}

/* Mostly it is dead already, and its own exit status tells more than our signal would. */
static void take_end_of_wire(struct worker *worker)
{
    close_wire(worker);
    if (!worker->is_stopping)
        kill(worker->pid, SIGKILL);
}

static void on_wire(void *owner, int events, int err)
{
    struct worker *worker = owner;
    int fds[IPC_FDS_MAX];
    size_t count;
    struct ipc_message message;
    (void)events;
    if (err == 0)
        err = ipc_receive(worker->wire, true, &message, fds, &count);
    if (err == 0)
        receive_one(worker, &message);
    else if (err == ERR_EOF)
        take_end_of_wire(worker);
    else if (err != -EAGAIN)
        end(worker, "sent a message that does not fit");
}

static void on_health(void *owner)
{
    struct worker *worker = owner;
    if (worker->is_stopping) {
        end(worker, "did not end when asked to");
        return;
    }
    if (!worker->is_ready) {
        end(worker, "did not get ready in a minute");
        return;
    }
    if (worker->pings_missed == PINGS_MISSED_MAX) {
        end(worker, "showed no sign of life");
        return;
    }
    worker->pings_missed++;
    timer_start(&worker->health, PING_MS);
    worker_send(worker, &(struct ipc_message){.kind = IPC_PING}, NULL, 0);
}

static int start_process(struct worker *worker)
{
    int wires[2];
    int err = ipc_pair(wires);
    if (err < 0)
        return err;
    struct process_options options = {.program = worker->options.program,
                                      .user = worker->options.user,
                                      .group = worker->options.group,
                                      .fd = wires[1],
                                      .fd_as = WORKER_WIRE_FD};
    err = process_start(&options, &worker->pid);
    close(wires[1]);
    if (err == 0)
        err = watch_open(worker->loop, wires[0], on_wire, worker, &worker->watch);
    if (err < 0) {
        close(wires[0]);
        return err;
    }
    worker->wire = wires[0];
    watch_set(worker->watch, WATCH_READ);
    return 0;
}

static void on_pause_over(void *owner)
{
    struct worker *worker = owner;
    worker->why[0] = '\0';
    int err = start_process(worker);
    if (err == 0) {
        timer_start(&worker->health, START_MS);
        worker->events.on_started(worker->owner);
        return;
    }
    char why[PATH_MAX_SHOWN + 64];
    snprintf(why, sizeof(why), "cannot run %.*s: %s", PATH_MAX_SHOWN, worker->options.program,
             err_text(err));
    if (worker->pid > 0) { /* runs, but we cannot hear it */
        end(worker, why);
        return;
    }
    count_death(worker);
    start_again(worker);
    worker->events.on_gone(worker->owner, err, why);
}

static void on_stopped(void *owner)
{
    struct worker *worker = owner;
    worker->events.on_stopped(worker->owner);
}

int worker_new(struct loop *loop, const struct worker_options *options,
               const struct worker_events *events, void *owner, struct worker **ret)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->loop = loop;
    worker->options = *options;
    worker->events = *events;
    worker->owner = owner;
    worker->wire = -1;
    timer_init(&worker->pause, loop, on_pause_over, worker);
    timer_init(&worker->health, loop, on_health, worker);
    deferred_init(&worker->stopped, loop, on_stopped, worker);
    *ret = worker;
    return 0;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    timer_stop(&worker->pause);
    timer_stop(&worker->health);
    deferred_cancel(&worker->stopped);
    close_wire(worker);
    if (worker->pid > 0) {
        kill(worker->pid, SIGKILL);
        waitpid(worker->pid, NULL, 0);
    }
    free(worker);
}

void worker_start(struct worker *worker)
{
    worker->is_wanted = true;
    if (worker->pid == 0)
        timer_start(&worker->pause, 0);
}

static void ask_to_end(struct worker *worker)
{
    if (worker->is_stopping)
        return;
    worker_send(worker, &(struct ipc_message){.kind = IPC_STOP}, NULL, 0);
    worker->is_stopping = true;
    timer_start(&worker->health, STOP_MS);
}

void worker_stop(struct worker *worker)
{
    worker->is_wanted = false;
    timer_stop(&worker->pause);
    if (worker->pid > 0)
        ask_to_end(worker);
    else
        deferred_schedule(&worker->stopped);
}

void worker_restart(struct worker *worker)
{
    worker->deaths = 0;
    if (worker->pid > 0)
        ask_to_end(worker);
    else
        worker_start(worker);
}

static int try_to_send(struct worker *worker, const struct ipc_message *message, const int *fds,
                       size_t count)
{
    if (worker->wire < 0 || worker->is_stopping)
        return 0;
    int err = ipc_send(worker->wire, message, fds, count);
    return err == -EPIPE || err == -ECONNRESET ? 0 : err; /* its end is told by SIGCHLD */
}

void worker_send(struct worker *worker, const struct ipc_message *message, const int *fds,
                 size_t count)
{
    int err = try_to_send(worker, message, fds, count);
    if (err == -EAGAIN)
        end(worker, "does not read what it is told");
    else if (err < 0)
        end(worker, "cannot be told anything");
}

void worker_offer(struct worker *worker, const struct ipc_message *message)
{
    (void)try_to_send(worker, message, NULL, 0);
}

pid_t worker_pid(const struct worker *worker)
{
    return worker->pid;
}

bool worker_is_ready(const struct worker *worker)
{
    return worker->is_ready;
}

unsigned worker_deaths(const struct worker *worker)
{
    return worker->deaths;
}
