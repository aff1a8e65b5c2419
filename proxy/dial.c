/* A dial is an attempt to CONNECT; all of its steps are in attempt.c. */
#include "proxy/attempt.h"

#include <errno.h>
#include <stdlib.h>

struct dial {
    struct attempt *attempt;
    dial_done_fn *on_done;
    void *owner;
};

static void on_attempt_done(void *owner, struct stream *stream, const struct address *server,
                            const struct address *bound, int err)
{
    struct dial *dial = owner;
    dial_done_fn *on_done = dial->on_done;
    void *dial_owner = dial->owner;
    (void)server;
    (void)bound;
    free(dial);
    on_done(dial_owner, stream, err);
}

int dial_start(struct dialer *dialer, struct upstream *upstream, const struct endpoint *target,
               dial_done_fn *on_done, void *owner, struct dial **ret)
{
    struct dial *dial = calloc(1, sizeof(*dial));
    if (!dial)
        return -ENOMEM;
    dial->on_done = on_done;
    dial->owner = owner;
    int err = attempt_start(dialer, upstream, SOCKS5_CONNECT, target, on_attempt_done, dial,
                            &dial->attempt);
    if (err < 0) {
        free(dial);
        return err;
    }
    *ret = dial;
    return 0;
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    attempt_cancel(dial->attempt);
    free(dial);
}
