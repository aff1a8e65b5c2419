/* HTTP/1 heads on their way through a proxy: the first line becomes what the next hop expects,
 * fields that belong to one hop end here (RFC 9112 sec. 3.2, RFC 9110 sec. 7.6.1). Pure: bytes in,
 * bytes out. Framing fields pass unchanged, because the body does.
 *
 * No Via field is added: it would tell every server that a proxy is in use. */
#ifndef PROXY_HTTP_REWRITE_H
#define PROXY_HTTP_REWRITE_H

#include "proxy/http_target.h"

/* A rewritten head is at most this much longer than the one it was made from. */
enum { HTTP_REWRITE_EXTRA_BYTES = 512 };

/* Is this a WebSocket handshake (RFC 6455 sec. 4.1)? The one upgrade that is passed on. */
bool http_rewrite_is_websocket(const struct http_head *head);

/* The head for the origin server: origin form, Host from the target, "Connection: close" (or
 * "Upgrade"). Returns its size; -EBADMSG if Connection names a field that is not its to remove;
 * -E2BIG if `capacity` is too small. */
ssize_t http_rewrite_request(const struct http_head *head, const struct http_target *target,
                             char *to, size_t capacity);

/* What the rewritten response says about the client's connection. */
enum http_rewrite_connection {
    HTTP_CONNECTION_KEEP,
    HTTP_CONNECTION_CLOSE,
    HTTP_CONNECTION_UPGRADE,
    HTTP_CONNECTION_SILENT, /* an interim response, 1xx */
};

/* Returns the size or an error, as above. */
ssize_t http_rewrite_response(const struct http_head *head, enum http_rewrite_connection connection,
                              char *to, size_t capacity);

#endif
