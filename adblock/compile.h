/* One set of lists on its way to become a filter.
 *
 * Where there is a folder for it, a large set is found there in its compiled form if nothing has
 * changed, and mapped. Otherwise a child of this process compiles it into that folder, piece by
 * piece: what that takes in memory goes with the child, and its death is not ours. Small sets, and
 * those that find no folder or no room on the disk, are compiled in place. */
#ifndef ADBLOCK_COMPILE_H
#define ADBLOCK_COMPILE_H

#include "adblock/list_plan.h"

struct compile;

enum { COMPILE_IN_PLACE_BYTES = 256 * 1024 }; /* of text; takes some milliseconds */

/* Takes the plan, also on failure. `folder` is borrowed until the end; -1: none. `former` is the
 * filter in force, whose memory may be given back for a while, or NULL; counted. NULL: out of
 * memory. */
struct compile *compile_new(struct list_plan *take_plan, int folder, struct filter *former);
void compile_free(struct compile *compile); /* NULL is accepted */
/* The work itself: blocks, on any thread. Once. */
void compile_run(struct compile *compile);
/* Any thread: nobody waits for it any more, so make it short. */
void compile_cancel(struct compile *compile);
/* After compile_run: the filter, the caller's now; or < 0, and *problem says why. */
int compile_result(struct compile *compile, struct filter **ret, struct filter_problem *problem);

#endif
