/* HTTP/1 heads: whatever is taken lies in the input, ends with an empty line, is not taken from
 * any shorter prefix, and does not depend on what follows. */
#include "base/http_body.h"
#include "base/http_head.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef ssize_t parse_fn(const char *data, size_t size, struct http_head *ret, const char **why);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_text(struct http_text text, const char *data, ssize_t size)
{
    require(text.size == 0 || (text.data >= data && text.data + text.size <= data + size));
}

static void check_head(const struct http_head *head, const char *data, ssize_t size)
{
    struct http_body body;
    require(size >= 4 && memcmp(data + size - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < head->header_count; i++) {
        check_text(head->headers[i].name, data, size);
        check_text(head->headers[i].value, data, size);
        require(head->headers[i].name.size > 0);
    }
    if (head->is_request) {
        check_text(head->method, data, size);
        check_text(head->target, data, size);
        require(http_body_of_request(head, &body) == 0);
    } else {
        check_text(head->reason, data, size);
        require(http_body_of_response(head, (struct http_text){0}, &body) == 0);
        require(head->status >= 100 && head->status <= 999);
    }
    http_head_keeps_alive(head);
    http_head_has_token(head, "upgrade", "websocket");
}

static void check_parser(parse_fn *parse, const char *data, size_t size)
{
    struct http_head head, other;
    const char *why = NULL;
    ssize_t whole = parse(data, size, &head, &why);
    if (whole < 0) {
        require(why != NULL);
        return;
    }
    require((size_t)whole <= size);
    size_t short_of = whole > 0 ? (size_t)whole : size;
    if (short_of > 0)
        require(parse(data, short_of - 1, &other, NULL) == 0);
    require(parse(data, short_of / 2, &other, NULL) == 0 || short_of == 0);
    if (whole == 0)
        return;
    check_head(&head, data, whole);
    require(parse(data, (size_t)whole, &other, NULL) == whole);
    require(head.header_count == other.header_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_parser(http_head_parse_request, (const char *)data, size);
    check_parser(http_head_parse_response, (const char *)data, size);
    return 0;
}
