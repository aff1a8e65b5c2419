#include "base/http_head.h"

#include "base/http_body.h"
#include "base/http_chars.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Every step returns one of these or a negative code. */
enum { MORE = 0, OK = 1 };

struct reader {
    const char *at, *end;
    const char *why;
};

static int bad(struct reader *reader, const char *why)
{
    reader->why = why;
    return -EBADMSG;
}

static int expect(struct reader *reader, const char *text, const char *why)
{
    for (; *text; text++, reader->at++) {
        if (reader->at == reader->end)
            return MORE;
        if (*reader->at != *text)
            return bad(reader, why);
    }
    return OK;
}

/* As many characters of the set as there are, maybe none; MORE if they reach the end. */
static int take(struct reader *reader, enum http_chars set, struct http_text *ret)
{
    const char *start = reader->at;
    while (reader->at < reader->end && http_char_is(*reader->at, set))
        reader->at++;
    if (reader->at == reader->end)
        return MORE;
    *ret = (struct http_text){.data = start, .size = (size_t)(reader->at - start)};
    return OK;
}

static int take_digit(struct reader *reader, char lowest, char highest, const char *why, int *ret)
{
    if (reader->at == reader->end)
        return MORE;
    if (*reader->at < lowest || *reader->at > highest)
        return bad(reader, why);
    *ret = *reader->at++ - '0';
    return OK;
}

static int take_version(struct reader *reader, int *ret_minor)
{
    int step = expect(reader, "HTTP/1.", "not HTTP/1");
    if (step <= 0)
        return step;
    return take_digit(reader, '0', '1', "not HTTP/1.0 or HTTP/1.1", ret_minor);
}

static int take_request_line(struct reader *reader, struct http_head *head)
{
    int step = take(reader, HTTP_TOKEN, &head->method);
    if (step <= 0)
        return step;
    if (head->method.size == 0)
        return bad(reader, "no method");
    step = expect(reader, " ", "bad character in the method");
    if (step <= 0)
        return step;
    step = take(reader, HTTP_TARGET, &head->target);
    if (step <= 0)
        return step;
    if (head->target.size == 0)
        return bad(reader, "no target");
    step = expect(reader, " ", "bad character in the target");
    if (step <= 0)
        return step;
    step = take_version(reader, &head->minor_version);
    if (step <= 0)
        return step;
    return expect(reader, "\r\n", "bytes after the version");
}

static int take_status(struct reader *reader, int *ret)
{
    int hundreds = 0, tens = 0, ones = 0;
    int step = take_digit(reader, '1', '9', "bad status", &hundreds);
    if (step > 0)
        step = take_digit(reader, '0', '9', "bad status", &tens);
    if (step > 0)
        step = take_digit(reader, '0', '9', "bad status", &ones);
    if (step > 0)
        *ret = hundreds * 100 + tens * 10 + ones;
    return step;
}

static int take_status_line(struct reader *reader, struct http_head *head)
{
    int step = take_version(reader, &head->minor_version);
    if (step <= 0)
        return step;
    step = expect(reader, " ", "bytes after the version");
    if (step <= 0)
        return step;
    step = take_status(reader, &head->status);
    if (step <= 0)
        return step;
    if (reader->at == reader->end)
        return MORE;
    /* The space is not optional, but many leave it out together with the reason. */
    if (*reader->at == ' ')
        reader->at++;
    else if (*reader->at != '\r')
        return bad(reader, "bad status");
    step = take(reader, HTTP_VALUE, &head->reason);
    if (step <= 0)
        return step;
    return expect(reader, "\r\n", "control character in the reason");
}

static void trim_end(struct http_text *text)
{
    while (text->size > 0 && http_char_is(text->data[text->size - 1], HTTP_BLANK))
        text->size--;
}

static int take_header(struct reader *reader, struct http_header *ret)
{
    struct http_text blank;
    if (http_char_is(*reader->at, HTTP_BLANK))
        return bad(reader, "folded header line");
    int step = take(reader, HTTP_TOKEN, &ret->name);
    if (step <= 0)
        return step;
    if (ret->name.size == 0)
        return bad(reader, "bad character in a header name");
    step = expect(reader, ":", "bad character in a header name");
    if (step <= 0)
        return step;
    step = take(reader, HTTP_BLANK, &blank);
    if (step <= 0)
        return step;
    step = take(reader, HTTP_VALUE, &ret->value);
    if (step <= 0)
        return step;
    trim_end(&ret->value);
    return expect(reader, "\r\n", "control character in a header value");
}

static int take_headers(struct reader *reader, struct http_head *head)
{
    for (;;) {
        if (reader->at == reader->end)
            return MORE;
        if (*reader->at == '\r')
            return expect(reader, "\r\n", "carriage return without line feed");
        if (head->header_count == HTTP_HEADERS_MAX) {
            reader->why = "too many headers";
            return -E2BIG;
        }
        int step = take_header(reader, &head->headers[head->header_count]);
        if (step <= 0)
            return step;
        head->header_count++;
    }
}

/* The authority of an absolute target; size 0 for the other forms. */
static struct http_text authority_of(struct http_text target)
{
    struct http_text authority = {.data = target.data};
    const char *end = target.data + target.size;
    const char *colon = memchr(target.data, ':', target.size);
    if (target.data[0] == '/' || !colon || end - colon < 3 || memcmp(colon, "://", 3) != 0)
        return authority;
    authority.data = colon + 3;
    while (authority.data + authority.size < end && !strchr("/?", authority.data[authority.size]))
        authority.size++;
    return authority;
}

static bool is_exactly(struct http_text text, const char *other)
{
    return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

/* Methods are case sensitive. Those that decide the framing are refused in any other case, in which
 * only some would take them for themselves; "patch" and the like do no harm. */
static int check_method(struct reader *reader, struct http_text method)
{
    static const char *const framing[] = {"CONNECT", "HEAD"};
    for (int i = 0; i < 2; i++) {
        if (http_text_is(method, framing[i]) && !is_exactly(method, framing[i]))
            return bad(reader, "method in lower case");
    }
    return OK;
}

/* RFC 9112 sec. 3.2 */
static int check_target(struct reader *reader, const struct http_head *head)
{
    bool is_star = head->target.size == 1 && head->target.data[0] == '*';
    bool is_path = head->target.data[0] == '/';
    if (is_exactly(head->method, "CONNECT"))
        return is_star || is_path || memchr(head->target.data, '/', head->target.size)
                   ? bad(reader, "CONNECT without an authority")
                   : OK;
    if (is_path || (is_star && is_exactly(head->method, "OPTIONS")))
        return OK;
    struct http_text authority = authority_of(head->target);
    if (authority.size == 0)
        return bad(reader, "target is neither a path nor an absolute URI");
    if (memchr(authority.data, '@', authority.size))
        return bad(reader, "user information in the target");
    return OK;
}

static bool is_host(struct http_text host)
{
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && (c == '\0' || !strchr("-._~%:[]", c)))
            return false;
    }
    return true;
}

static struct http_text without_port_80(struct http_text host)
{
    if (host.size > 3 && memcmp(host.data + host.size - 3, ":80", 3) == 0)
        host.size -= 3;
    return host;
}

static bool is_same_host(struct http_text a, struct http_text b)
{
    a = without_port_80(a);
    b = without_port_80(b);
    return a.size == b.size && strncasecmp(a.data, b.data, a.size) == 0;
}

static int check_host(struct reader *reader, const struct http_head *head)
{
    const struct http_text *host = NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!http_text_is(head->headers[i].name, "host"))
            continue;
        if (host)
            return bad(reader, "two Host headers");
        host = &head->headers[i].value;
    }
    if (!host)
        return head->minor_version == 0 ? OK : bad(reader, "no Host header");
    if (!is_host(*host))
        return bad(reader, "malformed Host header");
    struct http_text authority = authority_of(head->target);
    if (authority.size > 0 && !is_same_host(authority, *host))
        return bad(reader, "Host header and target differ");
    return OK;
}

static int check_request(struct reader *reader, const struct http_head *head)
{
    struct http_body body;
    int step = check_method(reader, head->method);
    if (step > 0)
        step = check_target(reader, head);
    if (step > 0)
        step = check_host(reader, head);
    if (step > 0 && http_body_of_request(head, &body) < 0)
        return bad(reader, "ambiguous length");
    return step;
}

static int check_response(struct reader *reader, const struct http_head *head)
{
    struct http_body body;
    if (http_body_of_response(head, (struct http_text){.data = "", .size = 0}, &body) < 0)
        return bad(reader, "ambiguous length");
    return OK;
}

static ssize_t conclude(struct reader *reader, const char *data, int step,
                        const struct http_head *head, struct http_head *ret, const char **why)
{
    size_t size = (size_t)(reader->at - data);
    if (step >= 0 && size >= HTTP_HEAD_MAX_BYTES + (size_t)(step == OK)) {
        reader->why = "head too large";
        step = -E2BIG;
    }
    if (step < 0 && why)
        *why = reader->why;
    if (step != OK)
        return step;
    /* Most of the table is unused: copying it all would cost more than the parsing. */
    memcpy(ret, head, offsetof(struct http_head, headers));
    memcpy(ret->headers, head->headers, head->header_count * sizeof(head->headers[0]));
    return (ssize_t)size;
}

ssize_t http_head_parse_request(const char *data, size_t size, struct http_head *ret,
                                const char **why)
{
    struct reader reader = {.at = data, .end = data + size};
    struct http_head head;
    memset(&head, 0, offsetof(struct http_head, headers));
    head.is_request = true;
    int step = take_request_line(&reader, &head);
    if (step > 0)
        step = take_headers(&reader, &head);
    if (step > 0)
        step = check_request(&reader, &head);
    return conclude(&reader, data, step, &head, ret, why);
}

ssize_t http_head_parse_response(const char *data, size_t size, struct http_head *ret,
                                 const char **why)
{
    struct reader reader = {.at = data, .end = data + size};
    struct http_head head;
    memset(&head, 0, offsetof(struct http_head, headers));
    int step = take_status_line(&reader, &head);
    if (step > 0)
        step = take_headers(&reader, &head);
    if (step > 0)
        step = check_response(&reader, &head);
    return conclude(&reader, data, step, &head, ret, why);
}

bool http_text_is(struct http_text text, const char *other)
{
    return text.size == strlen(other) &&
           (text.size == 0 || strncasecmp(text.data, other, text.size) == 0);
}

const struct http_text *http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (http_text_is(head->headers[i].name, name))
            return &head->headers[i].value;
    }
    return NULL;
}

static struct http_text trimmed(struct http_text text)
{
    while (text.size > 0 && http_char_is(text.data[0], HTTP_BLANK)) {
        text.data++;
        text.size--;
    }
    trim_end(&text);
    return text;
}

static bool list_has(struct http_text list, const char *token)
{
    const char *end = list.data + list.size;
    for (const char *at = list.data; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        struct http_text item = {.data = at, .size = (size_t)((comma ? comma : end) - at)};
        if (http_text_is(trimmed(item), token))
            return true;
        if (!comma)
            break;
        at = comma + 1;
    }
    return false;
}

bool http_head_has_token(const struct http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (http_text_is(head->headers[i].name, name) && list_has(head->headers[i].value, token))
            return true;
    }
    return false;
}

bool http_head_keeps_alive(const struct http_head *head)
{
    if (http_head_has_token(head, "connection", "close"))
        return false;
    return head->minor_version == 1 || http_head_has_token(head, "connection", "keep-alive");
}
