/* The protection of this host as one thing: fence, TUN device, routes; kept whole against whatever
 * others do to it. Block first, then connect; the fence goes last. */
#ifndef SUPERVISOR_PROTECTION_H
#define SUPERVISOR_PROTECTION_H

#include "base/loop.h"
#include "service/config.h"

#include <sys/types.h>

struct protection;

struct protection_events {
    loop_fn *on_tun;    /* the TUN was made anew: the old descriptor is dead */
    loop_fn *on_change; /* protection_trouble says something else now */
};

struct protection_error {
    char text[640];
};

int protection_new(struct loop *loop, const char *run_dir, const struct protection_events *events,
                   void *owner, struct protection **ret);
/* Leaves the fence as it is. NULL is accepted. */
void protection_free(struct protection *protection);

/* How many workers share the TUN, each with a queue of its own; before the first protection_up. One
 * until then. */
void protection_set_queues(struct protection *protection, unsigned queues);

/* Before anything else, and at each reload: what may be admitted follows at once; the TUN's
 * settings and the worker's user wait until the next protection_up. `config` is borrowed until the
 * next. */
int protection_configure(struct protection *protection, const struct config *config, uid_t worker,
                         struct protection_error *error);

/* Nothing may leave but link upkeep. */
int protection_lock(struct protection *protection, struct protection_error *error);
/* Fence, TUN, routes. < 0: as far as it went it is undone, but for the fence. */
int protection_up(struct protection *protection, struct protection_error *error);
/* The same, and tried again every few seconds while it fails; trouble tells. */
void protection_keep_up(struct protection *protection);
/* Device, routes and settings as they were; the fence stays. Idempotent, also for leftovers. */
int protection_down(struct protection *protection, struct protection_error *error);
/* The fence goes. Idempotent. */
int protection_open(struct protection *protection, struct protection_error *error);

/* The requests of the worker of this number: 0 or < 0. UDP and TCP by IPPROTO_*. An endpoint is
 * admitted as long as one of them wants it. */
int protection_admit(struct protection *protection, unsigned worker, const struct address *address,
                     int protocol);
int protection_withdraw(struct protection *protection, unsigned worker,
                        const struct address *address, int protocol);
/* A new one begins: what the last one asked for is withdrawn. */
void protection_forget_worker(struct protection *protection, unsigned worker);

/* What this worker carried is lost: the applications are told. */
void protection_cut(const struct protection *protection, unsigned worker);

bool protection_is_armed(const struct protection *protection);
bool protection_is_up(const struct protection *protection);
/* The queue of this worker, borrowed; -1: none for it, or down. */
int protection_queue(const struct protection *protection, unsigned worker, bool *ret_has_vnet);
const char *protection_tun(const struct protection *protection);     /* name; "" while down */
const char *protection_trouble(const struct protection *protection); /* "" for none */

#endif
