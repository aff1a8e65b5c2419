#include "base/http_body.h"

#include "base/http_chars.h"

#include <errno.h>
#include <string.h>

/* Elsewhere a length may end up in a signed number. */
static const uint64_t most_bytes = INT64_MAX;

/* chunk = size [ pad ] [ ";" extension ] CR LF data CR LF; trailers = *( name ":" value CR LF ) */
enum chunk_state {
    CHUNK_FIRST_DIGIT,
    CHUNK_SIZE,
    CHUNK_PAD,
    CHUNK_EXTENSION,
    CHUNK_LINE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    TRAILERS_LF,
    CHUNKS_DONE,
};

/* 1*DIGIT */
static int parse_length(struct http_text text, uint64_t *ret)
{
    uint64_t length = 0;
    if (text.size == 0)
        return -EBADMSG;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -EBADMSG;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (length > (most_bytes - digit) / 10)
            return -EBADMSG;
        length = length * 10 + digit;
    }
    *ret = length;
    return 0;
}

struct lengths {
    int codings; /* Transfer-Encoding headers, each exactly "chunked" */
    bool has_length;
    uint64_t length;
};

static int read_length(struct lengths *lengths, struct http_text value)
{
    uint64_t length;
    if (parse_length(value, &length) < 0 || (lengths->has_length && length != lengths->length))
        return -EBADMSG;
    lengths->has_length = true;
    lengths->length = length;
    return 0;
}

static int read_lengths(const struct http_head *head, struct lengths *ret)
{
    struct lengths lengths = {0};
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if (http_text_is(header->name, "content-length")) {
            if (read_length(&lengths, header->value) < 0)
                return -EBADMSG;
        } else if (http_text_is(header->name, "transfer-encoding")) {
            lengths.codings++;
            if (!http_text_is(header->value, "chunked"))
                return -EBADMSG;
        }
    }
    /* HTTP/1.0 has no transfer codings: who sends one has a faulty framing (RFC 9112 sec. 6.1). */
    if (lengths.codings > 1 ||
        (lengths.codings && (lengths.has_length || head->minor_version == 0)))
        return -EBADMSG;
    *ret = lengths;
    return 0;
}

static struct http_body framed(const struct lengths *lengths, enum http_framing otherwise)
{
    struct http_body body = {.framing = otherwise};
    if (lengths->codings) {
        body.framing = HTTP_CHUNKED;
    } else if (lengths->has_length) {
        body.framing = lengths->length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
        body.left = lengths->length;
    }
    return body;
}

/* Methods are case sensitive, unlike everything else here. */
static bool is_method(struct http_text method, const char *name)
{
    return method.size == strlen(name) && memcmp(method.data, name, method.size) == 0;
}

int http_body_of_request(const struct http_head *head, struct http_body *ret)
{
    struct lengths lengths;
    if (read_lengths(head, &lengths) < 0)
        return -EBADMSG;
    struct http_body body = framed(&lengths, HTTP_NO_BODY);
    /* What follows a CONNECT is the tunnel's, however long somebody says it is. */
    if (is_method(head->method, "CONNECT") && body.framing != HTTP_NO_BODY)
        return -EBADMSG;
    *ret = body;
    return 0;
}

int http_body_of_response(const struct http_head *head, struct http_text request_method,
                          struct http_body *ret)
{
    struct lengths lengths;
    int status = head->status;
    if (read_lengths(head, &lengths) < 0)
        return -EBADMSG;
    if (status == 101 || (is_method(request_method, "CONNECT") && status / 100 == 2))
        *ret = (struct http_body){.framing = HTTP_TUNNEL};
    else if (status / 100 == 1 || status == 204 || status == 304 ||
             is_method(request_method, "HEAD"))
        *ret = (struct http_body){.framing = HTTP_NO_BODY};
    else
        *ret = framed(&lengths, HTTP_UNTIL_CLOSE);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int go(struct http_body *body, enum chunk_state state)
{
    body->state = (uint8_t)state;
    return 0;
}

static int go_if(struct http_body *body, bool condition, enum chunk_state state)
{
    return condition ? go(body, state) : -EBADMSG;
}

static int add_size_digit(struct http_body *body, int digit)
{
    if (body->left > most_bytes >> 4)
        return -EBADMSG;
    body->left = body->left << 4 | (uint64_t)digit;
    return go(body, CHUNK_SIZE);
}

static int end_size(struct http_body *body, char c)
{
    if (c == '\r')
        return go(body, CHUNK_LINE_LF);
    if (http_char_is(c, HTTP_BLANK))
        return go(body, CHUNK_PAD);
    return go_if(body, c == ';', CHUNK_EXTENSION);
}

static int begin_data(struct http_body *body)
{
    body->in_line = 0;
    return go(body, body->left > 0 ? CHUNK_DATA : TRAILER_START);
}

static int begin_chunk(struct http_body *body)
{
    body->in_line = 0;
    return go(body, CHUNK_FIRST_DIGIT);
}

/* One byte of anything but chunk data. */
static int step(struct http_body *body, char c)
{
    int digit = hex_digit(c);
    switch ((enum chunk_state)body->state) {
    case CHUNK_FIRST_DIGIT: return digit >= 0 ? add_size_digit(body, digit) : -EBADMSG;
    case CHUNK_SIZE: return digit >= 0 ? add_size_digit(body, digit) : end_size(body, c);
    case CHUNK_PAD: return end_size(body, c);
    case CHUNK_EXTENSION:
        return c == '\r' ? go(body, CHUNK_LINE_LF)
                         : go_if(body, http_char_is(c, HTTP_VALUE), CHUNK_EXTENSION);
    case CHUNK_LINE_LF: return c == '\n' ? begin_data(body) : -EBADMSG;
    case CHUNK_DATA_CR: return go_if(body, c == '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF: return c == '\n' ? begin_chunk(body) : -EBADMSG;
    case TRAILER_START:
        return c == '\r' ? go(body, TRAILERS_LF)
                         : go_if(body, http_char_is(c, HTTP_TOKEN), TRAILER_NAME);
    case TRAILER_NAME:
        return c == ':' ? go(body, TRAILER_VALUE)
                        : go_if(body, http_char_is(c, HTTP_TOKEN), TRAILER_NAME);
    case TRAILER_VALUE:
        return c == '\r' ? go(body, TRAILER_LF)
                         : go_if(body, http_char_is(c, HTTP_VALUE), TRAILER_VALUE);
    case TRAILER_LF: return go_if(body, c == '\n', TRAILER_START);
    case TRAILERS_LF: return go_if(body, c == '\n', CHUNKS_DONE);
    case CHUNK_DATA:
    case CHUNKS_DONE: break;
    }
    return -EBADMSG;
}

static bool is_in_trailers(const struct http_body *body)
{
    return body->state >= TRAILER_START;
}

static int step_bounded(struct http_body *body, char c)
{
    uint32_t most = is_in_trailers(body) ? HTTP_TRAILERS_MAX_BYTES : HTTP_CHUNK_LINE_MAX_BYTES;
    if (++body->in_line > most)
        return -EBADMSG;
    return step(body, c);
}

static size_t skip(struct http_body *body, size_t size)
{
    size_t part = body->left < size ? (size_t)body->left : size;
    body->left -= part;
    return part;
}

static ssize_t feed_chunks(struct http_body *body, const char *data, size_t size)
{
    size_t at = 0;
    while (at < size && body->state != CHUNKS_DONE) {
        if (body->state == CHUNK_DATA) {
            at += skip(body, size - at);
            if (body->left == 0)
                go(body, CHUNK_DATA_CR);
        } else if (step_bounded(body, data[at++]) < 0) {
            return -EBADMSG;
        }
    }
    return (ssize_t)at;
}

ssize_t http_body_feed(struct http_body *body, const char *data, size_t size)
{
    switch (body->framing) {
    case HTTP_NO_BODY: return 0;
    case HTTP_LENGTH: return (ssize_t)skip(body, size);
    case HTTP_CHUNKED: return feed_chunks(body, data, size);
    case HTTP_UNTIL_CLOSE:
    case HTTP_TUNNEL: break;
    }
    return (ssize_t)size;
}

bool http_body_is_done(const struct http_body *body)
{
    switch (body->framing) {
    case HTTP_NO_BODY: return true;
    case HTTP_LENGTH: return body->left == 0;
    case HTTP_CHUNKED: return body->state == CHUNKS_DONE;
    case HTTP_UNTIL_CLOSE:
    case HTTP_TUNNEL: break;
    }
    return false;
}
