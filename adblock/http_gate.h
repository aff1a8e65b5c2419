/* A stream that admits or refuses each HTTP/1 request that passes through it: wraps the client's
 * stream, exposes bytes only up to the end of an admitted request, so the relay needs no change. It
 * follows the framing of both directions; a refusal is written only when no response is pending,
 * otherwise the connection is reset. After an upgrade it steps aside. */
#ifndef ADBLOCK_HTTP_GATE_H
#define ADBLOCK_HTTP_GATE_H

#include "adblock/filter.h"
#include "base/stream.h"

#include <stdbool.h>

struct http_gate_events {
    /* The filter in force now (borrowed); NULL while filtering is paused. Asked per request, so that
     * a reload takes effect on connections that live on. */
    const struct filter *(*filter)(void *owner);
    /* After each decision. */
    void (*on_request)(void *owner, const struct filter_request *request,
                       const struct verdict *verdict);
};

/* Takes `client` in any case. `host` names the target where a request's Host is missing (HTTP/1.0).
 * `is_tls` is for the URL's scheme. */
int http_gate_new(struct loop *loop, struct stream *client, const char *host, bool is_tls,
                  const struct http_gate_events *events, void *owner, struct stream **ret);

#endif
