/* One absolute-URI request of an HTTP proxy's client: first an inbound, then, once admitted, a
 * stream that holds this one request in origin form and takes its response. The client's connection
 * is only lent: where the response ends is told from its framing, so that the next request can
 * follow on the same connection.
 *
 * Towards its owner the request never ends before the response has: an end would be passed on as a
 * half-closed connection, which some servers take for a client that went away. A "101" to a
 * WebSocket handshake turns the rest into a tunnel.
 *
 * Not here: reading the request's head, words for a human (proxy/door_http, proxy/door_page). */
#ifndef PROXY_HTTP_FORWARD_H
#define PROXY_HTTP_FORWARD_H

#include "base/inbound.h"
#include "proxy/http_target.h"

struct http_forward;

enum http_forward_end {
    HTTP_FORWARD_KEEPS,  /* whole, and the connection is ready for another request */
    HTTP_FORWARD_LAST,   /* whole, but the connection has to be closed */
    HTTP_FORWARD_SILENT, /* refused or broken before a word was said: the door should answer */
    HTTP_FORWARD_BROKEN, /* in the middle: only a reset tells the client */
};

/* `err` says why for the last two. `is_read`: all of the request's body was taken off the
 * connection. */
typedef void http_forward_done_fn(void *owner, enum http_forward_end end, int err, bool is_read);

/* Takes `head` (of `head_size` bytes) off the client's connection on success and lends it, its
 * wakes too, until on_done: exactly one, from the loop. The forward frees itself when on_done was
 * called and the inbound's or stream's owner let go.
 *
 * Returns 0 and the inbound to hand out; -EBADMSG for a request that must not be passed on;
 * -ENOMEM. */
int http_forward_new(struct loop *loop, struct stream *client, const struct http_head *head,
                     size_t head_size, const struct http_target *target,
                     http_forward_done_fn *on_done, void *owner, struct inbound **ret);

#endif
