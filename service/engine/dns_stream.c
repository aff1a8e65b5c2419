#include "service/engine/dns_stream.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PENDING_MAX = 64, OUTPUT_MAX_BYTES = 256 * 1024, IDLE_MS = 30000 };

struct pending {
    struct list node;
    struct dns_stream *stream;
    struct dns_wait *wait;
};

struct dns_stream {
    struct list node; /* in traffic->dns_streams */
    struct traffic *traffic;
    struct stream *client;
    struct address address;
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
    buf_done(&stream->output);
    free(stream);
}

static void reset(struct dns_stream *stream)
{
    stream_abort(stream->client);
    dns_stream_free(stream);
}

static void on_idle(void *owner)
{
    struct dns_stream *stream = owner;
    stream_close(stream->client);
    dns_stream_free(stream);
}

static void put_answer(struct dns_stream *stream, const uint8_t *answer, size_t size)
{
    uint8_t length[2] = {(uint8_t)(size >> 8), (uint8_t)size};

    if (buf_room(&stream->output) < size + sizeof(length))
        return; /* a client that asks and does not read: it will ask again */
    if (buf_put(&stream->output, length, sizeof(length)) == sizeof(length))
        buf_put(&stream->output, answer, size);
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
    struct dns_asker asker = {&stream->address, true, on_answer, pending};
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

/* One whole question with its length, 0 for not yet, ERR_EOF after the last one. */
static ssize_t read_question(struct dns_stream *stream, uint8_t *to, size_t capacity)
{
    ssize_t got = stream_gather(stream->client, to, capacity);
    size_t size;

    if (got < 2)
        return got < 0 ? got : 0;
    size = (size_t)to[0] << 8 | to[1];
    if ((size_t)got < size + 2)
        return 0;
    stream_consume(stream->client, size + 2);
    return (ssize_t)size + 2;
}

static int ask_all(struct dns_stream *stream)
{
    uint8_t question[DNS_MESSAGE_MAX + 2];

    while (stream->pending_count < PENDING_MAX) {
        ssize_t size = read_question(stream, question, sizeof(question));
        stream->has_ended = size == ERR_EOF;
        if (size == 0 || size == ERR_EOF)
            return 0;
        if (size < 0)
            return (int)size;
        if (ask(stream, question + 2, (size_t)size - 2) < 0)
            return ERR_PROTOCOL;
    }
    return 0;
}

static int flush(struct dns_stream *stream)
{
    struct span spans[STREAM_SPANS];
    int count;

    while ((count = buf_peek(&stream->output, spans, STREAM_SPANS)) > 0) {
        ssize_t taken = stream_write(stream->client, spans, count);
        if (taken <= 0)
            return (int)taken;
        buf_consume(&stream->output, (size_t)taken);
    }
    return 0;
}

static void on_client(void *owner)
{
    struct dns_stream *stream = owner;

    if (ask_all(stream) < 0 || flush(stream) < 0) {
        reset(stream);
        return;
    }
    if (stream->has_ended && stream->pending_count == 0 && buf_size(&stream->output) == 0)
        on_idle(stream);
    else
        timer_start(&stream->idle, IDLE_MS);
}

void dns_stream_start(struct traffic *traffic, struct stream *client,
                      const struct address *client_address)
{
    struct dns_stream *stream = calloc(1, sizeof(*stream));

    if (!stream) {
        stream_abort(client);
        return;
    }
    stream->traffic = traffic;
    stream->client = client;
    stream->address = *client_address;
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
