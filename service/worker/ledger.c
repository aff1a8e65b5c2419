#include "service/worker/ledger.h"

#include "service/control/usage_share.h"

#include <assert.h>
#include <stddef.h>

/* The ledger's counters and a tally are the same four numbers, each in its own folder's words. */
static_assert(sizeof(struct tally) == sizeof(struct usage_counters) &&
                  offsetof(struct tally, bytes.down) == offsetof(struct usage_counters, down) &&
                  offsetof(struct tally, requests) == offsetof(struct usage_counters, requests) &&
                  offsetof(struct tally, blocked) == offsetof(struct usage_counters, blocked),
              "one is counted up as the other");

int ledger_open(struct ledger *ledger, struct loop *loop, int dir_fd, unsigned number,
                unsigned count, loop_fn *on_counting, void *owner)
{
    const struct usage_options options = {.dir_fd = dir_fd, .places = count};
    if (number == 0)
        return usage_open(loop, &options, &ledger->usage);
    return usage_share_open(loop, dir_fd, number, on_counting, owner, &ledger->share);
}

void ledger_close(struct ledger *ledger)
{
    usage_close(ledger->usage);
    usage_share_close(ledger->share);
    *ledger = (struct ledger){.usage = NULL};
}

struct tally *ledger_tally(struct ledger *ledger, const char *upstream)
{
    if (ledger->usage)
        return (struct tally *)usage_counters(ledger->usage, upstream);
    return (struct tally *)usage_share_counters(ledger->share, upstream);
}
