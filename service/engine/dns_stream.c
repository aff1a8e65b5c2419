#include "service/engine/dns_stream.h"

#include "base/err.h"
#include "service/engine/dns_frame.h"

#include <errno.h>
#include <stdlib.h>

/* A client that does not read its answers is not read from either: questions wait while more than
 * OUTPUT_FULL_BYTES do. */
enum {
    PENDING_MAX = 64,
    OUTPUT_FULL_BYTES = 64 * 1024,
    OUTPUT_MAX_BYTES = 256 * 1024,
    TURN_QUESTIONS = 64,
    IDLE_MS = 30000,
};

struct pending {
    struct list node;
    struct dns_stream *stream;
    struct dns_wait *wait;
};

struct dns_stream {
    struct list node; /* in traffic->dns_streams */
    struct traffic *traffic;
    struct stream *client;
    struct caller caller;
    struct dns_frames input;
    struct buf output; /* answers that the stream has not taken yet */
    struct list pending;
    size_t pending_count;
    bool has_ended; /* the client finished asking */
    struct timer idle;
};

static void dns_stream_free(struct dns_stream *stream)
{
    list_each(node, &stream->pending) {
        struct pending *pending = list_item(node, struct pending, node);
        dns_wait_cancel(pending->wait);
        free(pending);
    }
    timer_stop(&stream->idle);
    list_remove(&stream->node);
    dns_frames_done(&stream->input);
    buf_done(&stream->output);
    free(stream);
}

static void reset(struct dns_stream *stream)
{
    stream_abort(stream->client);
    dns_stream_free(stream);
}

static void finish(struct dns_stream *stream)
{
    stream_close(stream->client);
    dns_stream_free(stream);
}

static void on_idle(void *owner)
{
    struct dns_stream *stream = owner;

    if (buf_size(&stream->output) > 0)
        reset(stream); /* it does not read */
    else
        finish(stream);
}

/* One that finds no room is dropped: the client will ask again. */
static void put_answer(struct dns_stream *stream, const uint8_t *answer, size_t size)
{
    dns_frame_put(&stream->output, answer, size);
    stream_signal(stream->client);
}

static void on_answer(void *owner, const uint8_t *answer, size_t size)
{
    struct pending *pending = owner;
    struct dns_stream *stream = pending->stream;

    put_answer(stream, answer, size);
    list_remove(&pending->node);
    stream->pending_count--;
    free(pending);
}

static int ask(struct dns_stream *stream, const uint8_t *query, size_t size)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    struct dns_asker asker = {&stream->caller, true, on_answer, pending};
    uint8_t answer[DNS_MESSAGE_MAX];
    ssize_t got;

    if (!pending)
        return ERR_LIMIT;
    pending->stream = stream;
    got =
        dns_ask(stream->traffic->dns, query, size, &asker, answer, sizeof(answer), &pending->wait);
    if (got == 0) {
        list_append(&stream->pending, &pending->node);
        stream->pending_count++;
        return 0;
    }
    free(pending);
    if (got > 0)
        put_answer(stream, answer, (size_t)got);
    return got < 0 && got != -ENOMSG ? ERR_PROTOCOL : 0;
}

static bool is_full(const struct dns_stream *stream)
{
    return stream->pending_count >= PENDING_MAX || buf_size(&stream->output) >= OUTPUT_FULL_BYTES;
}

/* How many questions were taken, at most a turn's; ERR_EOF after the last one; other < 0. */
static int ask_some(struct dns_stream *stream)
{
    int count = 0;

    for (; count < TURN_QUESTIONS && !is_full(stream); count++) {
        uint8_t *question;
        ssize_t size = dns_frames_next(&stream->input, stream->client, &question);
        if (size < 0)
            return (int)size;
        if (size == 0)
            break;
        if (ask(stream, question, (size_t)size) < 0)
            return ERR_PROTOCOL;
    }
    return count;
}

static void on_client(void *owner)
{
    struct dns_stream *stream = owner;
    bool was_full = is_full(stream);
    int taken = ask_some(stream), err;

    stream->has_ended = taken == ERR_EOF || (stream->has_ended && taken == 0);
    err = taken < 0 && taken != ERR_EOF ? taken : dns_frame_flush(&stream->output, stream->client);
    if (err < 0) {
        reset(stream);
        return;
    }
    if (stream->has_ended && stream->pending_count == 0 && buf_size(&stream->output) == 0) {
        finish(stream);
        return;
    }
    if (taken > 0 || (was_full && !is_full(stream)))
        stream_signal(stream->client); /* what is unread had its wake already */
    timer_start(&stream->idle, IDLE_MS);
}

void dns_stream_start(struct traffic *traffic, struct stream *client, const struct caller *caller)
{
    struct dns_stream *stream = calloc(1, sizeof(*stream));

    if (!stream) {
        stream_abort(client);
        return;
    }
    stream->traffic = traffic;
    stream->client = client;
    stream->caller = *caller;
    buf_init(&stream->output, loop_chunks(traffic->loop), OUTPUT_MAX_BYTES);
    list_init(&stream->pending);
    timer_init(&stream->idle, traffic->loop, on_idle, stream);
    list_append(&traffic->dns_streams, &stream->node);
    stream_set_owner(client, on_client, stream);
    on_client(stream);
}

void dns_stream_abort_all(struct traffic *traffic)
{
    list_each(node, &traffic->dns_streams)
        reset(list_item(node, struct dns_stream, node));
}
