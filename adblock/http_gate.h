/* A stream that admits or refuses each HTTP/1 request that passes through it: wraps the client's
 * stream, exposes bytes only up to the end of an admitted request, so the relay needs no change.
 *
 * One exchange at a time: the next request is looked at when the response to the former one has
 * passed, so a refusal always stands in its turn, also among pipelined requests. A head that could
 * be read in two ways gets 400 and the end of the connection. After an upgrade or a CONNECT, and
 * when the first bytes are no HTTP at all, the gate steps aside. When the server's bytes cannot be
 * followed they still pass, but no further request does. */
#ifndef ADBLOCK_HTTP_GATE_H
#define ADBLOCK_HTTP_GATE_H

#include "adblock/filter.h"
#include "base/stream.h"

#include <stdbool.h>

struct http_gate_events {
    /* The filter in force now (borrowed); NULL while filtering is paused. Asked per request, so
     * that a reload takes effect on connections that live on. */
    const struct filter *(*filter)(void *owner);
    /* After each decision; always from the loop. Must not let go of the gate. */
    void (*on_request)(void *owner, const struct filter_request *request,
                       const struct verdict *verdict);
};

/* Takes `client` in any case; 0 or -ENOMEM. `events` is borrowed for the gate's life. `host` names
 * the target where a request's Host is missing (HTTP/1.0). `is_tls` is for the URL's scheme. */
int http_gate_new(struct loop *loop, struct stream *client, const char *host, bool is_tls,
                  const struct http_gate_events *events, void *owner, struct stream **ret);

#endif
