/* The unprivileged half as a process: started under its own user with one descriptor and nothing
 * else, listened to, asked for signs of life, ended, and started again after ever longer pauses.
 * What is said to it and what its messages mean is the supervisor's business. */
#ifndef SUPERVISOR_WORKER_H
#define SUPERVISOR_WORKER_H

#include "base/loop.h"
#include "service/ipc.h"

#include <sys/types.h>

enum { WORKER_WIRE_FD = 3 }; /* where it finds its end of the wire */

struct worker;

struct worker_options {
    const char *program; /* borrowed */
    uid_t user;
    gid_t group;
};

struct worker_events {
    /* It runs and hears: tell it what it needs. */
    void (*on_started)(void *owner);
    /* Everything but IPC_PONG; the message is sound as ipc.h says. */
    void (*on_message)(void *owner, const struct ipc_message *message);
    /* It ended by itself or was killed (err 0), or could not be run (err < 0); `why` is a sentence.
     */
    void (*on_gone)(void *owner, int err, const char *why);
    /* The answer to worker_stop. */
    void (*on_stopped)(void *owner);
};

int worker_new(struct loop *loop, const struct worker_options *options,
               const struct worker_events *events, void *owner, struct worker **ret);
/* Kills what still runs. NULL is accepted. */
void worker_free(struct worker *worker);

/* SIGCHLD arrived, for this one perhaps. */
void worker_collect(struct worker *worker);

/* Start it now, and again whenever it ends, until worker_stop. */
void worker_start(struct worker *worker);
/* Ask it to end; killed if it takes long. on_stopped comes from the loop. */
void worker_stop(struct worker *worker);
/* End it and start it again at once. */
void worker_restart(struct worker *worker);
/* A message it cannot take is the end of it: a full wire is a worker that hangs. */
void worker_send(struct worker *worker, const struct ipc_message *message, const int *fds,
                 size_t count);
/* A message that it can do without: dropped where the wire is full. */
void worker_offer(struct worker *worker, const struct ipc_message *message);

pid_t worker_pid(const struct worker *worker);     /* 0 while there is none */
bool worker_is_ready(const struct worker *worker); /* it said IPC_READY */
/* In a row; forgotten when one lived in health for a minute. */
unsigned worker_deaths(const struct worker *worker);

/* The pause before start number `deaths` + 1: 0.2 s doubling to 30 s. Pure. */
uint64_t worker_pause_ms(unsigned deaths);

#endif
