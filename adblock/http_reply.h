/* The server's side of one HTTP/1 exchange: looks at the bytes that pass and tells where the
 * response ends. Changes nothing and refuses nothing. */
#ifndef ADBLOCK_HTTP_REPLY_H
#define ADBLOCK_HTTP_REPLY_H

#include "adblock/http_collect.h"
#include "base/http_body.h"

enum http_reply_state {
    HTTP_REPLY_IDLE, /* none is expected */
    HTTP_REPLY_HEAD,
    HTTP_REPLY_BODY,
    HTTP_REPLY_DONE,   /* complete, final */
    HTTP_REPLY_TUNNEL, /* 101 that was asked for, a CONNECT that succeeded: no HTTP from here on */
    HTTP_REPLY_LOST,   /* not to be followed, or not asked for: it lasts until the end */
};

struct http_reply {
    enum http_reply_state state;
    char method[12]; /* of the request; cut, for only HEAD and CONNECT matter */
    bool may_upgrade;
    struct http_collect head;
    struct http_body body;
};

/* A request was admitted: its response follows. */
void http_reply_start(struct http_reply *reply, const struct http_head *request);
void http_reply_feed(struct http_reply *reply, const char *data, size_t size);
void http_reply_done(struct http_reply *reply);

#endif
