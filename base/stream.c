#include "base/stream.h"

#include <string.h>

/* More than a relay looks at in one go: a hello that comes a few bytes at a time is many spans. */
enum { GATHER_SPANS = 256 };

static void on_wake(void *owner)
{
    struct stream *stream = owner;
    if (stream->on_wake)
        stream->on_wake(stream->owner);
}

void stream_init(struct stream *stream, struct loop *loop, const struct stream_ops *ops)
{
    *stream = (struct stream){.ops = ops};
    deferred_init(&stream->wake, loop, on_wake, stream);
}

void stream_signal(struct stream *stream)
{
    if (stream->on_wake)
        deferred_schedule(&stream->wake);
}

void stream_done(struct stream *stream)
{
    stream->on_wake = NULL;
    stream->owner = NULL;
    deferred_cancel(&stream->wake);
}

void stream_set_owner(struct stream *stream, loop_fn *fn, void *owner)
{
    stream->on_wake = fn;
    stream->owner = owner;
    stream_signal(stream);
}

void stream_close(struct stream *stream)
{
    if (stream)
        stream->ops->close(stream);
}

void stream_abort(struct stream *stream)
{
    if (stream)
        stream->ops->abort(stream);
}

ssize_t stream_write_bytes(struct stream *stream, const void *data, size_t size)
{
    struct span span = {.data = data, .size = size};
    return size ? stream_write(stream, &span, 1) : 0;
}

ssize_t stream_gather(struct stream *stream, void *to, size_t capacity)
{
    struct span spans[GATHER_SPANS];
    int count = stream_peek(stream, spans, GATHER_SPANS);
    size_t size = 0;
    if (count < 0)
        return count;
    for (int i = 0; i < count && size < capacity; i++) {
        size_t part = spans[i].size < capacity - size ? spans[i].size : capacity - size;
        memcpy((char *)to + size, spans[i].data, part);
        size += part;
    }
    return (ssize_t)size;
}
