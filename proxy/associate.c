/* UDP through an upstream: an attempt to UDP ASSOCIATE, whose stream then holds the association
 * open; or, direct, a socket of our own. */
#include "base/err.h"
#include "proxy/attempt.h"
#include "proxy/socks_dgram.h"
#include "proxy/udp_socket_dgram.h"

#include <errno.h>
#include <stdlib.h>

struct associate {
    struct dialer *dialer;
    struct attempt *attempt; /* socks5 */
    struct deferred at_once; /* direct, block */
    enum upstream_kind kind;
    associate_done_fn *on_done;
    void *owner;
};

static void end(struct associate *associate, struct dgram *dgram, int err)
{
    associate_done_fn *on_done = associate->on_done;
    void *owner = associate->owner;
    associate_cancel(associate);
    on_done(owner, dgram, err);
}

static void on_attempt_done(void *owner, struct stream *stream, const struct address *server,
                            const struct address *bound, int err)
{
    struct associate *associate = owner;
    struct dgram *dgram = NULL;
    struct address relay;
    associate->attempt = NULL;
    if (err == 0) {
        err = socks_dgram_find_relay(server, bound, &relay);
        if (err < 0)
            stream_abort(stream);
        else
            err = socks_dgram_new(associate->dialer->loop, stream, &relay, &dgram);
    }
    end(associate, dgram, err);
}

static void on_at_once(void *owner)
{
    struct associate *associate = owner;
    struct dgram *dgram = NULL;
    int err = ERR_BLOCKED;
    if (associate->kind == UPSTREAM_DIRECT)
        err = udp_socket_dgram_new(associate->dialer->loop, &dgram);
    end(associate, dgram, err);
}

static int begin(struct associate *associate, struct upstream *upstream)
{
    /* Where from we shall send is not known yet (RFC 1928 sec. 4): all zeros. */
    const struct endpoint from_anywhere = {.address = {.family = 4}};
    switch (upstream->kind) {
    case UPSTREAM_DIRECT:
    case UPSTREAM_BLOCK: deferred_schedule(&associate->at_once); return 0;
    case UPSTREAM_SOCKS5:
        if (upstream->has_udp)
            return attempt_start(associate->dialer, upstream, SOCKS5_UDP_ASSOCIATE, &from_anywhere,
                                 on_attempt_done, associate, &associate->attempt);
        return ERR_UNSUPPORTED;
    case UPSTREAM_HTTP:
    case UPSTREAM_HTTPS: return ERR_UNSUPPORTED;
    }
    return ERR_UNSUPPORTED;
}

int associate_start(struct dialer *dialer, struct upstream *upstream, associate_done_fn *on_done,
                    void *owner, struct associate **ret)
{
    struct associate *associate = calloc(1, sizeof(*associate));
    if (!associate)
        return -ENOMEM;
    associate->dialer = dialer;
    associate->kind = upstream->kind;
    associate->on_done = on_done;
    associate->owner = owner;
    deferred_init(&associate->at_once, dialer->loop, on_at_once, associate);
    int err = begin(associate, upstream);
    if (err < 0) {
        free(associate);
        return err;
    }
    *ret = associate;
    return 0;
}

void associate_cancel(struct associate *associate)
{
    if (!associate)
        return;
    deferred_cancel(&associate->at_once);
    attempt_cancel(associate->attempt);
    free(associate);
}
