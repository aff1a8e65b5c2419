/* HTTP/1 message heads, strictly (RFC 9112). Anything that two parties could read differently is an
 * error here: this parser decides request smuggling for the data path, so it refuses bare LF,
 * obs-fold, space before the colon, NUL and other controls, a missing or second Host, one that is
 * malformed or differs from an absolute target's, Content-Length beside Transfer-Encoding,
 * differing or malformed lengths, any transfer coding but a single final "chunked", a fragment in
 * the target, empty lines before the head.
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
    int status;                      /* response, 100-999 */
    struct http_text reason;
    int minor_version; /* 0 or 1 */
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* > 0 the head's size in bytes with its empty line; 0 more bytes are needed; -EBADMSG malformed or
 * ambiguous, as soon as a prefix shows it; -E2BIG too large. `why`, where given, receives a static
 * English phrase on failure. Each call starts at the beginning: a caller that is fed in small
 * pieces need not ask again before it has another line feed. */
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

#endif
