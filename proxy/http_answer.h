/* The response to one request on its way to a proxy's client: its head is rewritten (hop-by-hop
 * fields, what becomes of the connection), its framing is followed to know where it ends, its bytes
 * pass by reference. Never lets a cut response look whole. */
#ifndef PROXY_HTTP_ANSWER_H
#define PROXY_HTTP_ANSWER_H

#include "base/http_body.h"
#include "base/http_head.h"
#include "base/stream.h"

enum http_answer_phase { HTTP_ANSWER_HEAD, HTTP_ANSWER_BODY, HTTP_ANSWER_TUNNEL };

/* Embedded in the request's object, which sets the first group. */
struct http_answer {
    struct chunk_pool *chunks;
    struct stream *client;           /* borrowed */
    const struct http_body *request; /* borrowed: how far the request's body was read */
    bool is_to_head;                 /* it answers a HEAD request */
    bool is_to_http10;               /* the client cannot read chunks and interim responses */
    bool is_to_websocket;            /* "101" is expected */
    bool keeps_alive; /* may the client's connection live on? Cleared where framing forbids it */

    enum http_answer_phase phase;
    char *partial; /* a head that came in pieces */
    size_t partial_size;
    struct chunk *head; /* rewritten, not yet taken by the client; or NULL */
    size_t head_size, head_sent;
    struct http_body body;
    bool is_finished; /* the server ended */
};

void http_answer_done(struct http_answer *answer);

/* Bytes from the server. Returns how many were taken: fewer than all when the client is full, or
 * when the response is complete. < 0: ERR_PROTOCOL for a response that must not be passed on,
 * -ENOMEM, or what the client's stream said. */
ssize_t http_answer_write(struct http_answer *answer, const struct span *spans, int count);
/* The client has room again. Returns 0 or < 0. */
int http_answer_flush(struct http_answer *answer);

/* Has the server said all of it? */
bool http_answer_is_whole(const struct http_answer *answer);
/* And was everything handed to the client? */
bool http_answer_is_complete(const struct http_answer *answer);
/* Has the client seen nothing of it, so that something else can still be said? */
bool http_answer_is_silent(const struct http_answer *answer);

#endif
