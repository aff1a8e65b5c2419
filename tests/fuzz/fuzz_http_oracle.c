/* Two other parsers as judges of ours (libhttp-parser, and picohttpparser inside libh2o; either may
 * be missing): what our parser takes and they take too must be the very same message to all, for a
 * difference is what request smuggling is made of. What somebody refuses harms nobody. The first
 * byte chooses request or response. */
#include "base/http_body.h"
#include "base/http_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef HAS_HTTP_PARSER
#include <http_parser.h>
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "disagreement: %s\n", what);
        abort();
    }
}

/* The message's size with its body; 0 when its end is not in sight, or only the connection's end
 * is the end. */
static size_t message_size(const char *data, size_t size, size_t head_size,
                           const struct http_head *head)
{
    struct http_body body;
    struct http_text get = {"GET", 3};
    int err = head->is_request ? http_body_of_request(head, &body)
                               : http_body_of_response(head, get, &body);
    if (err < 0 || body.framing == HTTP_TUNNEL || body.framing == HTTP_UNTIL_CLOSE)
        return 0;
    ssize_t used = http_body_feed(&body, data + head_size, size - head_size);
    return used >= 0 && http_body_is_done(&body) ? head_size + (size_t)used : 0;
}

#ifdef HAS_PICOHTTPPARSER
/* libh2o exports these but its package leaves the header out. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_request(const char *data, size_t size, const char **method, size_t *method_size,
                      const char **path, size_t *path_size, int *minor, struct phr_header *headers,
                      size_t *count, size_t last_size);
int phr_parse_response(const char *data, size_t size, int *minor, int *status, const char **reason,
                       size_t *reason_size, struct phr_header *headers, size_t *count,
                       size_t last_size);

static int is_text(struct http_text text, const char *data, size_t size)
{
    return text.size == size && memcmp(text.data, data, size) == 0;
}

static void judge_pico(const char *data, size_t size, size_t head_size,
                       const struct http_head *head)
{
    struct phr_header headers[HTTP_HEADERS_MAX];
    const char *method = NULL, *path = NULL, *reason = NULL;
    size_t method_size = 0, path_size = 0, reason_size = 0, count = HTTP_HEADERS_MAX;
    int minor = 0, status = 0, used;
    if (head->is_request)
        used = phr_parse_request(data, size, &method, &method_size, &path, &path_size, &minor,
                                 headers, &count, 0);
    else
        used = phr_parse_response(data, size, &minor, &status, &reason, &reason_size, headers,
                                  &count, 0);
    if (used == -1)
        return; /* refused */
    require(used == (int)head_size, "picohttpparser: size of the head");
    require(minor == head->minor_version, "picohttpparser: version");
    require(count == head->header_count, "picohttpparser: number of headers");
    if (head->is_request) {
        require(is_text(head->method, method, method_size), "picohttpparser: method");
        require(is_text(head->target, path, path_size), "picohttpparser: target");
    } else {
        require(status == head->status, "picohttpparser: status");
    }
    for (size_t i = 0; i < count; i++) {
        struct http_text value = {headers[i].value, headers[i].value_len};
        while (value.size > 0 && strchr(" \t", value.data[value.size - 1]))
            value.size--; /* it leaves white space at the end */
        require(headers[i].name &&
                    is_text(head->headers[i].name, headers[i].name, headers[i].name_len),
                "picohttpparser: header name");
        require(is_text(head->headers[i].value, value.data, value.size),
                "picohttpparser: header value");
    }
}
#endif

#ifdef HAS_HTTP_PARSER
struct seen {
    size_t target_size, headers, messages;
};

static int on_url(http_parser *parser, const char *at, size_t size)
{
    (void)at;
    ((struct seen *)parser->data)->target_size += size;
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t size)
{
    (void)at, (void)size;
    ((struct seen *)parser->data)->headers++;
    return 0;
}

/* 1: there is no body. It leaves it to its user to know that for a 304 with a length. */
static int on_headers_complete(http_parser *parser)
{
    int status = parser->type == HTTP_RESPONSE ? (int)parser->status_code : 0;
    return (status >= 100 && status < 200) || status == 204 || status == 304;
}

static int on_message_complete(http_parser *parser)
{
    ((struct seen *)parser->data)->messages++;
    http_parser_pause(parser, 1);
    return 0;
}

static void judge_http_parser(const char *data, size_t size, size_t expected,
                              const struct http_head *head)
{
    http_parser_settings settings = {.on_url = on_url,
                                     .on_header_field = on_field,
                                     .on_headers_complete = on_headers_complete,
                                     .on_message_complete = on_message_complete};
    struct seen seen = {0};
    http_parser parser;
    http_parser_init(&parser, head->is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    parser.data = &seen;
    size_t used = http_parser_execute(&parser, &settings, data, size);
    enum http_errno err = HTTP_PARSER_ERRNO(&parser);
    if (err != HPE_OK && err != HPE_PAUSED)
        return; /* refused: it knows only some methods, takes no second length of the same value..
                 */
    if (parser.upgrade)
        return; /* it stops at the head, whatever the answer will be */
    if (head->is_request)
        require(seen.target_size == head->target.size, "http_parser: target");
    /* A callback may come in pieces, and trailers count as headers. */
    require(seen.headers >= head->header_count, "http_parser: number of headers");
    require(parser.http_minor == head->minor_version, "http_parser: version");
    if (!expected)
        return;
    /* Paused in the callback, it has not counted the last byte of some messages. */
    require(seen.messages == 1, "http_parser: no end of the message");
    require(used == expected || used + 1 == expected, "http_parser: end of the message");
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head head;
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 1;
    size--;
    ssize_t head_size = data[0] & 1 ? http_head_parse_response(text, size, &head, NULL)
                                    : http_head_parse_request(text, size, &head, NULL);
    if (head_size <= 0)
        return 0;
    size_t expected = message_size(text, size, (size_t)head_size, &head);
#ifdef HAS_PICOHTTPPARSER
    judge_pico(text, size, (size_t)head_size, &head);
#endif
#ifdef HAS_HTTP_PARSER
    judge_http_parser(text, expected ? expected : (size_t)head_size, expected, &head);
#endif
    (void)expected;
    return 0;
}
