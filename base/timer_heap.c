#include "base/timer_heap.h"

#include <errno.h>
#include <stdlib.h>

enum { FEWEST_SLOTS = 16 };

static void place(struct timer_heap *heap, struct timer *timer, size_t index)
{
    heap->slots[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct timer_heap *heap, struct timer *timer)
{
    size_t index = timer->heap_index;
    while (index > 1 && heap->slots[index / 2]->due_at_ms > timer->due_at_ms) {
        place(heap, heap->slots[index / 2], index);
        index /= 2;
    }
    place(heap, timer, index);
}

static void sift_down(struct timer_heap *heap, struct timer *timer)
{
    size_t index = timer->heap_index;
    for (;;) {
        size_t child = index * 2;
        if (child > heap->count)
            break;
        if (child < heap->count &&
            heap->slots[child + 1]->due_at_ms < heap->slots[child]->due_at_ms)
            child++;
        if (heap->slots[child]->due_at_ms >= timer->due_at_ms)
            break;
        place(heap, heap->slots[child], index);
        index = child;
    }
    place(heap, timer, index);
}

static int resize(struct timer_heap *heap, size_t capacity)
{
    struct timer **slots = realloc(heap->slots, capacity * sizeof(struct timer *));
    if (!slots)
        return -ENOMEM;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

static int reserve_one(struct timer_heap *heap)
{
    if (heap->count + 1 < heap->capacity)
        return 0;
    return resize(heap, heap->capacity ? heap->capacity * 2 : FEWEST_SLOTS);
}

void timer_heap_done(struct timer_heap *heap)
{
    free(heap->slots);
    *heap = (struct timer_heap){0};
}

int timer_heap_put(struct timer_heap *heap, struct timer *timer, uint64_t due_at_ms)
{
    if (timer->heap_index == 0) {
        int err = reserve_one(heap);
        if (err < 0)
            return err;
        place(heap, timer, ++heap->count);
    }
    timer->due_at_ms = due_at_ms;
    sift_up(heap, timer);
    sift_down(heap, timer);
    return 0;
}

void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
    size_t index = timer->heap_index;
    if (index == 0)
        return;
    timer->heap_index = 0;
    struct timer *last = heap->slots[heap->count--];
    if (last != timer) {
        place(heap, last, index);
        sift_up(heap, last);
        sift_down(heap, last);
    }
    /* Give memory back after a rush; failing to shrink is harmless. */
    if (heap->capacity > FEWEST_SLOTS && heap->count < heap->capacity / 8)
        resize(heap, heap->capacity / 2);
}

struct timer *timer_heap_nearest(const struct timer_heap *heap)
{
    return heap->count ? heap->slots[1] : NULL;
}
