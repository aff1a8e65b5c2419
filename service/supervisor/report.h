/* What the worker says about itself, made fit for people to see: it is not trusted to write to
 * terminals and logs as it likes. */
#ifndef SUPERVISOR_REPORT_H
#define SUPERVISOR_REPORT_H

#include "service/ipc.h"
#include "service/supervisor/standing.h"

struct report {
    bool is_known; /* the worker that lives now has reported */
    enum ipc_state state;
    char reason[IPC_TEXT_MAX];
    char upstream[IPC_NAME_MAX];
    char trouble[IPC_TEXT_MAX + 64]; /* why the last one ended or cannot start */
};

/* IPC_REPORT. -EBADMSG: no such state. */
int report_take(struct report *report, const struct ipc_message *message);
/* IPC_FAILED: its own word counts more than how it ended afterwards. */
void report_take_failure(struct report *report, const struct ipc_message *message);
void report_worker_is_gone(struct report *report, const char *why);
void report_worker_is_new(struct report *report);
/* The trouble is over. */
void report_worker_is_ready(struct report *report);

/* Control characters become spaces. Returns `text`. */
char *report_clean(char *text);

#endif
