/* Joins two streams: what one has to read, the other gets to write; an end travels as an end, an
 * error as a reset. Holds no bytes of its own. */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "base/stream.h"

#include <stdint.h>

struct relay;

/* Payload bytes that were taken by the other side. */
struct relay_bytes {
    uint64_t up, down; /* up: from client to upstream */
};

struct relay_options {
    uint32_t idle_timeout_ms;       /* nothing moved at all; 0 for none */
    uint32_t half_close_timeout_ms; /* one direction ended, nothing moved since; 0 for none */
    /* Counted up beside the flow's own count, as the bytes move; may lie in memory that outlives
     * the process. NULL for none; borrowed until on_done. */
    struct relay_bytes *total;
};

/* why: 0 both directions ended; -ETIMEDOUT; or the error of the side that broke. */
typedef void relay_done_fn(void *owner, int why);

/* Takes both streams in any case. Exactly one on_done, from the loop, none after relay_abort; the
 * relay is gone when on_done returns (read `bytes` inside it). `bytes` is the owner's, and is
 * counted up as bytes move. 0 or -ENOMEM (then both streams were aborted, no on_done). */
int relay_start(struct loop *loop, struct stream *client, struct stream *upstream,
                const struct relay_options *options, struct relay_bytes *bytes,
                relay_done_fn *on_done, void *owner, struct relay **ret);
/* Reset both sides; no on_done. */
void relay_abort(struct relay *relay);

#endif
