/* The one thread: clock, timers, deferred calls, descriptor watches, background jobs, signals.
 * Timers and deferred calls are embedded in their owners and stopped at once; descriptors are
 * watched by epoll directly. libuv, whose handles outlive their owners by a turn and whose polling
 * costs several times the system calls, serves the rest from within this loop.
 *
 * All functions belong to the loop's thread, except the work function of a job. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct uv_loop_s;
struct chunk_pool;

typedef void loop_fn(void *owner);

struct loop *loop_new(void);
/* Everything opened on the loop must have been stopped or closed before. Jobs that still run are
 * waited for. NULL is accepted. */
void loop_free(struct loop *loop);

/* What lives on after its owner has let go of it and belongs to nobody but the loop (a closed
 * socket that waits for its peer), embedded in it. `fn` is called by loop_free at the latest and
 * frees it; one that goes before that leaves by list_remove(&guest->node). */
struct loop_guest {
    loop_fn *fn;
    void *owner;
    struct list node;
};
void loop_add_guest(struct loop *loop, struct loop_guest *guest, loop_fn *fn, void *owner);

/* Returns when loop_stop was called, or when nothing is left that could wake it. */
void loop_run(struct loop *loop);
/* One turn: wait at most `wait_ms` (0: do not wait), then run what is due. For tests. */
void loop_run_once(struct loop *loop, uint64_t wait_ms);
void loop_stop(struct loop *loop);

/* How often it was woken so far: by a descriptor, or because a timer was due. */
uint64_t loop_wakes(const struct loop *loop);
/* `fn` runs once, when it is woken the next time, before anything else does. NULL takes it back. */
void loop_on_wake(struct loop *loop, loop_fn *fn, void *owner);

/* Monotonic, cached at the start of each turn. */
uint64_t loop_now_ms(const struct loop *loop);
/* Tests only: from now on the clock stands still and moves by this call alone. */
void loop_fake_clock(struct loop *loop, uint64_t now_ms);
struct uv_loop_s *loop_uv(struct loop *loop);
struct chunk_pool *loop_chunks(struct loop *loop);

/* One-shot timer, embedded in its owner. Start again to move it. A stopped timer costs nothing
 * and wakes nobody. Callbacks come from the loop, never from timer_start. */
struct timer {
    struct loop *loop;
    loop_fn *fn;
    void *owner;
    uint64_t due_at_ms;
    size_t heap_index; /* 0 when stopped */
};
void timer_init(struct timer *timer, struct loop *loop, loop_fn *fn, void *owner);
int timer_start(struct timer *timer, uint64_t delay_ms); /* 0 or -ENOMEM */
void timer_stop(struct timer *timer);
bool timer_is_active(const struct timer *timer);

/* A call that comes from the loop, soon, once, however often it was scheduled meanwhile. */
struct deferred {
    struct loop *loop;
    loop_fn *fn;
    void *owner;
    struct list node;
};
void deferred_init(struct deferred *deferred, struct loop *loop, loop_fn *fn, void *owner);
void deferred_schedule(struct deferred *deferred);
/* The same for large work that can wait: a few such calls in each turn, in the order of their
 * asking, after all others; then descriptors are looked at again. */
void deferred_postpone(struct deferred *deferred);
void deferred_cancel(struct deferred *deferred);

/* Readiness of a descriptor, level triggered. An error or a hang-up shows as whatever was asked
 * for: reading or writing tells what it is. With WATCH_EDGE each change is told once, whether or
 * not somebody has read or written since; then WATCH_END in the events says that an end, an error
 * or a mark of urgent data lies behind what can still be read at once. The watch is a small object
 * of its own because the kernel may already have named it in this turn; after watch_close the
 * pointer is dead to the owner and `fn` is not called again. The descriptor is not closed by the
 * watch: close it after watch_close. One watch per descriptor. A new watch is paused. */
enum watch_events {
    WATCH_READ = 1,
    WATCH_WRITE = 2,
    WATCH_EDGE = 4, /* asked for, beside the others */
    WATCH_END = 8   /* told, where WATCH_EDGE was asked for */
};
struct watch;
typedef void watch_fn(void *owner, int events, int err); /* err: 0 or a negative code */
int watch_open(struct loop *loop, int fd, watch_fn *fn, void *owner, struct watch **ret);
/* The same, and waits for `events` from the start: one system call less. */
int watch_open_for(struct loop *loop, int fd, int events, watch_fn *fn, void *owner,
                   struct watch **ret);
int watch_set(struct watch *watch, int events); /* 0 pauses */
void watch_close(struct watch *watch);          /* NULL is accepted */

/* `work` runs on another thread with no access to the loop or to anything shared and mutable;
 * `done` runs on the loop. Returns 0 or a negative code (then neither runs). A job cannot be
 * cancelled: `done` must cope with an owner that lost interest. */
int loop_run_job(struct loop *loop, loop_fn *work, loop_fn *done, void *owner);

/* `fn` runs on the loop at each arrival of the signal; one owner per signal. It ends with the loop
 * and does not by itself keep the loop running. */
typedef void loop_signal_fn(void *owner, int signal);
int loop_on_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *owner);

#endif
