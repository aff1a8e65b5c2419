/* Where this worker stands among the others: its number, the memory in which they keep names for
 * each other, and the wires by which the first one asks the others. What goes over those is the
 * control socket's protocol (service/control/siblings.h). */
#ifndef SERVICE_WORKER_PLACE_H
#define SERVICE_WORKER_PLACE_H

#include "base/loop.h"

struct control;
struct siblings;

/* Embedded in its owner. */
struct place {
    unsigned number, count;    /* which of how many; 0 of 1 unless we are told */
    int names_fd;              /* -1: there is no such memory */
    int first_fd;              /* where the first one asks us, until it is served; -1: not yet */
    struct siblings *siblings; /* the first one's wires to the others, if there are any */
};

void place_init(struct place *place);
void place_done(struct place *place);
/* Before the start, once. Takes `names_fd`, -1 for none. `on_counting`: another one began to count.
 */
void place_take(struct place *place, struct loop *loop, unsigned number, unsigned count,
                int names_fd, loop_fn *on_counting, void *owner);
/* A wire to the worker of this number, at any time. Takes `fd`. `control` is NULL before the start.
 */
void place_take_sibling(struct place *place, unsigned number, int fd, struct control *control);
/* Our control answers the first one from now on, if it has asked to. 0 or < 0. */
int place_serve(struct place *place, struct control *control);

#endif
