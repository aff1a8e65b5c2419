#include "service/control/usage_share.h"

#include "service/control/usage_live.h"

#include <errno.h>
#include <stdlib.h>

enum { CALM_MS = 5000 }; /* as long as a fold waits */

struct usage_share {
    struct usage_live live;
    struct timer calm;
    loop_fn *on_counting;
    void *owner;
    struct usage_counters lost;
};

static void on_calm(void *owner)
{
    (void)owner;
}

int usage_share_open(struct loop *loop, int dir_fd, unsigned place, loop_fn *on_counting,
                     void *owner, struct usage_share **ret)
{
    struct usage_share *share = calloc(1, sizeof(*share));
    if (!share)
        return -ENOMEM;
    share->on_counting = on_counting;
    share->owner = owner;
    timer_init(&share->calm, loop, on_calm, share);
    int result = usage_live_open(&share->live, dir_fd, place);
    if (result < 0) {
        free(share);
        return result;
    }
    *ret = share;
    usage_share_counters(share, USAGE_OTHERS); /* while there is a slot for it */
    return 0;
}

void usage_share_close(struct usage_share *share)
{
    if (!share)
        return;
    timer_stop(&share->calm);
    usage_live_close(&share->live);
    free(share);
}

/* A name that is new in these counters was never folded from them: it begins at nothing. */
static struct usage_counters *find_or_add(struct usage_share *share, const char *name)
{
    static const struct usage_counters nothing;
    struct usage_live_slot *slot = usage_live_find(&share->live, name);
    if (!slot)
        slot = usage_live_add(&share->live, name, &nothing);
    return slot ? &slot->counters : NULL;
}

struct usage_counters *usage_share_counters(struct usage_share *share, const char *upstream)
{
    if (!timer_is_active(&share->calm)) {
        timer_start(&share->calm, CALM_MS);
        share->on_counting(share->owner);
    }
    struct usage_counters *counters = find_or_add(share, upstream);
    if (!counters)
        counters = find_or_add(share, USAGE_OTHERS);
    return counters ? counters : &share->lost;
}
