/* DNS messages on a stream: two bytes of length in front of each (RFC 1035 sec. 4.2.2, RFC 7766
 * sec. 8). Both ends of it: applications that ask us, servers that we ask. */
#ifndef SERVICE_ENGINE_DNS_FRAME_H
#define SERVICE_ENGINE_DNS_FRAME_H

#include "base/buf.h"
#include "base/stream.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Queue a message whole or not at all: half of one would make nonsense of all that follow. 0, or
 * ERR_LIMIT, -ENOMEM. */
int dns_frame_put(struct buf *output, const uint8_t *message, size_t size);
/* Write what is queued, as far as the stream takes it. 0 or < 0. */
int dns_frame_flush(struct buf *output, struct stream *stream);

/* Collects messages as their bytes come, so that a message may be larger than what the stream holds
 * unread, and an end in the middle of one is seen. Memory grows with the message, at most to its
 * length; 0 bytes are a valid empty state. */
struct dns_frames {
    uint8_t *bytes;
    size_t capacity, have;
    bool is_whole; /* what is in `bytes` was handed out */
};

void dns_frames_done(struct dns_frames *frames); /* forgets what it has; usable again */
/* The next message, its size > 0 and valid until the next call; 0 not yet; < 0 what the stream said
 * (ERR_EOF also in the middle of a message), ERR_PROTOCOL for one without room for a header,
 * -ENOMEM. */
ssize_t dns_frames_next(struct dns_frames *frames, struct stream *stream, uint8_t **ret);

#endif
