/* The root half: holds what must not die with the worker, starts the worker, and does on the host
 * what people ask for. Parses nothing that came from the network. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/loop.h"
#include "service/supervisor/exit_status.h"

#include <stdbool.h>

struct supervisor;

/* Borrowed for the whole life. */
struct supervisor_options {
    const char *config_path; /* NULL: the usual one, if it is there */
    const char *run_dir, *state_dir;
    const char *worker; /* the program */
    bool turns_on;      /* the wish is on from now on */
};

/* Checks everything that can be wrong and says it in one line. When the wish is on, the fence is
 * armed before anything else can fail. */
enum exit_status supervisor_open(struct loop *loop, const struct supervisor_options *options,
                                 struct supervisor **ret);
/* Until it is told to end: SIGTERM leaves the fence armed if the wish is on, SIGINT switches off.
 */
enum exit_status supervisor_run(struct supervisor *supervisor);
void supervisor_close(struct supervisor *supervisor); /* NULL is accepted */

#endif
