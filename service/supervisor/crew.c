#define LOG_MODULE "supervisor"

#include "service/supervisor/crew.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/tun_device.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static_assert((int)CREW_MAX <= (int)TUN_QUEUES_MAX, "each has a queue");

struct member {
    struct crew *crew;
    unsigned number;
    struct worker *worker;
    struct report report;
    bool is_stopped;
};

struct crew {
    struct crew_events events;
    void *owner;
    unsigned size;
    struct member members[CREW_MAX];
    int names_fd;  /* -1: one alone shares nothing */
    bool is_whole; /* the others were started too */
    bool is_stopping;
};

unsigned crew_choose_size(unsigned configured, char ret_why[CREW_WHY_MAX])
{
    unsigned size = configured ? configured : 1;
    ret_why[0] = '\0';
    if (size > CREW_MAX)
        size = CREW_MAX;
    if (size == 1)
        return 1;
    int err = tun_device_probe_queues();
    if (err == 0)
        return size;
    snprintf(ret_why, CREW_WHY_MAX, "this kernel cannot share the TUN among workers: %s",
             err_text(err));
    return 1;
}

/* Anonymous memory of a fixed size: nobody can cut it short under a reader. */
static int open_names(int *ret_fd)
{
    int fd = memfd_create("atlantic-names", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, IPC_NAMES_BYTES) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

/* What is said and how it is heard */

static void tell_place(const struct member *member)
{
    const struct crew *crew = member->crew;
    struct ipc_message message = {
        .kind = IPC_PLACE, .value = (int32_t)member->number, .flag = crew->size};
    worker_send(member->worker, &message, &crew->names_fd, crew->names_fd >= 0);
}

static void tell_sibling(const struct member *member, unsigned other, int wire)
{
    struct ipc_message message = {.kind = IPC_SIBLING, .value = (int32_t)other};
    worker_send(member->worker, &message, &wire, 1);
}

static void connect_to_first(struct crew *crew, unsigned number)
{
    int wires[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, wires) < 0) {
        log_warning("the first worker cannot ask another worker=%u: %s", number + 1,
                    err_text(-errno));
        return;
    }
    tell_sibling(&crew->members[0], number, wires[0]);
    tell_sibling(&crew->members[number], 0, wires[1]);
    close(wires[0]);
    close(wires[1]);
}

/* A wire ends with either of its ends, so each start makes new ones. */
static void introduce(const struct member *fresh)
{
    struct crew *crew = fresh->crew;
    tell_place(fresh);
    for (unsigned i = 1; i < crew->size; i++) {
        bool concerns = fresh->number == 0 || fresh->number == i;
        if (concerns && worker_pid(crew->members[i].worker) > 0 &&
            worker_pid(crew->members[0].worker) > 0)
            connect_to_first(crew, i);
    }
}

static void on_started(void *owner)
{
    struct member *member = owner;
    struct crew *crew = member->crew;
    report_worker_is_new(&member->report);
    introduce(member);
    crew->events.on_started(crew->owner, member->number);
}

static void start_others(struct crew *crew)
{
    crew->is_whole = true;
    for (unsigned i = 1; i < crew->size && !crew->is_stopping; i++)
        worker_start(crew->members[i].worker);
}

static void on_message(void *owner, const struct ipc_message *message)
{
    struct member *member = owner;
    struct crew *crew = member->crew;
    if (message->kind == IPC_READY)
        report_worker_is_ready(&member->report);
    else if (message->kind == IPC_FAILED)
        report_take_failure(&member->report, message);
    else if (message->kind == IPC_REPORT && report_take(&member->report, message) < 0)
        log_warning("the worker reports a state that does not exist worker=%u", member->number + 1);
    crew->events.on_message(crew->owner, member->number, message);
    if (message->kind == IPC_READY && !crew->is_whole)
        start_others(crew);
}

static void on_gone(void *owner, int err, const char *why)
{
    struct member *member = owner;
    report_worker_is_gone(&member->report, why);
    member->crew->events.on_gone(member->crew->owner, member->number, err, why);
}

static void on_stopped(void *owner)
{
    struct member *member = owner;
    struct crew *crew = member->crew;
    member->is_stopped = true;
    for (unsigned i = 0; i < crew->size; i++)
        if (!crew->members[i].is_stopped)
            return;
    crew->events.on_stopped(crew->owner);
}

static void on_child_signal(void *owner, int number)
{
    struct crew *crew = owner;
    (void)number;
    for (unsigned i = 0; i < crew->size; i++)
        worker_collect(crew->members[i].worker);
}

/* Life */

static int open_member(struct crew *crew, unsigned number, struct loop *loop,
                       const struct worker_options *options)
{
    static const struct worker_events events = {on_started, on_message, on_gone, on_stopped};
    struct member *member = &crew->members[number];
    member->crew = crew;
    member->number = number;
    return worker_new(loop, options, &events, member, &member->worker);
}

int crew_new(struct loop *loop, const struct worker_options *options, unsigned size,
             const struct crew_events *events, void *owner, struct crew **ret)
{
    struct crew *crew = calloc(1, sizeof(*crew));
    int err = crew ? 0 : -ENOMEM;
    if (err < 0)
        return err;
    crew->events = *events;
    crew->owner = owner;
    crew->size = size;
    crew->names_fd = -1;
    for (unsigned i = 0; err == 0 && i < size; i++)
        err = open_member(crew, i, loop, options);
    if (err == 0 && size > 1)
        err = open_names(&crew->names_fd);
    if (err == 0)
        err = loop_on_signal(loop, SIGCHLD, on_child_signal, crew);
    if (err < 0) {
        crew_free(crew);
        return err;
    }
    *ret = crew;
    return 0;
}

void crew_free(struct crew *crew)
{
    if (!crew)
        return;
    for (unsigned i = 0; i < crew->size; i++)
        worker_free(crew->members[i].worker);
    if (crew->names_fd >= 0)
        close(crew->names_fd);
    free(crew);
}

void crew_start(struct crew *crew)
{
    worker_start(crew->members[0].worker);
}

void crew_stop(struct crew *crew)
{
    crew->is_stopping = true;
    for (unsigned i = 0; i < crew->size; i++)
        worker_stop(crew->members[i].worker);
}

void crew_restart(struct crew *crew)
{
    for (unsigned i = 0; i < crew->size; i++)
        if (i == 0 || crew->is_whole)
            worker_restart(crew->members[i].worker);
}

unsigned crew_size(const struct crew *crew)
{
    return crew->size;
}

struct worker *crew_worker(const struct crew *crew, unsigned number)
{
    return crew->members[number].worker;
}

const struct report *crew_report(const struct crew *crew, unsigned number)
{
    return &crew->members[number].report;
}

void crew_add_facts(const struct crew *crew, unsigned number, struct standing_facts *facts)
{
    const struct member *member = &crew->members[number];
    facts->worker_is_ready = worker_is_ready(member->worker);
    facts->worker_deaths = worker_deaths(member->worker);
    facts->worker_trouble = member->report.trouble;
    facts->has_report = member->report.is_known;
    facts->report = member->report.state;
    facts->report_reason = member->report.reason;
}

bool crew_has_ready(const struct crew *crew)
{
    for (unsigned i = 0; i < crew->size; i++)
        if (worker_is_ready(crew->members[i].worker))
            return true;
    return false;
}
