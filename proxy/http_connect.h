/* HTTP CONNECT in bytes, for both sides (RFC 9110 sec. 9.3.6, RFC 9112 sec. 3.2.3): the request
 * that a dial sends and the reply it gets; what the local door reads and answers. */
#ifndef PROXY_HTTP_CONNECT_H
#define PROXY_HTTP_CONNECT_H

#include "base/endpoint.h"
#include "base/http_head.h"

#include <sys/types.h>

enum { HTTP_CONNECT_REQUEST_MAX = 2 * ENDPOINT_TEXT_MAX + 1600, HTTP_CONNECT_REPLY_MAX = 512 };

/* `user` NULL: no credentials. Returns the size; -EINVAL or -ENOSPC for credentials that cannot be
 * sent. `to` holds HTTP_CONNECT_REQUEST_MAX bytes. */
ssize_t http_connect_build_request(char *to, const struct endpoint *target, const char *user,
                                   const char *password);

/* > 0 the size of the head, 0 more bytes are needed, ERR_PROTOCOL. Nothing of what follows the head
 * of a 2xx belongs to HTTP; a 1xx is followed by another head. */
ssize_t http_connect_parse_reply(const char *data, size_t size, int *ret_status);
/* A final status in our currency; 0 for 2xx. */
int http_connect_status_to_err(int status);

/* The door's side. 0 or ERR_PROTOCOL: the request's target is not "host:port". */
int http_connect_parse_target(const struct http_head *request, struct endpoint *ret);
/* Does the request carry these credentials? */
bool http_connect_has_login(const struct http_head *request, const char *user,
                            const char *password);
/* The whole answer for an outcome (0: "200", the tunnel begins). Returns the size. `to` holds
 * HTTP_CONNECT_REPLY_MAX bytes. */
size_t http_connect_build_reply(char *to, int err);

#endif
