/* What the loop leaves to libuv: jobs on its thread pool, signals, and the handles of a library
 * that wants loop_uv(). libuv sleeps in an epoll descriptor of its own; the loop watches that and
 * runs libuv without waiting when there is something to do. For loop.c alone. */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

#include "base/loop.h"

#include <uv.h>

struct background {
    uv_loop_t uv;
    uv_async_t pin; /* see background_is_alive */
    struct list signals;
};

int background_init(struct background *background);
void background_done(struct background *background);
int background_fd(const struct background *background);
/* How long libuv may be left alone: ms, 0 run it now, -1 until its descriptor is readable. */
int background_timeout(struct background *background);
void background_run(struct background *background);
/* Is there a job or a handle that is worth waiting for? */
bool background_is_alive(struct background *background);

/* Where the jobs and signals of a loop live. */
struct background *loop_background(struct loop *loop);

#endif
