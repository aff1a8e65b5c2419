#include "proxy/http_answer.h"

#include "base/err.h"
#include "proxy/http_rewrite.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void http_answer_done(struct http_answer *answer)
{
    chunk_unref(answer->head);
    free(answer->partial);
    answer->head = NULL;
    answer->partial = NULL;
}

bool http_answer_is_whole(const struct http_answer *answer)
{
    if (answer->phase != HTTP_ANSWER_BODY)
        return false;
    if (answer->body.framing == HTTP_UNTIL_CLOSE)
        return answer->is_finished;
    return http_body_is_done(&answer->body);
}

bool http_answer_is_complete(const struct http_answer *answer)
{
    return !answer->head && http_answer_is_whole(answer);
}

bool http_answer_is_silent(const struct http_answer *answer)
{
    return answer->phase == HTTP_ANSWER_HEAD && !answer->head;
}

/* ---- the head ---- */

static struct span head_rest(const struct http_answer *answer)
{
    return (struct span){.data = answer->head->data + answer->head_sent,
                         .size = answer->head_size - answer->head_sent,
                         .chunk = answer->head};
}

/* Of `size` bytes that the client took, returns those that were not the head's. */
static size_t account_head(struct http_answer *answer, size_t size)
{
    if (!answer->head)
        return size;
    size_t rest = answer->head_size - answer->head_sent;
    if (size < rest) {
        answer->head_sent += size;
        return 0;
    }
    chunk_unref(answer->head);
    answer->head = NULL;
    return size - rest;
}

int http_answer_flush(struct http_answer *answer)
{
    if (!answer->head)
        return 0;
    struct span span = head_rest(answer);
    ssize_t size = stream_write(answer->client, &span, 1);
    if (size < 0)
        return (int)size;
    account_head(answer, (size_t)size);
    return 0;
}

static int accept_framing(struct http_answer *answer, const struct http_head *head)
{
    struct http_text method = {"GET", 3};
    if (answer->is_to_head)
        method = (struct http_text){"HEAD", 4};
    if (http_body_of_response(head, method, &answer->body) < 0)
        return ERR_PROTOCOL;
    if (head->status == 101 && !answer->is_to_websocket)
        return ERR_PROTOCOL;
    if (answer->body.framing == HTTP_CHUNKED && answer->is_to_http10)
        return ERR_PROTOCOL;
    return 0;
}

static enum http_rewrite_connection decide_connection(struct http_answer *answer, int status)
{
    if (status == 101)
        return HTTP_CONNECTION_UPGRADE;
    if (status < 200)
        return HTTP_CONNECTION_SILENT;
    /* What is left of the request's body would be taken for the next request. */
    if (answer->body.framing == HTTP_UNTIL_CLOSE || !http_body_is_done(answer->request))
        answer->keeps_alive = false;
    return answer->keeps_alive ? HTTP_CONNECTION_KEEP : HTTP_CONNECTION_CLOSE;
}

static int rewrite_head(struct http_answer *answer, const struct http_head *head, size_t size)
{
    int err = accept_framing(answer, head);
    if (err < 0)
        return err;
    bool is_interim = head->status < 200 && head->status != 101;
    if (is_interim && answer->is_to_http10)
        return 0;
    struct chunk *chunk = chunk_new(answer->chunks, size + HTTP_REWRITE_EXTRA_BYTES);
    if (!chunk)
        return -ENOMEM;
    ssize_t rewritten = http_rewrite_response(head, decide_connection(answer, head->status),
                                              (char *)chunk->data, chunk->capacity);
    if (rewritten < 0) {
        chunk_unref(chunk);
        return ERR_PROTOCOL;
    }
    answer->head = chunk;
    answer->head_size = (size_t)rewritten;
    answer->head_sent = 0;
    if (!is_interim)
        answer->phase = head->status == 101 ? HTTP_ANSWER_TUNNEL : HTTP_ANSWER_BODY;
    return 0;
}

static int keep_partial(struct http_answer *answer, const void *data, size_t size)
{
    char *grown = realloc(answer->partial, answer->partial_size + size);
    if (!grown)
        return -ENOMEM;
    memcpy(grown + answer->partial_size, data, size);
    answer->partial = grown;
    answer->partial_size += size;
    return 0;
}

static void drop_partial(struct http_answer *answer)
{
    free(answer->partial);
    answer->partial = NULL;
    answer->partial_size = 0;
}

/* Returns how many of these bytes belong to a head, or a negative code. A head that comes in one
 * piece, as nearly all do, is not copied. */
static ssize_t take_head(struct http_answer *answer, const void *data, size_t size)
{
    struct http_head head;
    size_t before = answer->partial_size;
    if (before > 0 && keep_partial(answer, data, size) < 0)
        return -ENOMEM;
    const char *text = before > 0 ? answer->partial : data;
    size_t text_size = before > 0 ? answer->partial_size : size;
    ssize_t head_size = http_head_parse_response(text, text_size, &head, NULL);
    if (head_size < 0)
        return ERR_PROTOCOL;
    if (head_size == 0) {
        if (before == 0 && keep_partial(answer, data, size) < 0)
            return -ENOMEM;
        return (ssize_t)size;
    }
    int err = rewrite_head(answer, &head, (size_t)head_size);
    drop_partial(answer);
    return err < 0 ? err : head_size - (ssize_t)before;
}

/* Heads, interim ones too, until one has to wait for the client or the body begins. */
static ssize_t write_heads(struct http_answer *answer, struct span *spans, int count, int *ret_used)
{
    ssize_t taken = 0;
    while (answer->phase == HTTP_ANSWER_HEAD) {
        int err = http_answer_flush(answer);
        if (err < 0)
            return err;
        if (answer->head || *ret_used == count)
            break;
        struct span *span = &spans[*ret_used];
        ssize_t size = take_head(answer, span->data, span->size);
        if (size < 0)
            return size;
        taken += size;
        span->data += size;
        span->size -= (size_t)size;
        if (span->size == 0)
            (*ret_used)++;
    }
    return taken;
}

/* ---- the body ---- */

/* As much of the spans as belongs to the body. Returns their count or -EBADMSG. */
static int clip_to_body(struct http_body *body, const struct span *spans, int count,
                        struct span *ret)
{
    int used = 0;
    for (int i = 0; i < count && !http_body_is_done(body); i++) {
        ssize_t size = http_body_feed(body, (const char *)spans[i].data, spans[i].size);
        if (size < 0)
            return -EBADMSG;
        ret[used] = spans[i];
        ret[used++].size = (size_t)size;
    }
    return used;
}

static void advance_body(struct http_body *body, const struct span *spans, size_t size)
{
    for (; size > 0; spans++) {
        size_t part = spans->size < size ? spans->size : size;
        ssize_t fed = http_body_feed(body, (const char *)spans->data, part);
        assert(fed == (ssize_t)part);
        size -= part;
    }
}

/* Head and body leave in one write. Returns the bytes taken of the spans. */
static ssize_t write_body(struct http_answer *answer, const struct span *spans, int count)
{
    struct span out[STREAM_SPANS + 1];
    int used = count, heads = answer->head ? 1 : 0;
    struct span *body = out + heads;
    if (heads)
        out[0] = head_rest(answer);
    if (answer->phase == HTTP_ANSWER_TUNNEL) {
        memcpy(body, spans, (size_t)count * sizeof(*spans));
    } else {
        struct http_body probe = answer->body;
        used = clip_to_body(&probe, spans, count, body);
    }
    if (used < 0)
        return ERR_PROTOCOL;
    if (used + heads == 0)
        return 0;
    ssize_t size = stream_write(answer->client, out, used + heads);
    if (size < 0)
        return size;
    size_t taken = account_head(answer, (size_t)size);
    if (answer->phase == HTTP_ANSWER_BODY)
        advance_body(&answer->body, body, taken);
    return (ssize_t)taken;
}

ssize_t http_answer_write(struct http_answer *answer, const struct span *spans, int count)
{
    struct span rest[STREAM_SPANS];
    int used = 0;
    if (count > STREAM_SPANS)
        count = STREAM_SPANS;
    memcpy(rest, spans, (size_t)count * sizeof(*spans));
    ssize_t taken = write_heads(answer, rest, count, &used);
    if (taken < 0 || answer->phase == HTTP_ANSWER_HEAD)
        return taken;
    ssize_t body = write_body(answer, rest + used, count - used);
    return body < 0 ? body : taken + body;
}
