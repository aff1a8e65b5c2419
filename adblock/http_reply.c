#include "adblock/http_reply.h"

#include <string.h>

void http_reply_start(struct http_reply *reply, const struct http_head *request)
{
    struct http_text method = request->method;
    size_t size = method.size < sizeof(reply->method) - 1 ? method.size : sizeof(reply->method) - 1;
    memcpy(reply->method, method.data, size);
    reply->method[size] = '\0';
    /* HTTP/2 in the clear would carry requests that nobody judges; browsers never ask for it, and
     * RFC 9113 takes it back. */
    reply->may_upgrade =
        http_head_find(request, "upgrade") && !http_head_has_token(request, "upgrade", "h2c");
    reply->state = HTTP_REPLY_HEAD;
}

void http_reply_done(struct http_reply *reply)
{
    http_collect_done(&reply->head);
}

static enum http_reply_state after_head(struct http_reply *reply, const struct http_head *head)
{
    struct http_text method = {reply->method, strlen(reply->method)};
    if (head->status < 200 && head->status != 101)
        return HTTP_REPLY_HEAD; /* interim (RFC 9110 sec. 15.2): the final one follows */
    if (head->status == 101 && !reply->may_upgrade)
        return HTTP_REPLY_LOST; /* else a server could have requests pass that nobody judged */
    if (http_body_of_response(head, method, &reply->body) < 0)
        return HTTP_REPLY_LOST;
    if (reply->body.framing == HTTP_TUNNEL)
        return HTTP_REPLY_TUNNEL;
    return http_body_is_done(&reply->body) ? HTTP_REPLY_DONE : HTTP_REPLY_BODY;
}

static size_t feed_head(struct http_reply *reply, const char *data, size_t size)
{
    struct http_head head;
    size_t used = size;
    int result =
        http_collect_feed(&reply->head, http_head_parse_response, data, size, &head, NULL, &used);
    if (result == 0)
        return size;
    reply->state = result < 0 ? HTTP_REPLY_LOST : after_head(reply, &head);
    http_collect_done(&reply->head);
    return used;
}

static size_t feed_body(struct http_reply *reply, const char *data, size_t size)
{
    ssize_t used = http_body_feed(&reply->body, data, size);
    if (used < 0) {
        reply->state = HTTP_REPLY_LOST;
        return size;
    }
    if (http_body_is_done(&reply->body))
        reply->state = HTTP_REPLY_DONE;
    return (size_t)used;
}

void http_reply_feed(struct http_reply *reply, const char *data, size_t size)
{
    while (size > 0) {
        size_t used = size;
        switch (reply->state) {
        case HTTP_REPLY_HEAD: used = feed_head(reply, data, size); break;
        case HTTP_REPLY_BODY: used = feed_body(reply, data, size); break;
        case HTTP_REPLY_IDLE:
        case HTTP_REPLY_DONE: reply->state = HTTP_REPLY_LOST; break;
        case HTTP_REPLY_TUNNEL:
        case HTTP_REPLY_LOST: break;
        }
        data += used;
        size -= used;
    }
}
