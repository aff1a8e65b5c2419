/* How the whole service stands, in one picture: told to systemd and to the log when it changes, and
 * to people when they ask. Of several workers the one that is worst off decides. */
#ifndef SUPERVISOR_OVERVIEW_H
#define SUPERVISOR_OVERVIEW_H

#include "base/loop.h"
#include "service/supervisor/crew.h"
#include "service/supervisor/power.h"
#include "service/supervisor/protection.h"

/* Embedded in its owner. */
struct overview {
    /* Borrowed, and set before the loop runs. */
    const struct protection *protection;
    const struct crew *crew;
    bool is_ending; /* kept by the owner */

    struct loop *loop;
    uint64_t started_at_ms;
    struct deferred changed;
    const char *state; /* as last told */
    int64_t since;
};

void overview_init(struct overview *overview, struct loop *loop);
void overview_done(struct overview *overview);
/* Something may stand otherwise: look soon. */
void overview_changed(struct overview *overview);
/* Look now. Of *ret all but the wish and the reason for fewer workers is filled in; `workers` has
 * room for CREW_MAX and belongs to it. */
void overview_describe(struct overview *overview, struct power_worker *workers,
                       struct power_status *ret);

#endif
