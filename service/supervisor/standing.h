/* How things stand, in the words people see: from the bare facts to a state and a reason. Pure. */
#ifndef SUPERVISOR_STANDING_H
#define SUPERVISOR_STANDING_H

#include "service/ipc.h"

#include <stdbool.h>

enum { STANDING_DEATHS = 3 }; /* so many in a row are no accident */

struct standing_facts {
    bool is_armed;
    bool is_stopping;
    const char *host_trouble;   /* fence, device or routes; "" for none */
    bool worker_is_ready;       /* it said so */
    unsigned worker_deaths;     /* since it was last healthy for a minute */
    const char *worker_trouble; /* how the last one ended, or why it cannot start; "" for none */
    bool has_report;            /* from the worker that lives now */
    enum ipc_state report;
    const char *report_reason;
};

struct standing {
    const char *state;  /* static: off, connecting, on, blocked, failing */
    const char *reason; /* static or borrowed from the facts */
};

struct standing standing_of(const struct standing_facts *facts);
/* Is `a` further from `on` than `b`? */
bool standing_is_worse(const struct standing *a, const struct standing *b);

#endif
