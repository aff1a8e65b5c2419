#include "proxy/attempt.h"

#include "base/err.h"
#include "proxy/connector.h"
#include "proxy/handshake.h"
#include "proxy/socket_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct attempt {
    struct dialer *dialer;
    struct upstream *upstream;
    struct endpoint target;
    enum socks5_command command;
    struct timer deadline;
    struct deferred refusal; /* UPSTREAM_BLOCK */
    struct connector *connector;
    struct address server;
    struct stream *stream; /* from connected to done */
    struct handshake handshake;
    attempt_done_fn *on_done;
    void *owner;
};

static void attempt_free(struct attempt *attempt)
{
    connector_cancel(attempt->connector);
    handshake_stop(&attempt->handshake);
    stream_abort(attempt->stream);
    timer_stop(&attempt->deadline);
    deferred_cancel(&attempt->refusal);
    attempt->dialer->attempts--;
    upstream_unref(attempt->upstream);
    free(attempt);
}

void attempt_cancel(struct attempt *attempt)
{
    if (attempt)
        attempt_free(attempt);
}

/* Behind `direct` there is no server in between: what fails is the target. */
static int blame_target(int err)
{
    switch (err) {
    case -ECONNREFUSED: return ERR_TARGET_REFUSED;
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -ENETDOWN:
    case -EADDRNOTAVAIL:
    case -EAFNOSUPPORT:
    case -ECONNRESET: return ERR_TARGET_UNREACHABLE;
    default: return err;
    }
}

static void fail(struct attempt *attempt, int err)
{
    attempt_done_fn *on_done = attempt->on_done;
    void *owner = attempt->owner;
    if (attempt->upstream->kind == UPSTREAM_DIRECT)
        err = blame_target(err);
    attempt_free(attempt);
    on_done(owner, NULL, NULL, NULL, err);
}

static void succeed(struct attempt *attempt)
{
    attempt_done_fn *on_done = attempt->on_done;
    void *owner = attempt->owner;
    struct stream *stream = attempt->stream;
    struct address server = attempt->server, bound = attempt->handshake.bound;
    attempt->stream = NULL;
    attempt_free(attempt);
    on_done(owner, stream, &server, &bound, 0);
}

static void on_deadline(void *owner)
{
    fail(owner, -ETIMEDOUT);
}

static void on_refusal(void *owner)
{
    fail(owner, ERR_BLOCKED);
}

static void on_handshake_done(void *owner, int err)
{
    if (err < 0)
        fail(owner, err);
    else
        succeed(owner);
}

static int start_tls(struct attempt *attempt)
{
    const struct upstream *upstream = attempt->upstream;
    char name[ENDPOINT_TEXT_MAX];
    struct tls_options options = {
        .name = upstream->tls_name,
        .ca_file = upstream->tls_ca_file,
        .is_insecure = upstream->tls_insecure,
        .alpn = "http/1.1",
    };
    if (!options.name)
        options.name = endpoint_is_name(&upstream->server)
                           ? upstream->server.name
                           : address_format_ip(&upstream->server.address, name);
    struct stream *inner = attempt->stream;
    attempt->stream = NULL; /* taken in any case */
    return tls_stream_new(attempt->dialer->loop, inner, &options, &attempt->stream);
}

static void start_handshake(struct attempt *attempt)
{
    int err = 0;
    if (attempt->upstream->kind == UPSTREAM_HTTPS)
        err = start_tls(attempt);
    if (err == 0)
        err = handshake_start(&attempt->handshake, attempt->stream, attempt->upstream,
                              attempt->command, &attempt->target, on_handshake_done, attempt);
    if (err < 0)
        fail(attempt, err);
}

/* Takes the descriptor, also on failure. */
static int make_stream(struct attempt *attempt, int fd)
{
    const struct dialer *dialer = attempt->dialer;
    int err = socket_stream_new(dialer->loop, fd, dialer->options.buffer_bytes, &attempt->stream);
    if (err < 0) {
        close(fd);
        return err;
    }
    socket_stream_watch_peer(attempt->stream, dialer->options.stall_timeout_ms);
    return socket_stream_peer_address(attempt->stream, &attempt->server);
}

static void on_connected(void *owner, int fd, int err)
{
    struct attempt *attempt = owner;
    attempt->connector = NULL;
    if (err == 0)
        err = make_stream(attempt, fd);
    if (err < 0)
        fail(attempt, err);
    else if (attempt->upstream->kind == UPSTREAM_DIRECT)
        succeed(attempt);
    else
        start_handshake(attempt);
}

static int start_connecting(struct attempt *attempt)
{
    const struct dialer_options *options = &attempt->dialer->options;
    const struct upstream *upstream = attempt->upstream;
    bool is_direct = upstream->kind == UPSTREAM_DIRECT;
    /* A target of our own choice may be slow; an upstream that is slow has others beside it. */
    const struct connector_options how = {.timeout_ms = is_direct ? options->dial_timeout_ms
                                                                  : options->connect_timeout_ms,
                                          .speaks_first = !is_direct};
    if (is_direct && endpoint_is_name(&attempt->target))
        return -EINVAL;
    if (!is_direct && upstream->address_count == 0)
        return -EHOSTUNREACH;
    return connector_start(
        attempt->dialer->loop, &how, is_direct ? &attempt->target.address : upstream->addresses,
        is_direct ? 1 : upstream->address_count, on_connected, attempt, &attempt->connector);
}

int attempt_start(struct dialer *dialer, struct upstream *upstream, enum socks5_command command,
                  const struct endpoint *target, attempt_done_fn *on_done, void *owner,
                  struct attempt **ret)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    int err = 0;
    if (!attempt)
        return -ENOMEM;
    attempt->dialer = dialer;
    attempt->upstream = upstream_ref(upstream);
    attempt->command = command;
    attempt->target = *target;
    attempt->on_done = on_done;
    attempt->owner = owner;
    dialer->attempts++;
    timer_init(&attempt->deadline, dialer->loop, on_deadline, attempt);
    deferred_init(&attempt->refusal, dialer->loop, on_refusal, attempt);
    if (upstream->kind == UPSTREAM_BLOCK)
        deferred_schedule(&attempt->refusal);
    else
        err = start_connecting(attempt);
    if (err == 0)
        err = timer_start(&attempt->deadline, dialer->options.dial_timeout_ms);
    if (err < 0) {
        attempt_free(attempt);
        return err;
    }
    *ret = attempt;
    return 0;
}
