/* Watches a kernel TCP socket for a peer that has gone: what was written stays unacknowledged and
 * nothing at all comes back. A peer that only stopped reading keeps acknowledging, and is left
 * alone for as long as it likes: that is why TCP_USER_TIMEOUT (RFC 5482), which Linux counts
 * against a shut window too, does not serve here.
 *
 * Costs nothing while all is acknowledged, and one look a period while it is not. */
#ifndef PROXY_STALL_H
#define PROXY_STALL_H

#include "base/loop.h"

struct tcp_info;

/* Embedded in the socket's owner. */
struct stall {
    struct timer timer;
    loop_fn *on_gone;
    void *owner;
    uint32_t period_ms;
    int fd;
    int silent_periods;
};

/* `on_gone` is called at most once, from the loop, when the peer was silent for about `limit_ms`
 * (between half and one and a half of it) with bytes outstanding. `limit_ms` 0: never. */
void stall_init(struct stall *stall, struct loop *loop, int fd, uint32_t limit_ms, loop_fn *on_gone,
                void *owner);
/* Something was handed to the kernel. */
void stall_wrote(struct stall *stall);
void stall_done(struct stall *stall);

/* Whether a peer that owes acknowledgements has sent nothing for `period_ms`. */
bool stall_is_silent(const struct tcp_info *info, uint32_t period_ms);

#endif
