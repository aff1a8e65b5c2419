#include "service/engine/connect.h"

#include "base/err.h"
#include "service/engine/dns_lookup.h"

#include <errno.h>
#include <stdlib.h>

/* A name may have many addresses, each of them silent, and applications give up by themselves. */
enum { PATIENCE_MS = 20000 };

struct connect {
    struct connector *connector;
    struct endpoint target;
    connect_done_fn *on_done;
    void *owner;
    uint64_t patient_until_ms; /* afterwards nobody else is tried */

    struct upstream *tried[CONNECT_ATTEMPTS]; /* counted; the last one is the current one */
    size_t tried_count;
    struct dial *dial;

    struct dns_lookup *lookup;
    struct address addresses[DNS_ANSWER_ADDRESSES]; /* of a name, for direct */
    size_t address_count, address_next;
};

static int try_next_upstream(struct connect *connect);

static struct upstream *current(const struct connect *connect)
{
    return connect->tried_count ? connect->tried[connect->tried_count - 1] : NULL;
}

static void connect_free(struct connect *connect)
{
    dns_lookup_cancel(connect->lookup);
    dial_cancel(connect->dial);
    for (size_t i = 0; i < connect->tried_count; i++)
        upstream_unref(connect->tried[i]);
    free(connect);
}

static void end(struct connect *connect, struct stream *stream, int err)
{
    connect->on_done(connect->owner, stream, current(connect), err);
    connect_free(connect);
}

static bool has_next_address(const struct connect *connect)
{
    return connect->address_next < connect->address_count;
}

static void on_dialed(void *owner, struct stream *stream, int err);

static int dial_target(struct connect *connect, const struct endpoint *target)
{
    return dial_start(connect->connector->dialer, current(connect), target, on_dialed, connect,
                      &connect->dial);
}

static int dial_next_address(struct connect *connect)
{
    struct endpoint target;
    struct address address = connect->addresses[connect->address_next++];

    address.port = connect->target.address.port;
    target = endpoint_from_address(&address);
    return dial_target(connect, &target);
}

/* The target's own trouble is the caller's to know; an upstream's is a reason to try another. */
static void on_failed(struct connect *connect, int err)
{
    if (loop_now_ms(connect->connector->loop) >= connect->patient_until_ms) {
        end(connect, NULL, err);
        return;
    }
    if (err_is_target(err) && has_next_address(connect))
        err = dial_next_address(connect);
    else if (!err_is_target(err) && err != ERR_BLOCKED)
        err = try_next_upstream(connect) < 0 ? err : 0;
    if (err < 0)
        end(connect, NULL, err);
}

void connector_report(struct connector *connector, const struct upstream *upstream, int err)
{
    int charged = err_is_target(err) ? 0 : err;

    pool_report(connector->pool, upstream, charged, loop_now_ms(connector->loop));
    if (upstream->kind == UPSTREAM_DIRECT && err == ERR_TARGET_UNREACHABLE)
        return; /* the target's lack of a way, or our own: it shows nothing */
    connector->on_outcome(connector->owner, charged);
}

static void on_dialed(void *owner, struct stream *stream, int err)
{
    struct connect *connect = owner;

    connect->dial = NULL;
    connector_report(connect->connector, current(connect), err);
    if (err < 0)
        on_failed(connect, err);
    else
        end(connect, stream, 0);
}

static void on_looked_up(void *owner, int err, const struct address *addresses, size_t count)
{
    struct connect *connect = owner;

    connect->lookup = NULL;
    for (size_t i = 0; err == 0 && i < count; i++)
        connect->addresses[connect->address_count++] = addresses[i];
    if (err == 0)
        err = dial_next_address(connect);
    if (err < 0)
        end(connect, NULL, err);
}

static int try_current(struct connect *connect)
{
    if (current(connect)->kind != UPSTREAM_DIRECT || !endpoint_is_name(&connect->target))
        return dial_target(connect, &connect->target);
    if (!connect->connector->dns)
        return ERR_NAME;
    connect->address_count = connect->address_next = 0;
    return dns_lookup_start(connect->connector->dns, connect->target.name, on_looked_up, connect,
                            &connect->lookup);
}

static int try_next_upstream(struct connect *connect)
{
    struct connector *connector = connect->connector;

    while (connect->tried_count < CONNECT_ATTEMPTS) {
        struct upstream *upstream;
        if (pool_pick(connector->pool, false, connect->tried, connect->tried_count,
                      loop_now_ms(connector->loop), &upstream) < 0)
            return ERR_NO_UPSTREAM;
        connect->tried[connect->tried_count++] = upstream;
        if (try_current(connect) == 0)
            return 0;
    }
    return ERR_NO_UPSTREAM;
}

int connect_start(struct connector *connector, const struct endpoint *target,
                  connect_done_fn *on_done, void *owner, struct connect **ret)
{
    struct connect *connect = calloc(1, sizeof(*connect));
    int err;

    if (!connect)
        return -ENOMEM;
    connect->connector = connector;
    connect->target = *target;
    connect->on_done = on_done;
    connect->owner = owner;
    connect->patient_until_ms = loop_now_ms(connector->loop) + PATIENCE_MS;
    err = try_next_upstream(connect);
    if (err < 0) {
        connect_free(connect);
        return err;
    }
    *ret = connect;
    return 0;
}

void connect_cancel(struct connect *connect)
{
    if (connect)
        connect_free(connect);
}
