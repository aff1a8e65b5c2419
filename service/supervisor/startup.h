/* The first steps of the supervisor, in the order of safety: whose run folder it is, what the user
 * wished, the fence if that was on, and only then everything that can be wrong. */
#ifndef SUPERVISOR_STARTUP_H
#define SUPERVISOR_STARTUP_H

#include "service/supervisor/protection.h"
#include "service/supervisor/provisions.h"

struct startup_options {
    const char *config_path, *run_dir, *state_dir;
};

struct startup {
    int lock_fd;                   /* held as long as the supervisor lives */
    bool was_wished;               /* on, before this start */
    struct protection *protection; /* armed if was_wished, else this host is clean */
    struct provisions provisions;
    unsigned workers;               /* how many there are to be */
    char workers_why[CREW_WHY_MAX]; /* fewer than configured: why */
};

/* EXIT_FINE, or the status to end with after the one line that was logged. `events` and `owner` are
 * the protection's. */
enum exit_status startup_run(struct loop *loop, const struct startup_options *options,
                             const struct protection_events *events, void *owner,
                             struct startup *ret);
/* Accepts what startup_run gave, also in part. The fence stays as it is. */
void startup_undo(struct startup *startup);

#endif
