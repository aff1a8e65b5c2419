/* Where an HTTP/1 message's body ends (RFC 9112 sec. 6.3, 7.1). Looks at the bytes, keeps none. */
#ifndef BASE_HTTP_BODY_H
#define BASE_HTTP_BODY_H

#include "base/http_head.h"

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE, HTTP_TUNNEL };

enum {
    HTTP_CHUNK_LINE_MAX_BYTES = 4096, /* size and extensions */
    HTTP_TRAILERS_MAX_BYTES = 16384,  /* all of them */
};

struct http_body {
    enum http_framing framing;
    uint64_t left;    /* of the length or of the current chunk */
    uint8_t state;    /* chunked only */
    uint32_t in_line; /* bytes of the current chunk line or of the trailers, bounded */
};

/* 0 or -EBADMSG. `request_method` of the request that a response answers. A tunnel follows a
 * successful CONNECT and a 101: from there on the bytes are no longer HTTP. */
int http_body_of_request(const struct http_head *head, struct http_body *ret);
int http_body_of_response(const struct http_head *head, struct http_text request_method,
                          struct http_body *ret);
/* How many of these bytes belong to the body (chunk lines and trailers included); fewer than `size`
 * only when the body ends there; -EBADMSG for a broken chunk. */
ssize_t http_body_feed(struct http_body *body, const char *data, size_t size);
bool http_body_is_done(const struct http_body *body);

#endif
