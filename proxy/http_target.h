/* What a request that came to an HTTP proxy asks for (RFC 9112 sec. 3.2): a tunnel, a page of
 * another host, or something of the proxy itself. */
#ifndef PROXY_HTTP_TARGET_H
#define PROXY_HTTP_TARGET_H

#include "base/endpoint.h"
#include "base/http_head.h"

enum http_target_form {
    HTTP_TARGET_AUTHORITY, /* CONNECT host:port */
    HTTP_TARGET_ABSOLUTE,  /* GET http://host/path */
    HTTP_TARGET_OWN,       /* GET /path, OPTIONS *: meant for the proxy */
};

struct http_target {
    enum http_target_form form;
    struct endpoint endpoint; /* authority and absolute form; port 80 where absolute has none */
    struct http_text host;    /* absolute form: what Host must say, without a default port */
    struct http_text path;    /* absolute form: path and query, maybe "" or "?query"; own: all */
};

/* Texts point into the head. Returns 0; -EINVAL malformed; ERR_UNSUPPORTED another scheme than http
 * (https comes by CONNECT). */
int http_target_parse(const struct http_head *head, struct http_target *ret);

#endif
