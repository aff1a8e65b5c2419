#include "base/trim.h"

#include "base/chunk.h"

#include <malloc.h>

enum {
    RUSH = 500,       /* so many have to go before it is worth the walk through the heap */
    SETTLE_MS = 1000, /* the rest of them goes too */
    CLOSE_MS = 10000, /* what takes several tries to close has closed */
};

static bool is_over(const struct trim *trim)
{
    return trim->peak - trim->live >= RUSH && trim->live <= trim->peak / 2;
}

void trim_now(struct loop *loop)
{
    chunk_pool_trim(loop_chunks(loop));
    malloc_trim(0);
}

/* Twice after each rush. */
static void on_settled(void *owner)
{
    struct trim *trim = owner;
    bool has_new = is_over(trim);
    if (!has_new && !trim->is_early)
        return;
    trim->is_early = has_new;
    trim->peak = trim->live;
    trim->times++;
    if (has_new)
        timer_start(&trim->timer, CLOSE_MS);
    trim_now(trim->timer.loop);
}

void trim_init(struct trim *trim, struct loop *loop)
{
    *trim = (struct trim){0};
    timer_init(&trim->timer, loop, on_settled, trim);
}

void trim_done(struct trim *trim)
{
    timer_stop(&trim->timer);
}

void trim_note(struct trim *trim, uint32_t live)
{
    trim->live = live;
    if (live > trim->peak)
        trim->peak = live;
    else if (is_over(trim) && !timer_is_active(&trim->timer))
        timer_start(&trim->timer, SETTLE_MS);
}
