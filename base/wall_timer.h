/* A one-shot timer by the wall clock, for what people ask for ("until eight"): it is due when the
 * clock says so, also after the machine slept, and it is told at once when somebody sets the clock.
 * Nothing is polled. For intervals there is `timer` (base/loop.h). */
#ifndef BASE_WALL_TIMER_H
#define BASE_WALL_TIMER_H

#include "base/loop.h"

#include <stdint.h>

struct wall_timer;

/* `fn` comes from the loop when the time has come or when the clock was set: look at the clock, and
 * start it anew. 0 or < 0. */
int wall_timer_open(struct loop *loop, loop_fn *fn, void *owner, struct wall_timer **ret);
/* Replaces the time before; one that is over is due at once. 0 or < 0. */
int wall_timer_start(struct wall_timer *timer, int64_t at_unix_s);
void wall_timer_stop(struct wall_timer *timer);
void wall_timer_close(struct wall_timer *timer); /* NULL is accepted */

#endif
