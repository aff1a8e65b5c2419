/* A stream whose far end is the test: its input is fed, its output credited and looked at. Two of
 * them make a pair, each the far end of the other.
 *
 * The owner has one reference, which close and abort give back; the test has another and may look
 * at everything until fake_stream_free. The fake asserts what an owner must not do: call after
 * close, consume more than there is, write after finish. */
#ifndef TESTS_FAKE_STREAM_H
#define TESTS_FAKE_STREAM_H

#include "base/buf.h"
#include "base/stream.h"

struct fake_stream {
    struct stream stream; /* what the owner gets */

    /* For the test to set at any time. */
    size_t credit;         /* bytes that write may still take; SIZE_MAX at first */
    size_t span_bytes_max; /* cut what peek shows into spans of this; 0 does not */
    size_t peek_bytes_max; /* show no more than this at once; 0 does not */
    bool lends;            /* show copies without a chunk, which die with the next call */

    /* For the test to look at. */
    size_t consumed, written; /* bytes in total */
    bool is_finished, is_closed, is_aborted;

    /* Private. */
    struct fake_stream *peer;
    struct deferred pump; /* carries `out` to the peer */
    struct buf in, out;
    int in_end; /* after `in`: 0 nothing yet, ERR_EOF, or broken */
    bool wants_room, has_passed_end, is_flushing;
    uint8_t *lent;
    int refs;
};

struct fake_stream *fake_stream_new(struct loop *loop);
/* Each direction holds at most twice `capacity` bytes: written, and not read. */
void fake_stream_new_pair(struct loop *loop, size_t capacity, struct fake_stream **ret_a,
                          struct fake_stream **ret_b);
void fake_stream_free(struct fake_stream *fake); /* NULL is accepted */

/* Bytes for the owner to read; then ERR_EOF or a negative code that ends them. An error other than
 * ERR_EOF is a reset: it drops what was not read and ends writing as well. */
void fake_stream_feed(struct fake_stream *fake, const void *data, size_t size);
void fake_stream_end(struct fake_stream *fake, int err);

/* More credit; wakes the owner if a write was cut short. */
void fake_stream_grant(struct fake_stream *fake, size_t bytes);
/* What the owner wrote and was not taken yet; not for pairs. */
size_t fake_stream_take(struct fake_stream *fake, void *to, size_t capacity);
size_t fake_stream_pending(const struct fake_stream *fake);

#endif
