#include "service/engine/dns_frame.h"

#include "adblock/dns_message.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* DNS_HEADER_BYTES: RFC 1035 sec. 4.1.1. Most messages fit FIRST_BYTES. */
enum { LENGTH_BYTES = 2, DNS_HEADER_BYTES = 12, FIRST_BYTES = 1024 };

int dns_frame_put(struct buf *output, const uint8_t *message, size_t size)
{
    uint8_t frame[LENGTH_BYTES + DNS_MESSAGE_MAX];
    int err;

    if (size > DNS_MESSAGE_MAX)
        return ERR_LIMIT;
    frame[0] = (uint8_t)(size >> 8);
    frame[1] = (uint8_t)size;
    memcpy(frame + LENGTH_BYTES, message, size);
    err = buf_put_whole(output, frame, LENGTH_BYTES + size);
    return err == -ENOBUFS ? ERR_LIMIT : err;
}

int dns_frame_flush(struct buf *output, struct stream *stream)
{
    struct span spans[STREAM_SPANS];
    int count;

    while ((count = buf_peek(output, spans, STREAM_SPANS)) > 0) {
        ssize_t taken = stream_write(stream, spans, count);
        if (taken <= 0)
            return (int)taken;
        buf_consume(output, (size_t)taken);
    }
    return 0;
}

void dns_frames_done(struct dns_frames *frames)
{
    free(frames->bytes);
    *frames = (struct dns_frames){0};
}

/* Of the whole frame as far as it is known. */
static size_t wanted(const struct dns_frames *frames)
{
    if (frames->have < LENGTH_BYTES)
        return LENGTH_BYTES;
    return LENGTH_BYTES + (size_t)(frames->bytes[0] << 8 | frames->bytes[1]);
}

static int grow(struct dns_frames *frames, size_t capacity)
{
    uint8_t *bytes;

    if (capacity <= frames->capacity)
        return 0;
    capacity = capacity < FIRST_BYTES ? FIRST_BYTES : capacity;
    bytes = realloc(frames->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    frames->bytes = bytes;
    frames->capacity = capacity;
    return 0;
}

ssize_t dns_frames_next(struct dns_frames *frames, struct stream *stream, uint8_t **ret)
{
    if (frames->is_whole)
        frames->have = 0;
    frames->is_whole = false;
    while (frames->have < wanted(frames)) {
        size_t missing = wanted(frames) - frames->have;
        ssize_t got = grow(frames, wanted(frames));
        if (got == 0)
            got = stream_gather(stream, frames->bytes + frames->have, missing);
        if (got <= 0)
            return got;
        stream_consume(stream, (size_t)got);
        frames->have += (size_t)got;
    }
    if (frames->have < LENGTH_BYTES + DNS_HEADER_BYTES)
        return ERR_PROTOCOL;
    frames->is_whole = true;
    *ret = frames->bytes + LENGTH_BYTES;
    return (ssize_t)(frames->have - LENGTH_BYTES);
}
