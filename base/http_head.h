/* HTTP/1 message heads and body framing, strictly (RFC 9112). Anything that two parties could read
 * differently is an error here: this parser decides request smuggling for the data path, so it
 * refuses bare LF, obs-fold, space before the colon, NUL and other controls, a missing or second
 * Host, Content-Length beside Transfer-Encoding, differing or malformed lengths, any transfer
 * coding but a single final "chunked".
 *
 * Nothing is copied: texts point into the caller's bytes. */
#ifndef BASE_HTTP_HEAD_H
#define BASE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HTTP_HEAD_MAX_BYTES = 64 * 1024, HTTP_HEADERS_MAX = 128 };

struct http_text {
    const char *data;
    size_t size;
};

struct http_header {
    struct http_text name, value; /* value without surrounding white space */
};

struct http_head {
    bool is_request;
    struct http_text method, target; /* request */
    int status;                      /* response */
    struct http_text reason;
    int minor_version; /* 0 or 1 */
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* > 0 the head's size in bytes with its empty line; 0 more bytes are needed; -EBADMSG malformed or
 * ambiguous; -E2BIG too large. `why`, where given, receives a static English phrase on failure. */
ssize_t http_head_parse_request(const char *data, size_t size, struct http_head *ret,
                                const char **why);
ssize_t http_head_parse_response(const char *data, size_t size, struct http_head *ret,
                                 const char **why);

/* The first header of that name (any case); NULL if there is none. */
const struct http_text *http_head_find(const struct http_head *head, const char *name);
/* Does a comma separated header hold this token (any case)? "connection", "close" */
bool http_head_has_token(const struct http_head *head, const char *name, const char *token);
bool http_text_is(struct http_text text, const char *other); /* any case */
bool http_head_keeps_alive(const struct http_head *head);    /* RFC 9112 sec. 9.3 */

/* Body framing, RFC 9112 sec. 6.3. */
enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE, HTTP_TUNNEL };

struct http_body {
    enum http_framing framing;
    uint64_t left;    /* of the length or of the current chunk */
    uint8_t state;    /* chunked only */
    uint32_t in_line; /* bytes of the current chunk or trailer line, bounded */
};

/* 0 or -EBADMSG. `request_method` of the request that a response answers. */
int http_body_of_request(const struct http_head *head, struct http_body *ret);
int http_body_of_response(const struct http_head *head, struct http_text request_method,
                          struct http_body *ret);
/* How many of these bytes belong to the body (chunk lines and trailers included); fewer than `size`
 * only when the body ends there; -EBADMSG for a broken chunk. */
ssize_t http_body_feed(struct http_body *body, const char *data, size_t size);
bool http_body_is_done(const struct http_body *body);

#endif
