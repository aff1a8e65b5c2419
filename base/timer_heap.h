/* The timers of one loop, nearest first: a binary heap of pointers to embedded timers. For loop.c
 * alone; everybody else uses timer_start and timer_stop. */
#ifndef BASE_TIMER_HEAP_H
#define BASE_TIMER_HEAP_H

#include "base/loop.h"

struct timer_heap {
    struct timer **slots; /* slots[1] is the nearest; slots[0] is unused */
    size_t count, capacity;
};

void timer_heap_done(struct timer_heap *heap);
/* Put the timer in, or move it when it is in already. 0 or -ENOMEM (then nothing has changed). */
int timer_heap_put(struct timer_heap *heap, struct timer *timer, uint64_t due_at_ms);
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);
struct timer *timer_heap_nearest(const struct timer_heap *heap); /* NULL when empty */

#endif
