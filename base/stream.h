/* A duplex byte pipe: the one shape of every connection in Atlantic, whatever is behind it (lwIP, a
 * kernel socket, TLS over another stream, a filter over another stream).
 *
 *   stream_peek     > 0 spans of unread bytes, still owned by the stream, valid until the next call
 *                   on it; 0 nothing now; ERR_EOF the peer finished; other < 0 broken, for good
 *   stream_consume  forget n peeked bytes; this and only this opens the peer's window again
 *   stream_write    bytes taken, from none to all; fewer than all means full: stop until woken;
 *                   < 0 broken, for good
 *   stream_finish   no more writes; what was taken is flushed, then FIN; reading goes on
 *   stream_close    the owner lets go; taken bytes are still flushed, then it frees itself
 *   stream_abort    the owner lets go; drop everything, reset the peer
 *   wake            something may have changed: bytes, room, end or error. Look again.
 *
 * Rules that every implementation keeps and tests/unit/stream_contract.c checks:
 *  1. A stream never calls its owner from inside the owner's call. Wakes come from the loop,
 * merged.
 *  2. After close or abort there is no wake, and the pointer is dead to the owner.
 *  3. Backpressure needs no code of its own: unread bytes are not consumed, the window stays shut.
 *  4. A wrapping stream takes over the inner one, receives its wake first, does its own work, then
 *     wakes its owner: a wrapper may not rely on the owner to keep it moving.
 *  5. finish travels the same way as bytes: a wrapper with bytes of its own pending delays it.
 *  6. A span that lies in a chunk may be kept by reference (chunk_ref); any other must be copied
 *     by whoever takes it. Nothing in between copies.
 *  7. A handshake consumes exactly its own bytes: what follows is still in the pipe afterwards.
 *  8. Bytes that arrived before an end or an error of the peer's are readable first; a reset may
 *     drop them. */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/chunk.h"
#include "base/loop.h"

#include <stdint.h>
#include <sys/types.h>

struct stream;

enum {
    STREAM_SPANS = 16, /* as many as the relay peeks at a time */
    /* Much is best moved in pieces of this size: it nearly fills a large chunk, and is what one
     * superpacket carries at an MTU of 1,500, so that no short packet follows. */
    STREAM_PIECE_BYTES = 44 * 1460,
};

struct stream_ops {
    int (*peek)(struct stream *stream, struct span *ret, int max);
    void (*consume)(struct stream *stream, size_t size);
    ssize_t (*write)(struct stream *stream, const struct span *spans, int count);
    int (*finish)(struct stream *stream);
    void (*close)(struct stream *stream);
    void (*abort)(struct stream *stream);
};

/* Embedded first in each implementation. */
struct stream {
    const struct stream_ops *ops;
    loop_fn *on_wake; /* NULL: nobody is listening */
    void *owner;
    struct deferred wake;
    bool is_opening; /* the peer has not confirmed the handshake yet; it may not exist */
};

/* For owners. */
/* A wake follows, since something may have come while nobody, or somebody else, was listening. */
void stream_set_owner(struct stream *stream, loop_fn *on_wake, void *owner);

static inline int stream_peek(struct stream *stream, struct span *ret, int max)
{
    return stream->ops->peek(stream, ret, max);
}

static inline void stream_consume(struct stream *stream, size_t size)
{
    stream->ops->consume(stream, size);
}

static inline ssize_t stream_write(struct stream *stream, const struct span *spans, int count)
{
    return stream->ops->write(stream, spans, count);
}

static inline int stream_finish(struct stream *stream)
{
    return stream->ops->finish(stream);
}

void stream_close(struct stream *stream); /* NULL is accepted */
void stream_abort(struct stream *stream); /* NULL is accepted */

/* Write bytes that are not in a chunk; they are copied. */
ssize_t stream_write_bytes(struct stream *stream, const void *data, size_t size);
/* Copy up to `capacity` unread bytes into one piece, consuming none. Returns their number, or what
 * peek returned when that was negative. */
ssize_t stream_gather(struct stream *stream, void *to, size_t capacity);

/* For implementations. */
void stream_init(struct stream *stream, struct loop *loop, const struct stream_ops *ops);
void stream_signal(struct stream *stream); /* schedule one wake */
void stream_done(struct stream *stream);   /* no wake from now on; first line of close and abort */

#endif
