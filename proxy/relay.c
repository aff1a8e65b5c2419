/* Two streams joined. Each wake of either moves what can be moved in both directions; nothing is
 * held here, nothing is allocated, and no timer is restarted while bytes flow. */
#include "proxy/relay.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

/* What one direction may move before the other flows of the loop, and the descriptors, get their
 * turn: it goes on with the next turn of the loop. */
enum { TURN_BYTES = 256 * 1024 };

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
    struct timer more;         /* a direction used up its turn */
    struct timer quiet;
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
    timer_stop(&relay->more);
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

static size_t spans_size(const struct span *spans, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    return size;
}

/* Move one direction on. Returns 0, or why it cannot go on: the side that can no longer be read. */
static int move(struct relay *relay, struct direction *direction)
{
    struct span spans[STREAM_SPANS];
    for (size_t turn = 0; turn < TURN_BYTES;) {
        int count = stream_peek(direction->from, spans, STREAM_SPANS);
        if (count == ERR_EOF) {
            end_direction(relay, direction, stream_finish(direction->to));
            return 0;
        }
        if (count <= 0)
            return count;
        ssize_t taken = stream_write(direction->to, spans, count);
        if (taken < 0) {
            /* What that side had sent before it broke still has to arrive. */
            end_direction(relay, direction, (int)taken);
            return 0;
        }
        if (taken > 0) {
            size_t offered = spans_size(spans, count);
            stream_consume(direction->from, (size_t)taken);
            *direction->moved += (uint64_t)taken;
            *direction->total += (uint64_t)taken;
            relay->active_at_ms = loop_now_ms(relay_loop(relay));
            turn += (size_t)taken;
            if ((size_t)taken == offered)
                continue;
        }
        return 0;
    }
    return timer_start(&relay->more, 0);
}

static void on_wake(void *owner)
{
    struct relay *relay = owner;
    int err = 0;
    if (!relay->up.is_ended)
        err = move(relay, &relay->up);
    if (err == 0 && !relay->down.is_ended)
        err = move(relay, &relay->down);
    if (err < 0)
        relay_end(relay, err, stream_abort, stream_abort);
    else if (relay->up.is_ended && relay->down.is_ended)
        end_well(relay);
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
    relay->active_at_ms = loop_now_ms(loop);
    deferred_init(&relay->look, loop, on_wake, relay);
    timer_init(&relay->more, loop, on_wake, relay);
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
