/* Reading goes ahead in work(), which only the loop calls: heads are parsed, the filter is asked,
 * refusals are written. What the owner calls (peek, consume, write) only moves bytes that work()
 * admitted, and schedules it when something of its concern has changed. */
#include "adblock/http_gate.h"
#include "adblock/http_collect.h"
#include "adblock/http_refusal.h"
#include "adblock/http_reply.h"
#include "adblock/http_request_facts.h"
#include "adblock/sniff.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN_STEPS = 64,         /* before other flows get their turn */
    DRAIN_MAX_BYTES = 65536, /* of a refused request's body; a longer one ends the connection */
};

enum state {
    STATE_HEAD,  /* between exchanges: waiting for a request */
    STATE_OPEN,  /* a request was admitted; it and its response pass */
    STATE_DRAIN, /* a refused request's body is dropped */
    STATE_LAST,  /* the refusal under way is the last thing the client hears */
    STATE_ENDED, /* nothing more is admitted: the owner sees the end */
    STATE_ASIDE, /* not HTTP, or no longer */
};

struct http_gate {
    struct stream stream; /* first: this is what the owner holds */
    struct stream *client;
    struct deferred work;
    const struct http_gate_events *events;
    void *owner;
    enum state state;
    bool is_tls, had_request;
    bool is_finished;         /* by the owner, or by a last refusal */
    bool is_finish_passed;    /* to the client, behind the refusal under way */
    struct http_collect held; /* a head that came in pieces; handed up from here once admitted */
    size_t held_at;
    size_t admitted; /* unread bytes of the client's that may be read */
    struct http_body body;
    struct http_reply reply;
    char *refusal; /* being written to the client */
    size_t refusal_size, refusal_at;
    char host[NAME_MAX_BYTES + 3];
};

static struct http_gate *gate_of(struct stream *stream)
{
    return (struct http_gate *)stream;
}

static size_t held_size(const struct http_gate *gate)
{
    return gate->held.size - gate->held_at;
}

static void drop_held(struct http_gate *gate)
{
    http_collect_done(&gate->held);
    gate->held_at = 0;
}

/* --- refusing: work() writes what is set here ------------------------------------------------ */

/* False when there is no memory: the client will see an end without an answer. */
static bool set_refusal(struct http_gate *gate, const char *data, size_t size)
{
    gate->refusal = malloc(size);
    if (!gate->refusal)
        return false;
    memcpy(gate->refusal, data, size);
    gate->refusal_size = size;
    gate->refusal_at = 0;
    return true;
}

static void flush_refusal(struct http_gate *gate)
{
    ssize_t taken = stream_write_bytes(gate->client, gate->refusal + gate->refusal_at,
                                       gate->refusal_size - gate->refusal_at);
    if (taken > 0)
        gate->refusal_at += (size_t)taken;
    if (taken >= 0 && gate->refusal_at < gate->refusal_size)
        return;
    free(gate->refusal); /* written, or the client is gone, which its peek will tell */
    gate->refusal = NULL;
}

static void refuse_malformed(struct http_gate *gate, int err, const char *why)
{
    char text[HTTP_REFUSAL_MAX_BYTES];
    set_refusal(gate, text, http_refusal_format_error(err == -E2BIG ? 431 : 400, why, text));
    gate->state = STATE_LAST;
}

/* Can the connection go on behind a refusal? */
static bool keeps_alive(const struct http_gate *gate, const struct http_head *head)
{
    bool is_short = gate->body.framing == HTTP_NO_BODY ||
                    (gate->body.framing == HTTP_LENGTH && gate->body.left <= DRAIN_MAX_BYTES &&
                     !http_head_find(head, "expect")); /* it may never come (RFC 9110 10.1.1) */
    return is_short && http_head_keeps_alive(head);
}

static void refuse(struct http_gate *gate, const struct http_head *head,
                   const struct filter *filter, const struct filter_request *request,
                   const struct verdict *verdict)
{
    char text[HTTP_REFUSAL_MAX_BYTES];
    bool keeps = keeps_alive(gate, head);
    size_t size = http_refusal_format(filter, request, verdict, keeps, text);
    gate->state = set_refusal(gate, text, size) && keeps ? STATE_DRAIN : STATE_LAST;
}

/* --- requests ------------------------------------------------------------------------------- */

/* Ask the filter; a refusal sets another state. In a frame of its own, for the facts are large. */
static void decide(struct http_gate *gate, const struct http_head *head)
{
    struct http_request_facts facts;
    struct verdict verdict = {.action = VERDICT_NONE};
    const struct filter *filter = gate->events->filter(gate->owner);
    http_request_facts_read(head, gate->host, gate->is_tls, &facts);
    if (filter)
        filter_ask_request(filter, &facts.request, &verdict);
    gate->state = STATE_OPEN;
    if (verdict_is_block(&verdict))
        refuse(gate, head, filter, &facts.request, &verdict);
    gate->events->on_request(gate->owner, &facts.request, &verdict);
}

/* `head` points into gate->held, or into the client's bytes, of which it then is the first
 * `in_place`. */
static void take_request(struct http_gate *gate, const struct http_head *head, size_t in_place)
{
    gate->had_request = true;
    if (http_body_of_request(head, &gate->body) < 0) {
        refuse_malformed(gate, -EBADMSG, "the length of its body is unclear");
        return;
    }
    decide(gate, head);
    if (gate->state == STATE_OPEN) {
        http_reply_start(&gate->reply, head);
        gate->admitted = in_place;
        return;
    }
    drop_held(gate);
    stream_consume(gate->client, in_place);
}

static void take_malformed(struct http_gate *gate, const char *data, size_t size, int err,
                           const char *why)
{
    struct sniff sniff;
    bool is_foreign =
        !gate->had_request && err == -EBADMSG && sniff_look(data, size, &sniff) == SNIFF_UNKNOWN;
    if (is_foreign)
        gate->state = STATE_ASIDE;
    else
        refuse_malformed(gate, err, why);
}

/* Empty lines before a request are to be ignored (RFC 9112 sec. 2.2). */
static void skip_empty_lines(struct http_gate *gate)
{
    char line[2];
    while (stream_gather(gate->client, line, 2) == 2 && memcmp(line, "\r\n", 2) == 0)
        stream_consume(gate->client, 2);
}

/* One span of the client's. True when a head was complete, or can no longer become one. */
static bool read_span(struct http_gate *gate, const struct span *span)
{
    struct http_head head;
    const char *why = NULL, *data = (const char *)span->data;
    size_t used = span->size;
    int result = http_collect_feed(&gate->held, http_head_parse_request, data, span->size, &head,
                                   &why, &used);
    bool is_held = gate->held.size > 0;
    if (is_held)
        stream_consume(gate->client, used);
    if (result > 0)
        take_request(gate, &head, is_held ? 0 : used);
    else if (result < 0 && is_held)
        take_malformed(gate, gate->held.data, gate->held.size, result, why);
    else if (result < 0)
        take_malformed(gate, data, span->size, result, why);
    return result != 0;
}

static bool read_head(struct http_gate *gate)
{
    struct span span;
    if (held_size(gate) == 0)
        skip_empty_lines(gate);
    while (stream_peek(gate->client, &span, 1) > 0) {
        if (held_size(gate) == 0 && span.size == 1 && span.data[0] == '\r')
            return false; /* half of an empty line */
        if (read_span(gate, &span))
            return true;
    }
    return false;
}

static void drop_unread(struct http_gate *gate)
{
    struct span spans[STREAM_SPANS];
    for (int count; (count = stream_peek(gate->client, spans, STREAM_SPANS)) > 0;) {
        size_t size = 0;
        for (int i = 0; i < count; i++)
            size += spans[i].size;
        stream_consume(gate->client, size);
    }
}

static void drain_body(struct http_gate *gate)
{
    struct span span;
    while (!http_body_is_done(&gate->body) && stream_peek(gate->client, &span, 1) > 0) {
        ssize_t used = http_body_feed(&gate->body, (const char *)span.data, span.size);
        if (used <= 0)
            return; /* only a chunked body can be broken, and none is drained */
        stream_consume(gate->client, (size_t)used);
    }
    if (http_body_is_done(&gate->body))
        gate->state = STATE_HEAD;
}

/* --- the work between the owner's calls --------------------------------------------------------
 */

static bool is_request_over(const struct http_gate *gate)
{
    return http_body_is_done(&gate->body) && gate->admitted == 0 && held_size(gate) == 0;
}

/* One step; false when it is for others to move. */
static bool step(struct http_gate *gate)
{
    enum state before = gate->state;
    switch (gate->state) {
    case STATE_HEAD:
        if (!gate->is_finished && gate->reply.state != HTTP_REPLY_LOST)
            return read_head(gate);
        gate->state = STATE_ENDED; /* no response would come, or in no known order */
        break;
    case STATE_OPEN:
        if (is_request_over(gate) && (gate->reply.state == HTTP_REPLY_DONE || gate->is_finished))
            gate->state = STATE_HEAD;
        break;
    case STATE_DRAIN: drain_body(gate); break;
    case STATE_LAST:
        gate->is_finished = true;
        gate->state = STATE_ENDED;
        break;
    case STATE_ENDED: drop_unread(gate); break;
    case STATE_ASIDE: break;
    }
    return gate->state != before;
}

static void work(void *owner)
{
    struct http_gate *gate = owner;
    bool goes_on = true;
    for (int turn = 0; goes_on && turn < TURN_STEPS; turn++) {
        if (gate->refusal)
            flush_refusal(gate);
        goes_on = !gate->refusal && step(gate);
    }
    if (goes_on)
        deferred_schedule(&gate->work);
    if (gate->is_finished && !gate->is_finish_passed && !gate->refusal) {
        gate->is_finish_passed = true;
        stream_finish(gate->client);
    }
    stream_signal(&gate->stream);
}

/* --- what the owner calls -----------------------------------------------------------------------
 */

/* Cut the spans to what belongs to the request. Returns how many are left, or < 0 for a body that
 * cannot be followed: the server might take it for another request. */
static int admit_spans(struct http_gate *gate, struct span *spans, int count)
{
    size_t before = 0;
    for (int i = 0; i < count; before += spans[i].size, i++) {
        size_t known = gate->admitted > before ? gate->admitted - before : 0;
        if (known >= spans[i].size)
            continue;
        ssize_t used =
            http_body_feed(&gate->body, (const char *)spans[i].data + known, spans[i].size - known);
        if (used < 0)
            return ERR_PROTOCOL;
        gate->admitted += (size_t)used;
        if (known + (size_t)used == spans[i].size)
            continue;
        spans[i].size = known + (size_t)used;
        return spans[i].size ? i + 1 : i;
    }
    return count;
}

static int peek_client(struct http_gate *gate, struct span *ret, int max)
{
    int count = stream_peek(gate->client, ret, max);
    if (gate->state == STATE_ASIDE || count < 0)
        return count;
    return gate->state == STATE_OPEN ? admit_spans(gate, ret, count) : 0;
}

static int gate_peek(struct stream *stream, struct span *ret, int max)
{
    struct http_gate *gate = gate_of(stream);
    if (gate->state == STATE_ENDED)
        return gate->refusal ? 0 : ERR_EOF;
    bool is_open = gate->state == STATE_OPEN || gate->state == STATE_ASIDE;
    if (!is_open || held_size(gate) == 0) {
        int count = peek_client(gate, ret, max);
        return count == ERR_EOF && gate->refusal ? 0 : count;
    }
    ret[0] = (struct span){(const uint8_t *)gate->held.data + gate->held_at, held_size(gate), NULL};
    int count = max > 1 ? peek_client(gate, ret + 1, max - 1) : 0;
    return count > 0 ? count + 1 : 1;
}

static void gate_consume(struct stream *stream, size_t size)
{
    struct http_gate *gate = gate_of(stream);
    size_t held = size < held_size(gate) ? size : held_size(gate);
    gate->held_at += held;
    if (held > 0 && held_size(gate) == 0)
        drop_held(gate);
    size -= held;
    if (gate->state == STATE_OPEN)
        gate->admitted -= size;
    if (size > 0)
        stream_consume(gate->client, size);
    if (gate->state == STATE_OPEN && is_request_over(gate))
        deferred_schedule(&gate->work);
}

static void follow_reply(struct http_gate *gate, const struct span *spans, size_t size)
{
    for (; size > 0; spans++) {
        size_t part = spans->size < size ? spans->size : size;
        http_reply_feed(&gate->reply, (const char *)spans->data, part);
        size -= part;
    }
    if (gate->reply.state == HTTP_REPLY_TUNNEL)
        gate->state = STATE_ASIDE;
    if (gate->reply.state != HTTP_REPLY_HEAD && gate->reply.state != HTTP_REPLY_BODY)
        deferred_schedule(&gate->work);
}

static ssize_t gate_write(struct stream *stream, const struct span *spans, int count)
{
    struct http_gate *gate = gate_of(stream);
    if (gate->refusal)
        return 0; /* woken by work() when it has been written */
    if (gate->is_finished)
        return -EPIPE;
    ssize_t taken = stream_write(gate->client, spans, count);
    if (taken > 0 && !gate->had_request && gate->held.size == 0)
        gate->state = STATE_ASIDE; /* a server that speaks first speaks no HTTP */
    if (taken > 0 && gate->state != STATE_ASIDE)
        follow_reply(gate, spans, (size_t)taken);
    return taken;
}

static int gate_finish(struct stream *stream)
{
    struct http_gate *gate = gate_of(stream);
    gate->is_finished = true;
    deferred_schedule(&gate->work);
    if (gate->refusal || gate->is_finish_passed)
        return 0;
    gate->is_finish_passed = true;
    return stream_finish(gate->client);
}

static void gate_free(struct http_gate *gate)
{
    stream_done(&gate->stream);
    deferred_cancel(&gate->work);
    http_collect_done(&gate->held);
    http_reply_done(&gate->reply);
    free(gate->refusal);
    free(gate);
}

static void gate_close(struct stream *stream)
{
    struct http_gate *gate = gate_of(stream);
    if (gate->refusal)
        flush_refusal(gate);
    stream_close(gate->client);
    gate_free(gate);
}

static void gate_abort(struct stream *stream)
{
    struct http_gate *gate = gate_of(stream);
    stream_abort(gate->client);
    gate_free(gate);
}

static const struct stream_ops gate_ops = {
    .peek = gate_peek,
    .consume = gate_consume,
    .write = gate_write,
    .finish = gate_finish,
    .close = gate_close,
    .abort = gate_abort,
};

/* An IPv6 address goes into a URL in brackets. */
static void set_host(struct http_gate *gate, const char *host)
{
    bool is_ip6 = host && strchr(host, ':') && host[0] != '[';
    snprintf(gate->host, sizeof(gate->host), is_ip6 ? "[%s]" : "%s", host ? host : "");
}

int http_gate_new(struct loop *loop, struct stream *client, const char *host, bool is_tls,
                  const struct http_gate_events *events, void *owner, struct stream **ret)
{
    struct http_gate *gate = calloc(1, sizeof(*gate));
    if (!gate) {
        stream_abort(client);
        return -ENOMEM;
    }
    stream_init(&gate->stream, loop, &gate_ops);
    deferred_init(&gate->work, loop, work, gate);
    gate->client = client;
    gate->events = events;
    gate->owner = owner;
    gate->is_tls = is_tls;
    set_host(gate, host);
    stream_set_owner(client, work, gate);
    deferred_schedule(&gate->work); /* what arrived before had its wake before */
    *ret = &gate->stream;
    return 0;
}
