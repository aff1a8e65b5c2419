#include "proxy/http_forward.h"

#include "base/err.h"
#include "proxy/http_answer.h"
#include "proxy/http_rewrite.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct http_forward {
    struct inbound inbound; /* until it is admitted or refused */
    struct stream stream;   /* from then on */
    struct stream *client;
    http_forward_done_fn *on_done;
    void *owner;

    struct chunk *head; /* of the request, rewritten; NULL once it was taken */
    size_t head_size, head_sent;
    struct http_body body;
    int request_err; /* why it cannot be read on, or 0 */
    struct http_answer answer;

    bool is_admitted;
    bool is_gone;     /* on_gone was called */
    bool is_released; /* the inbound's or stream's owner let go */
    bool has_ended;   /* the client's connection is left alone from here on */
    bool is_told;     /* and the door knows */
    enum http_forward_end end;
    int err;
    struct deferred telling;
    struct timer patience; /* with a client that takes nothing, once nobody else looks after it */
};

enum { FLUSH_MS = 30 * 1000 };

static void forward_free(struct http_forward *forward)
{
    if (!forward)
        return;
    deferred_cancel(&forward->telling);
    timer_stop(&forward->patience);
    chunk_unref(forward->head);
    http_answer_done(&forward->answer);
    free(forward);
}

static void tell(void *owner)
{
    struct http_forward *forward = owner;
    forward->is_told = true;
    forward->client = NULL;
    forward->on_done(forward->owner, forward->end, forward->err, http_body_is_done(&forward->body));
    if (forward->is_released)
        forward_free(forward);
}

/* The door learns of it from the loop: its next step may be an inbound to this very caller. */
static void end(struct http_forward *forward, enum http_forward_end how, int err)
{
    forward->has_ended = true;
    forward->end = how;
    forward->err = err;
    timer_stop(&forward->patience);
    deferred_schedule(&forward->telling);
    if (forward->is_admitted && !forward->is_released)
        stream_signal(&forward->stream);
}

static void fail(struct http_forward *forward, int err)
{
    bool is_silent = http_answer_is_silent(&forward->answer);
    end(forward, is_silent ? HTTP_FORWARD_SILENT : HTTP_FORWARD_BROKEN, err);
}

static void on_impatience(void *owner)
{
    fail(owner, -ETIMEDOUT);
}

static void end_if_complete(struct http_forward *forward)
{
    if (!http_answer_is_complete(&forward->answer))
        return;
    bool keeps = forward->answer.keeps_alive && http_body_is_done(&forward->body);
    end(forward, keeps ? HTTP_FORWARD_KEEPS : HTTP_FORWARD_LAST, 0);
}

static void release(struct http_forward *forward)
{
    forward->is_released = true;
    if (forward->is_admitted)
        stream_done(&forward->stream);
    if (forward->is_told)
        forward_free(forward);
}

/* ---- up: the request ---- */

static struct http_forward *of_stream(struct stream *stream)
{
    return (void *)((char *)stream - offsetof(struct http_forward, stream));
}

static bool is_tunnel(const struct http_forward *forward)
{
    return forward->answer.phase == HTTP_ANSWER_TUNNEL;
}

/* The unread part of the request's body: spans up to its end. */
static int peek_body(struct http_forward *forward, struct span *ret, int max)
{
    struct http_body probe = forward->body;
    int used = 0, count = stream_peek(forward->client, ret, max);
    /* Behind the body an early end of the client's side is its right; a reset is not. */
    if (http_body_is_done(&probe))
        return count < 0 && count != ERR_EOF ? count : 0;
    if (count < 0)
        return count == ERR_EOF ? -ECONNRESET : count;
    for (; used < count && !http_body_is_done(&probe); used++) {
        ssize_t size = http_body_feed(&probe, (const char *)ret[used].data, ret[used].size);
        if (size < 0)
            return used > 0 ? used : -EBADMSG;
        ret[used].size = (size_t)size;
    }
    return used;
}

static int forward_peek(struct stream *stream, struct span *ret, int max)
{
    struct http_forward *forward = of_stream(stream);
    int heads = forward->head ? 1 : 0;
    if (forward->has_ended)
        return forward->end <= HTTP_FORWARD_LAST ? ERR_EOF : -ECONNRESET;
    if (is_tunnel(forward) && !heads)
        return stream_peek(forward->client, ret, max);
    if (heads)
        ret[0] = (struct span){.data = forward->head->data + forward->head_sent,
                               .size = forward->head_size - forward->head_sent,
                               .chunk = forward->head};
    if (heads == max)
        return heads;
    int count = peek_body(forward, ret + heads, max - heads);
    if (count >= 0)
        return heads + count;
    forward->request_err = count;
    return heads ? heads : count;
}

static void consume_body(struct http_forward *forward, size_t size)
{
    struct span spans[STREAM_SPANS];
    size_t left = size;
    int count = stream_peek(forward->client, spans, STREAM_SPANS);
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = spans[i].size < left ? spans[i].size : left;
        ssize_t fed = http_body_feed(&forward->body, (const char *)spans[i].data, part);
        assert(fed == (ssize_t)part);
        left -= part;
    }
    assert(left == 0);
    stream_consume(forward->client, size);
}

static void forward_consume(struct stream *stream, size_t size)
{
    struct http_forward *forward = of_stream(stream);
    if (forward->has_ended)
        return;
    if (forward->head) {
        size_t rest = forward->head_size - forward->head_sent;
        size_t part = size < rest ? size : rest;
        forward->head_sent += part;
        size -= part;
        if (part == rest) {
            chunk_unref(forward->head);
            forward->head = NULL;
        }
    }
    if (size == 0)
        return;
    if (is_tunnel(forward))
        stream_consume(forward->client, size);
    else
        consume_body(forward, size);
}

/* ---- down: the response ---- */

static ssize_t forward_write(struct stream *stream, const struct span *spans, int count)
{
    struct http_forward *forward = of_stream(stream);
    if (forward->has_ended)
        return -EPIPE;
    ssize_t taken = http_answer_write(&forward->answer, spans, count);
    if (taken < 0)
        fail(forward, (int)taken);
    else
        end_if_complete(forward);
    return taken;
}

/* The server has no more to say. What it left unsaid decides what the client gets to see. */
static int forward_finish(struct stream *stream)
{
    struct http_forward *forward = of_stream(stream);
    if (forward->has_ended || forward->answer.is_finished)
        return 0;
    forward->answer.is_finished = true;
    if (is_tunnel(forward))
        return forward->answer.head ? 0 : stream_finish(forward->client);
    if (!http_answer_is_whole(&forward->answer))
        fail(forward, ERR_EOF);
    else
        end_if_complete(forward);
    return 0;
}

static void forward_close(struct stream *stream)
{
    struct http_forward *forward = of_stream(stream);
    if (!forward->has_ended && is_tunnel(forward))
        end(forward, forward->answer.head ? HTTP_FORWARD_BROKEN : HTTP_FORWARD_LAST, ERR_EOF);
    forward_finish(stream);
    /* A whole response whose head waits for the client's room is flushed yet. */
    if (!forward->has_ended && timer_start(&forward->patience, FLUSH_MS) < 0)
        fail(forward, -ENOMEM);
    release(forward);
}

static void forward_abort(struct stream *stream)
{
    struct http_forward *forward = of_stream(stream);
    if (!forward->has_ended)
        fail(forward, forward->request_err ? forward->request_err : -ECONNRESET);
    release(forward);
}

static const struct stream_ops stream_ops = {
    .peek = forward_peek,
    .consume = forward_consume,
    .write = forward_write,
    .finish = forward_finish,
    .close = forward_close,
    .abort = forward_abort,
};

/* ---- the client's connection ---- */

static void flush(struct http_forward *forward)
{
    bool was_waiting = forward->answer.head != NULL;
    int err = http_answer_flush(&forward->answer);
    if (err < 0)
        fail(forward, err);
    else if (was_waiting && is_tunnel(forward) && !forward->answer.head &&
             forward->answer.is_finished)
        stream_finish(forward->client);
    else
        end_if_complete(forward);
}

static void check_gone(struct http_forward *forward)
{
    struct span span;
    if (forward->is_gone || peek_body(forward, &span, 1) >= 0)
        return;
    forward->is_gone = true;
    if (forward->inbound.on_gone)
        forward->inbound.on_gone(forward->inbound.owner);
}

static void on_client_wake(void *owner)
{
    struct http_forward *forward = owner;
    if (forward->has_ended)
        return;
    flush(forward);
    if (forward->is_released)
        return;
    if (!forward->is_admitted)
        check_gone(forward);
    else if (forward->stream.on_wake)
        forward->stream.on_wake(forward->stream.owner);
}

/* ---- the inbound ---- */

static struct http_forward *of_inbound(struct inbound *inbound)
{
    return (struct http_forward *)inbound; /* embedded first */
}

static int forward_admit(struct inbound *inbound, struct stream **ret)
{
    struct http_forward *forward = of_inbound(inbound);
    forward->is_admitted = true;
    *ret = &forward->stream;
    return 0;
}

static void forward_refuse(struct inbound *inbound, int err)
{
    struct http_forward *forward = of_inbound(inbound);
    end(forward, forward->is_gone ? HTTP_FORWARD_BROKEN : HTTP_FORWARD_SILENT, err);
    release(forward);
}

static const struct inbound_ops inbound_ops = {.admit = forward_admit, .refuse = forward_refuse};

static int rewrite_head(struct http_forward *forward, struct chunk_pool *chunks,
                        const struct http_head *head, size_t head_size,
                        const struct http_target *target)
{
    forward->head = chunk_new(chunks, head_size + HTTP_REWRITE_EXTRA_BYTES);
    if (!forward->head)
        return -ENOMEM;
    ssize_t size =
        http_rewrite_request(head, target, (char *)forward->head->data, forward->head->capacity);
    if (size < 0 || http_body_of_request(head, &forward->body) < 0)
        return -EBADMSG;
    forward->head_size = (size_t)size;
    return 0;
}

int http_forward_new(struct loop *loop, struct stream *client, const struct http_head *head,
                     size_t head_size, const struct http_target *target,
                     http_forward_done_fn *on_done, void *owner, struct inbound **ret)
{
    struct http_forward *forward = calloc(1, sizeof(*forward));
    if (!forward)
        return -ENOMEM;
    deferred_init(&forward->telling, loop, tell, forward);
    timer_init(&forward->patience, loop, on_impatience, forward);
    int err = rewrite_head(forward, loop_chunks(loop), head, head_size, target);
    if (err < 0) {
        forward_free(forward);
        return err;
    }
    forward->client = client;
    forward->on_done = on_done;
    forward->owner = owner;
    forward->inbound =
        (struct inbound){.ops = &inbound_ops, .door = "http", .target = target->endpoint};
    forward->answer = (struct http_answer){
        .chunks = loop_chunks(loop),
        .client = client,
        .request = &forward->body,
        .is_to_head = head->method.size == 4 && memcmp(head->method.data, "HEAD", 4) == 0,
        .is_to_http10 = head->minor_version == 0,
        .is_to_websocket = http_rewrite_is_websocket(head),
        .keeps_alive = http_head_keeps_alive(head),
    };
    stream_init(&forward->stream, loop, &stream_ops);
    stream_consume(client, head_size);
    stream_set_owner(client, on_client_wake, forward);
    *ret = &forward->inbound;
    return 0;
}
