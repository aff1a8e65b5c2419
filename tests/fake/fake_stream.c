#include "tests/fake/fake_stream.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_stream *fake_of(struct stream *stream)
{
    return (struct fake_stream *)stream;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_reset(const struct fake_stream *fake)
{
    return fake->in_end < 0 && fake->in_end != ERR_EOF;
}

static bool has_owner(const struct fake_stream *fake)
{
    return !fake->is_closed && !fake->is_aborted;
}

static void unref(struct fake_stream *fake)
{
    if (--fake->refs > 0)
        return;
    if (fake->peer)
        fake->peer->peer = NULL;
    deferred_cancel(&fake->pump);
    buf_done(&fake->in);
    buf_done(&fake->out);
    free(fake->lent);
    free(fake);
}

static void clear(struct buf *buf)
{
    buf_consume(buf, buf_size(buf));
}

/* Every call of the owner ends the life of the spans that it was shown. */
static void enter(struct fake_stream *fake)
{
    assert(has_owner(fake));
    free(fake->lent);
    fake->lent = NULL;
    if (is_reset(fake))
        clear(&fake->in);
}

static void lend(struct fake_stream *fake, struct span *spans, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    fake->lent = malloc(size + 1);
    assert(fake->lent);
    uint8_t *at = fake->lent;
    for (int i = 0; i < count; i++) {
        memcpy(at, spans[i].data, spans[i].size);
        spans[i].data = at;
        spans[i].chunk = NULL;
        at += spans[i].size;
    }
}

/* Cuts queued spans by both limits. Returns how many pieces there are. */
static int cut(const struct fake_stream *fake, const struct span *whole, int whole_count,
               struct span *ret, int max)
{
    size_t piece_max = fake->span_bytes_max ? fake->span_bytes_max : SIZE_MAX;
    size_t left = fake->peek_bytes_max ? fake->peek_bytes_max : SIZE_MAX;
    int count = 0;
    for (int i = 0; i < whole_count; i++) {
        struct span rest = whole[i];
        while (rest.size > 0 && left > 0 && count < max) {
            struct span piece = rest;
            piece.size = smaller(smaller(rest.size, piece_max), left);
            ret[count++] = piece;
            rest.data += piece.size;
            rest.size -= piece.size;
            left -= piece.size;
        }
    }
    return count;
}

static int fake_peek(struct stream *stream, struct span *ret, int max)
{
    struct fake_stream *fake = fake_of(stream);
    struct span whole[64];
    enter(fake);
    if (buf_size(&fake->in) == 0)
        return fake->in_end;
    int count = cut(fake, whole, buf_peek(&fake->in, whole, 64), ret, max);
    if (fake->lends)
        lend(fake, ret, count);
    return count;
}

static void fake_consume(struct stream *stream, size_t size)
{
    struct fake_stream *fake = fake_of(stream);
    enter(fake);
    assert(size <= buf_size(&fake->in) || is_reset(fake));
    if (is_reset(fake))
        return;
    buf_consume(&fake->in, size);
    fake->consumed += size;
    if (fake->peer)
        deferred_schedule(&fake->peer->pump);
}

static ssize_t fake_write(struct stream *stream, const struct span *spans, int count)
{
    struct fake_stream *fake = fake_of(stream);
    size_t taken = 0, wanted = 0;
    enter(fake);
    assert(!fake->is_finished);
    if (is_reset(fake))
        return fake->in_end;
    for (int i = 0; i < count; i++) {
        struct span span = spans[i];
        wanted += span.size;
        span.size = smaller(span.size, fake->credit);
        ssize_t part = buf_put_spans(&fake->out, &span, 1);
        assert(part >= 0);
        taken += (size_t)part;
        if (fake->credit != SIZE_MAX)
            fake->credit -= (size_t)part;
        if ((size_t)part < spans[i].size)
            break;
    }
    fake->written += taken;
    fake->wants_room = taken < wanted;
    if (fake->peer)
        deferred_schedule(&fake->pump);
    return (ssize_t)taken;
}

static int fake_finish(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);
    enter(fake);
    if (is_reset(fake))
        return fake->in_end;
    fake->is_finished = true;
    if (fake->peer)
        deferred_schedule(&fake->pump);
    return 0;
}

static void let_go(struct fake_stream *fake)
{
    enter(fake);
    stream_done(&fake->stream);
    clear(&fake->in);
    if (fake->peer)
        deferred_schedule(&fake->peer->pump); /* its bytes have lost their reader */
}

static void fake_close(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);
    let_go(fake);
    fake->is_closed = true;
    if (fake->peer) {
        fake->is_flushing = true; /* keeps the owner's reference until all is carried */
        deferred_schedule(&fake->pump);
    } else {
        unref(fake);
    }
}

static void fake_abort(struct stream *stream)
{
    struct fake_stream *fake = fake_of(stream);
    let_go(fake);
    fake->is_aborted = true;
    clear(&fake->out);
    if (fake->peer && has_owner(fake->peer))
        fake_stream_end(fake->peer, -ECONNRESET);
    unref(fake);
}

static const struct stream_ops fake_ops = {
    .peek = fake_peek,
    .consume = fake_consume,
    .write = fake_write,
    .finish = fake_finish,
    .close = fake_close,
    .abort = fake_abort,
};

static void pass_end(struct fake_stream *fake)
{
    bool has_ended = fake->is_finished || fake->is_closed;
    if (!has_ended || fake->has_passed_end || buf_size(&fake->out) > 0)
        return;
    fake->has_passed_end = true;
    if (fake->peer && has_owner(fake->peer))
        fake_stream_end(fake->peer, ERR_EOF);
}

static void carry(struct fake_stream *from, struct fake_stream *to)
{
    struct span span;
    while (buf_room(&to->in) > 0 && buf_peek(&from->out, &span, 1) > 0) {
        ssize_t taken = buf_put_spans(&to->in, &span, 1);
        assert(taken > 0);
        buf_consume(&from->out, (size_t)taken);
        stream_signal(&to->stream);
        if (from->wants_room) {
            from->wants_room = false;
            stream_signal(&from->stream);
        }
    }
}

/* Nobody will read what is written: as with TCP, the writer learns of it by a reset. */
static void drop_output(struct fake_stream *fake)
{
    if (buf_size(&fake->out) > 0 && has_owner(fake))
        fake_stream_end(fake, -EPIPE);
    clear(&fake->out);
}

static void on_pump(void *owner)
{
    struct fake_stream *fake = owner;
    if (fake->peer && has_owner(fake->peer) && !is_reset(fake->peer))
        carry(fake, fake->peer);
    else
        drop_output(fake);
    pass_end(fake);
    if (fake->is_flushing && buf_size(&fake->out) == 0) {
        fake->is_flushing = false;
        unref(fake);
    }
}

static struct fake_stream *make(struct loop *loop, size_t capacity)
{
    struct fake_stream *fake = calloc(1, sizeof(*fake));
    assert(fake);
    stream_init(&fake->stream, loop, &fake_ops);
    deferred_init(&fake->pump, loop, on_pump, fake);
    buf_init(&fake->in, loop_chunks(loop), capacity);
    buf_init(&fake->out, loop_chunks(loop), capacity);
    fake->credit = SIZE_MAX;
    fake->refs = 2;
    return fake;
}

struct fake_stream *fake_stream_new(struct loop *loop)
{
    return make(loop, SIZE_MAX);
}

void fake_stream_new_pair(struct loop *loop, size_t capacity, struct fake_stream **ret_a,
                          struct fake_stream **ret_b)
{
    struct fake_stream *a = make(loop, capacity), *b = make(loop, capacity);
    a->peer = b;
    b->peer = a;
    *ret_a = a;
    *ret_b = b;
}

void fake_stream_free(struct fake_stream *fake)
{
    if (fake)
        unref(fake);
}

void fake_stream_feed(struct fake_stream *fake, const void *data, size_t size)
{
    assert(fake->in_end == 0);
    if (!has_owner(fake))
        return;
    ssize_t taken = buf_put(&fake->in, data, size);
    assert(taken == (ssize_t)size);
    stream_signal(&fake->stream);
}

void fake_stream_end(struct fake_stream *fake, int err)
{
    fake->in_end = err;
    if (has_owner(fake))
        stream_signal(&fake->stream);
}

void fake_stream_grant(struct fake_stream *fake, size_t bytes)
{
    fake->credit = bytes < SIZE_MAX - fake->credit ? fake->credit + bytes : SIZE_MAX;
    if (!fake->wants_room)
        return;
    fake->wants_room = false;
    stream_signal(&fake->stream);
}

size_t fake_stream_take(struct fake_stream *fake, void *to, size_t capacity)
{
    struct span span;
    size_t size = 0;
    while (size < capacity && buf_peek(&fake->out, &span, 1) > 0) {
        size_t part = smaller(span.size, capacity - size);
        memcpy((char *)to + size, span.data, part);
        buf_consume(&fake->out, part);
        size += part;
    }
    return size;
}

size_t fake_stream_pending(const struct fake_stream *fake)
{
    return buf_size(&fake->out);
}
