#include "base/loop.h"

#include "base/background.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "base/poller.h"
#include "base/timer_heap.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

enum {
    DEFERRED_PASSES = 8, /* deferred calls may defer again; then descriptors get their turn */
    POSTPONED_CALLS = 2, /* of one turn */
    WAIT_FOREVER = -1,
};
static const size_t chunk_limit_bytes = (size_t)128 << 20;
static const size_t chunk_keep_bytes = (size_t)2 << 20;

struct loop {
    struct poller poller; /* where we sleep */
    struct background background;
    struct timer_heap timers;
    struct list deferred, postponed;
    struct list guests;
    struct chunk_pool *chunks;
    uint64_t now_ms;
    uint64_t wakes;
    loop_fn *on_wake; /* of whoever wants to hear of the next one; NULL: nobody */
    void *on_wake_owner;
    bool has_fake_clock;
    bool is_stopping;
    bool is_in_turn;
};

static void update_clock(struct loop *loop)
{
    if (!loop->has_fake_clock)
        loop->now_ms = clock_ms();
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    list_init(&loop->deferred);
    list_init(&loop->postponed);
    list_init(&loop->guests);
    loop->chunks = chunk_pool_new(chunk_limit_bytes, chunk_keep_bytes);
    if (!loop->chunks)
        goto no_chunks;
    if (background_init(&loop->background) < 0)
        goto no_background;
    if (poller_init(&loop->poller, background_fd(&loop->background)) < 0)
        goto no_poller;
    update_clock(loop);
    return loop;

no_poller:
    background_done(&loop->background);
no_background:
    chunk_pool_free(loop->chunks);
no_chunks:
    free(loop);
    return NULL;
}

void loop_add_guest(struct loop *loop, struct loop_guest *guest, loop_fn *fn, void *owner)
{
    guest->fn = fn;
    guest->owner = owner;
    list_append(&loop->guests, &guest->node);
}

static void send_guests_home(struct loop *loop)
{
    struct list *node;
    while ((node = list_take_first(&loop->guests))) {
        struct loop_guest *guest = list_item(node, struct loop_guest, node);
        guest->fn(guest->owner);
    }
}

static bool has_deferred(const struct loop *loop)
{
    return !list_is_empty(&loop->deferred) || !list_is_empty(&loop->postponed);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    send_guests_home(loop);
    background_done(&loop->background);
    assert(loop->timers.count == 0 && !has_deferred(loop));
    timer_heap_done(&loop->timers);
    poller_done(&loop->poller);
    chunk_pool_free(loop->chunks);
    free(loop);
}

static struct timer *next_timer(const struct loop *loop)
{
    return timer_heap_nearest(&loop->timers);
}

static bool has_due_timer(const struct loop *loop)
{
    struct timer *timer = next_timer(loop);
    return timer && timer->due_at_ms <= loop->now_ms;
}

/* At most as many as there are at the start: a timer that starts itself again with no delay may
 * not hold the loop. */
static void run_timers(struct loop *loop)
{
    for (size_t left = loop->timers.count; left > 0 && has_due_timer(loop); left--) {
        struct timer *timer = next_timer(loop);
        timer_heap_remove(&loop->timers, timer);
        timer->fn(timer->owner);
    }
}

/* False: there was none. */
static bool run_first(struct list *list)
{
    struct list *node = list_take_first(list);
    if (!node)
        return false;
    struct deferred *deferred = list_item(node, struct deferred, node);
    deferred->fn(deferred->owner);
    return true;
}

static void run_deferred(struct loop *loop)
{
    for (int pass = 0; pass < DEFERRED_PASSES && !list_is_empty(&loop->deferred); pass++) {
        struct list batch;
        list_init(&batch);
        list_splice(&batch, &loop->deferred);
        while (run_first(&batch))
            ;
    }
}

/* Each with what it has others do, flushing for example, while the bytes are in the cache. */
static void run_postponed(struct loop *loop)
{
    for (int i = 0; i < POSTPONED_CALLS && run_first(&loop->postponed); i++)
        run_deferred(loop);
}

/* The sooner of two waits, where WAIT_FOREVER is the longest. */
static int sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static int until_timer(const struct loop *loop)
{
    struct timer *timer = loop->has_fake_clock ? NULL : next_timer(loop);
    if (!timer)
        return WAIT_FOREVER;
    uint64_t wait_ms = timer->due_at_ms - loop->now_ms;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

/* Is there anything that could wake us? */
static bool is_alive(struct loop *loop)
{
    return loop->poller.interested > 0 || has_deferred(loop) ||
           (loop->has_fake_clock ? has_due_timer(loop) : loop->timers.count > 0) ||
           background_is_alive(&loop->background);
}

static int poll_timeout(struct loop *loop, int most_ms)
{
    if (loop->is_stopping || has_deferred(loop) || has_due_timer(loop))
        return 0;
    if (!is_alive(loop)) /* the deferred calls of this turn may have ended all */
        return 0;
    return sooner(most_ms, sooner(until_timer(loop), background_timeout(&loop->background)));
}

static void note_wake(struct loop *loop)
{
    loop_fn *fn = loop->on_wake;
    if (loop->poller.ready_count == 0 && !has_due_timer(loop))
        return;
    loop->wakes++;
    loop->on_wake = NULL;
    if (fn)
        fn(loop->on_wake_owner);
}

static void run_turn(struct loop *loop, int wait_ms)
{
    assert(!loop->is_in_turn); /* no callback may run the loop */
    loop->is_in_turn = true;
    run_deferred(loop);
    update_clock(loop);
    poller_wait(&loop->poller, poll_timeout(loop, wait_ms));
    update_clock(loop);
    note_wake(loop);
    bool is_background_ready = poller_dispatch(&loop->poller);
    if (is_background_ready || background_timeout(&loop->background) == 0)
        background_run(&loop->background);
    run_timers(loop);
    run_deferred(loop);
    run_postponed(loop);
    loop->is_in_turn = false;
}

void loop_run(struct loop *loop)
{
    while (!loop->is_stopping && is_alive(loop))
        run_turn(loop, WAIT_FOREVER);
    loop->is_stopping = false;
}

void loop_run_once(struct loop *loop, uint64_t wait_ms)
{
    bool may_wait = !has_deferred(loop);
    int most_ms = wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
    run_turn(loop, may_wait ? most_ms : 0);
    loop->is_stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

uint64_t loop_wakes(const struct loop *loop)
{
    return loop->wakes;
}

void loop_on_wake(struct loop *loop, loop_fn *fn, void *owner)
{
    loop->on_wake = fn;
    loop->on_wake_owner = owner;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

void loop_fake_clock(struct loop *loop, uint64_t now_ms)
{
    loop->has_fake_clock = true;
    loop->now_ms = now_ms;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->background.uv;
}

struct chunk_pool *loop_chunks(struct loop *loop)
{
    return loop->chunks;
}

struct poller *loop_poller(struct loop *loop)
{
    return &loop->poller;
}

struct background *loop_background(struct loop *loop)
{
    return &loop->background;
}

void timer_init(struct timer *timer, struct loop *loop, loop_fn *fn, void *owner)
{
    *timer = (struct timer){.loop = loop, .fn = fn, .owner = owner};
}

int timer_start(struct timer *timer, uint64_t delay_ms)
{
    struct loop *loop = timer->loop;
    uint64_t longest_ms = UINT64_MAX - loop->now_ms;
    return timer_heap_put(&loop->timers, timer,
                          loop->now_ms + (delay_ms < longest_ms ? delay_ms : longest_ms));
}

void timer_stop(struct timer *timer)
{
    if (timer_is_active(timer))
        timer_heap_remove(&timer->loop->timers, timer);
}

bool timer_is_active(const struct timer *timer)
{
    return timer->heap_index != 0;
}

void deferred_init(struct deferred *deferred, struct loop *loop, loop_fn *fn, void *owner)
{
    *deferred = (struct deferred){.loop = loop, .fn = fn, .owner = owner};
    list_init(&deferred->node);
}

void deferred_schedule(struct deferred *deferred)
{
    if (list_is_empty(&deferred->node)) /* linked nowhere: not scheduled yet */
        list_append(&deferred->loop->deferred, &deferred->node);
}

void deferred_postpone(struct deferred *deferred)
{
    if (list_is_empty(&deferred->node))
        list_append(&deferred->loop->postponed, &deferred->node);
}

void deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->node);
}
