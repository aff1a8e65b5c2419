/* Two streams joined. Each wake of either moves what can be moved in both directions; nothing is
 * held here, nothing is allocated, and no timer is restarted while bytes flow.
 *
 * Whoever moves little goes first: a relay that has just moved much waits for its turn behind all
 * others, so that a short question beside downloads waits for a few pieces of theirs, not for all
 * that they have. */
#include "proxy/relay.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

enum {
    TURN_BYTES = 4 * STREAM_PIECE_BYTES, /* what one direction moves in one go */
    GREEDY_BYTES = 64 * 1024,            /* whoever has moved more than this lately is greedy; */
    FORGET_BYTES_PER_MS = 8 * 1024,      /* "lately": so much is forgotten */
    REMEMBER_MAX_BYTES = 256 * 1024,
};

struct direction {
    struct stream *from, *to;
    uint64_t *moved, *total; /* the flow's count, and the shared one */
    bool is_ended;           /* the end was passed on, or `to` takes no more */
};

struct relay {
    struct direction up, down;
    struct relay_options options;
    struct relay_bytes untold; /* where there is no total to count up */
    struct deferred look;      /* the first one, or a direction ended */
    struct deferred turn;      /* the next of a greedy one */
    struct timer quiet;
    uint64_t lately_at_ms;
    uint32_t lately_bytes; /* moved, and not forgotten yet at that time */
    uint64_t active_at_ms; /* when bytes moved last; read when the timer fires */
    int write_err;         /* of the first side that stopped taking bytes */
    bool is_client_broken; /* it takes none */
    relay_done_fn *on_done;
    void *owner;
};

static struct loop *relay_loop(const struct relay *relay)
{
    return relay->quiet.loop;
}

static void relay_stop(struct relay *relay)
{
    timer_stop(&relay->quiet);
    deferred_cancel(&relay->turn);
    deferred_cancel(&relay->look);
}

typedef void let_go_fn(struct stream *stream);

/* The streams' wakes end with close or abort, so nothing comes after this. */
static void relay_end(struct relay *relay, int why, let_go_fn *client, let_go_fn *upstream)
{
    relay_stop(relay);
    client(relay->up.from);
    upstream(relay->down.from);
    relay->on_done(relay->owner, why);
    free(relay);
}

/* Both directions have ended. A client that broke off gets nothing more, and what its upstream
 * still sends is not wanted; an upstream that broke off may have answered before. */
static void end_well(struct relay *relay)
{
    relay_end(relay, relay->write_err, stream_close,
              relay->is_client_broken ? stream_abort : stream_close);
}

static uint64_t quiet_limit_ms(const struct relay *relay)
{
    uint64_t limit = relay->options.idle_timeout_ms;
    uint64_t half = relay->options.half_close_timeout_ms;
    bool is_half_closed = relay->up.is_ended || relay->down.is_ended;
    return is_half_closed && half && (!limit || half < limit) ? half : limit;
}

static void start_quiet_timer(struct relay *relay)
{
    uint64_t limit = quiet_limit_ms(relay);
    uint64_t quiet = loop_now_ms(relay_loop(relay)) - relay->active_at_ms;
    if (limit && timer_start(&relay->quiet, limit > quiet ? limit - quiet : 0) < 0)
        relay->options.idle_timeout_ms = relay->options.half_close_timeout_ms = 0;
}

static void on_quiet(void *owner)
{
    struct relay *relay = owner;
    uint64_t quiet = loop_now_ms(relay_loop(relay)) - relay->active_at_ms;
    if (quiet >= quiet_limit_ms(relay))
        relay_end(relay, -ETIMEDOUT, stream_abort, stream_abort);
    else
        start_quiet_timer(relay);
}

static void end_direction(struct relay *relay, struct direction *direction, int write_err)
{
    direction->is_ended = true;
    if (write_err && !relay->write_err)
        relay->write_err = write_err;
    if (write_err && direction == &relay->down)
        relay->is_client_broken = true;
    /* Once per connection: the shorter patience of a half-closed one begins. */
    relay->active_at_ms = loop_now_ms(relay_loop(relay));
    if (relay->options.half_close_timeout_ms)
        start_quiet_timer(relay);
    /* The other side may have ended or broken too, without a wake of its own for it. */
    deferred_schedule(&relay->look);
}

/* The first `size` bytes of the spans: how many spans are left. */
static int cut_spans(struct span *spans, int count, size_t size)
{
    for (int i = 0; i < count; i++) {
        if (spans[i].size >= size) {
            spans[i].size = size;
            return i + 1;
        }
        size -= spans[i].size;
    }
    return count;
}

/* Move one direction on. Returns how much was moved, or why it cannot go on: the side that can no
 * longer be read. */
static ssize_t move(struct relay *relay, struct direction *direction)
{
    struct span spans[STREAM_SPANS];
    size_t moved = 0;
    while (moved < TURN_BYTES) {
        int count = stream_peek(direction->from, spans, STREAM_SPANS);
        if (count == ERR_EOF) {
            end_direction(relay, direction, stream_finish(direction->to));
            break;
        }
        if (count < 0)
            return count;
        if (count == 0)
            break;
        count = cut_spans(spans, count, TURN_BYTES);
        ssize_t taken = stream_write(direction->to, spans, count);
        if (taken < 0) {
            /* What that side had sent before it broke still has to arrive. */
            end_direction(relay, direction, (int)taken);
            break;
        }
        if (taken == 0)
            break;
        size_t offered = spans_size(spans, count);
        stream_consume(direction->from, (size_t)taken);
        moved += (size_t)taken;
        *direction->moved += (uint64_t)taken;
        *direction->total += (uint64_t)taken;
        if ((size_t)taken < offered)
            break;
    }
    return (ssize_t)moved;
}

static bool is_greedy(struct relay *relay)
{
    uint64_t now_ms = loop_now_ms(relay_loop(relay));
    uint64_t forgotten = (now_ms - relay->lately_at_ms) * FORGET_BYTES_PER_MS;
    relay->lately_at_ms = now_ms;
    relay->lately_bytes -=
        forgotten < relay->lately_bytes ? (uint32_t)forgotten : relay->lately_bytes;
    return relay->lately_bytes > GREEDY_BYTES;
}

static void note_moved(struct relay *relay, size_t moved)
{
    relay->active_at_ms = loop_now_ms(relay_loop(relay));
    moved += relay->lately_bytes;
    relay->lately_bytes = moved < REMEMBER_MAX_BYTES ? (uint32_t)moved : REMEMBER_MAX_BYTES;
}

static void on_turn(void *owner)
{
    struct relay *relay = owner;
    ssize_t up = relay->up.is_ended ? 0 : move(relay, &relay->up);
    ssize_t down = up < 0 || relay->down.is_ended ? 0 : move(relay, &relay->down);
    if (up < 0 || down < 0) {
        relay_end(relay, (int)(up < 0 ? up : down), stream_abort, stream_abort);
        return;
    }
    if (relay->up.is_ended && relay->down.is_ended) {
        end_well(relay);
        return;
    }
    if (up > 0 || down > 0)
        note_moved(relay, (size_t)(up + down));
    if (up >= TURN_BYTES || down >= TURN_BYTES) /* there may be more */
        deferred_postpone(&relay->turn);
}

static void on_wake(void *owner)
{
    struct relay *relay = owner;
    if (is_greedy(relay))
        deferred_postpone(&relay->turn);
    else
        on_turn(relay);
}

int relay_start(struct loop *loop, struct stream *client, struct stream *upstream,
                const struct relay_options *options, struct relay_bytes *bytes,
                relay_done_fn *on_done, void *owner, struct relay **ret)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        stream_abort(client);
        stream_abort(upstream);
        return -ENOMEM;
    }
    struct relay_bytes *total = options->total ? options->total : &relay->untold;
    relay->up = (struct direction){client, upstream, &bytes->up, &total->up, false};
    relay->down = (struct direction){upstream, client, &bytes->down, &total->down, false};
    relay->options = *options;
    relay->on_done = on_done;
    relay->owner = owner;
    relay->active_at_ms = relay->lately_at_ms = loop_now_ms(loop);
    deferred_init(&relay->look, loop, on_wake, relay);
    deferred_init(&relay->turn, loop, on_turn, relay);
    timer_init(&relay->quiet, loop, on_quiet, relay);
    stream_set_owner(client, on_wake, relay);
    stream_set_owner(upstream, on_wake, relay);
    start_quiet_timer(relay);
    deferred_schedule(&relay->look); /* what arrived before had its wake before */
    *ret = relay;
    return 0;
}

void relay_abort(struct relay *relay)
{
    relay_stop(relay);
    stream_abort(relay->up.from);
    stream_abort(relay->down.from);
    free(relay);
}
