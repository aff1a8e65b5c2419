/* Target -> connected stream, whichever upstream it takes: pick, dial, report, pick again. A name
 * that an upstream of kind direct is to reach is looked up first, by the same resolver that answers
 * the applications. */
#ifndef SERVICE_ENGINE_CONNECT_H
#define SERVICE_ENGINE_CONNECT_H

#include "base/endpoint.h"
#include "base/stream.h"
#include "proxy/dialer.h"
#include "proxy/pool.h"

#include <stddef.h>

enum { CONNECT_ATTEMPTS = 4 }; /* and none that would start after 20 s */

struct dns;

/* What all connects share; the engine's. */
struct connector {
    struct loop *loop;
    struct pool *pool;
    struct dialer *dialer;
    struct dns *dns;                          /* for names; NULL before there is one */
    void (*on_outcome)(void *owner, int err); /* after each attempt: 0, or what the upstream did */
    void *owner;
};

/* Tell pool and health how an attempt ended: what is the target's own trouble, or a verdict's,
 * shows that the upstream works. */
void connector_report(struct connector *connector, const struct upstream *upstream, int err);

struct connect;

/* err 0: `stream` is the receiver's, `upstream` is borrowed. Otherwise both are NULL, except that
 * `upstream` names the last one that was tried. */
typedef void connect_done_fn(void *owner, struct stream *stream, struct upstream *upstream,
                             int err);

/* Exactly one on_done, from the loop, none after connect_cancel. Returns 0, or < 0 (then no
 * on_done): ERR_NO_UPSTREAM when none may be tried now, -ENOMEM. */
int connect_start(struct connector *connector, const struct endpoint *target,
                  connect_done_fn *on_done, void *owner, struct connect **ret);
void connect_cancel(struct connect *connect); /* NULL is accepted */

#endif
