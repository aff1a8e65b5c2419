/* power.sock: how people (atlantic, the tray, root's scripts) speak to the supervisor, so that
 * status, on and off work while the worker is down. Lines of text; no JSON in the root half.
 *
 * THE PROTOCOL. A Unix stream socket, RUN_DIR/power.sock (/run/atlantic/power.sock), mode 0660,
 * group atlantic. Accepted are root and members of that group, never the worker's own user; others
 * get one answer with `error`, before they ask, and the connection is closed (a client whose write
 * fails with EPIPE should read all the same).
 *
 * Request: one word and '\n', at most 64 bytes. As many requests as one likes on a connection, one
 * after the other; at most 16 connections at a time, each closed after 60 s of silence.
 *
 *   status        what is
 *   on            protect this host: fence, device, routes; kept as the wish over restarts.
 * Answered when the host is changed, mostly with state=connecting: poll status for `on`. off
 * everything back as it was; the only thing that lifts the fence. Answered when done. restart end
 * the workers and start them again; the fence stays. Answered at once. reload        read the
 * configuration again; answered when the workers have taken it or one refused it. config-check read
 * and check the configuration, change nothing.
 *
 * Answer: lines `key=value`, ended by an empty line. In values a backslash is `\\`, a newline `\n`,
 * any other byte below 0x20 and 0x7f `\xHH`. Unknown keys are to be skipped. First comes
 * `error=TEXT`, only when the request failed (then nothing was changed), and then always, in this
 * order:
 *
 *   state       off | connecting | on | blocked | failing
 *                 off         the host is as if Atlantic were not installed
 *                 connecting  locked; the worker starts or looks for an upstream
 *                 on          locked, and an upstream carries what applications send
 *                 blocked     locked, and for now nothing can be carried: see reason
 *                 failing     locked, and the worker or the device breaks again and again
 *   reason      a sentence for people; may be empty
 *   upstream    name of the upstream in use; may be empty
 *   worker_pid  of the first worker; 0 while there is none
 *   uptime_s    seconds since atlanticd started
 *   fence       armed | open
 *   tun         the device's name; empty while there is none
 *   wish        on | off: what the user asked for last
 *   since       Unix time at which `state` began
 *   version     of atlanticd
 *   workers     how many there are to be
 *   workers_why why there are fewer than were configured; empty
 *   worker.N    for each, N from 1, only where there are several: "PID STATE", or "PID STATE
 * REASON"
 *
 * (base only beside the supervisor's own types: this file must stay readable for whoever writes a
 * client.) */
#ifndef SUPERVISOR_POWER_H
#define SUPERVISOR_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { POWER_REQUEST_MAX = 64, POWER_CLIENTS_MAX = 16, POWER_SILENCE_MS = 60 * 1000 };

enum power_request {
    POWER_STATUS,
    POWER_ON,
    POWER_OFF,
    POWER_RESTART,
    POWER_RELOAD,
    POWER_CONFIG_CHECK,
};

/* One word without its newline; -EINVAL for any other. Pure. */
int power_parse(const char *word, size_t size, enum power_request *ret);

/* One of several workers. */
struct power_worker {
    const char *state, *reason;
    pid_t pid;
};

struct power_status {
    const char *state, *reason, *upstream, *tun;
    pid_t worker_pid;
    uint64_t uptime_s;
    int64_t since;
    bool is_armed, is_wished;
    unsigned worker_count;
    const char *workers_why;
    const struct power_worker *workers; /* not read for one alone */
};

/* The whole answer with its empty line; `error` NULL for none. Allocated, NULL out of memory. Pure.
 */
char *power_format(const struct power_status *status, const char *error);

struct loop;
struct power;
struct power_client;

/* A request is answered exactly once by power_answer, inside the call or later; a client that left
 * meanwhile is no concern of the owner's: the pointer stays good until it is answered. */
typedef void power_fn(void *owner, enum power_request request, struct power_client *client);

struct power_options {
    const char *path;
    gid_t group;
    uid_t worker; /* never served */
};

/* 0 or < 0. The socket is made with a tight umask; a stale one is replaced. */
int power_open(struct loop *loop, const struct power_options *options, power_fn *on_request,
               void *owner, struct power **ret);
void power_answer(struct power_client *client, const struct power_status *status,
                  const char *error);
/* Requests that wait are dropped; their clients must not be answered any more. */
void power_close(struct power *power); /* NULL is accepted */

#endif
