#include "service/engine/echo.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

enum { PROBES_MAX = 64 };

/* Most of what people ping is a web server, or answers at one of these with a refusal. */
enum { PORTS = 2 };
static const uint16_t ports[PORTS] = {443, 80};

struct attempt {
    struct probe *probe;
    struct connect *connect;
};

struct probe {
    struct list node;
    struct echo *echo;
    struct address target; /* no port */
    struct attempt attempts[PORTS];
    int err; /* of the attempt that failed last */
};

void echo_init(struct echo *echo, struct traffic *traffic, echo_result_fn *on_result, void *owner)
{
    *echo = (struct echo){.traffic = traffic, .on_result = on_result, .owner = owner};
    list_init(&echo->probes);
}

static void probe_free(struct probe *probe)
{
    for (int i = 0; i < PORTS; i++)
        connect_cancel(probe->attempts[i].connect);
    list_remove(&probe->node);
    probe->echo->count--;
    free(probe);
}

static void end(struct probe *probe, int err)
{
    struct echo *echo = probe->echo;
    struct address target = probe->target;

    probe_free(probe);
    echo->on_result(echo->owner, &target, err);
}

static bool is_under_way(const struct probe *probe)
{
    for (int i = 0; i < PORTS; i++)
        if (probe->attempts[i].connect)
            return true;
    return false;
}

static void on_connected(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    struct attempt *attempt = owner;
    struct probe *probe = attempt->probe;

    (void)upstream;
    attempt->connect = NULL;
    stream_abort(stream);
    if (err == ERR_TARGET_REFUSED)
        err = 0;
    probe->err = err;
    if (err == 0 || !is_under_way(probe))
        end(probe, err);
}

static struct probe *find(const struct echo *echo, const struct address *target)
{
    list_each(node, &echo->probes) {
        struct probe *probe = list_item(node, struct probe, node);
        if (address_is_equal(&probe->target, target))
            return probe;
    }
    return NULL;
}

static bool is_blocked(struct traffic *traffic, const struct address *target)
{
    static const struct caller anybody;
    const char *host = name_cache_find(traffic->names, target, loop_now_ms(traffic->loop));

    return host && decisions_name_is_blocked(&traffic->decisions, "ping", host, 0, &anybody);
}

static struct probe *probe_new(struct echo *echo, const struct address *target)
{
    struct probe *probe = calloc(1, sizeof(*probe));

    if (!probe)
        return NULL;
    probe->echo = echo;
    probe->target = *target;
    probe->err = ERR_NO_UPSTREAM;
    list_append(&echo->probes, &probe->node);
    echo->count++;
    return probe;
}

void echo_ask(struct echo *echo, const struct address *target)
{
    struct probe *probe = NULL;
    int err = ERR_LIMIT;

    if (find(echo, target))
        return;
    if (is_blocked(echo->traffic, target))
        err = ERR_BLOCKED;
    else if (echo->count < PROBES_MAX)
        probe = probe_new(echo, target);
    if (!probe) {
        echo->on_result(echo->owner, target, err);
        return;
    }
    for (int i = 0; i < PORTS; i++) {
        struct endpoint endpoint = endpoint_from_address(target);
        endpoint.address.port = ports[i];
        probe->attempts[i].probe = probe;
        err = connect_start(&echo->traffic->connector, &endpoint, on_connected, &probe->attempts[i],
                            &probe->attempts[i].connect);
        if (err < 0)
            probe->err = err;
    }
    if (!is_under_way(probe))
        end(probe, probe->err);
}

void echo_stop(struct echo *echo)
{
    list_each(node, &echo->probes)
        probe_free(list_item(node, struct probe, node));
}
