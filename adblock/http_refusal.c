#include "adblock/http_refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_URL_BYTES = 512, LIST_BYTES = 128, RULE_BYTES = 1024, NAME_BYTES = 256 };

struct body {
    char data[HTTP_REFUSAL_MAX_BYTES - 1024];
    size_t size;
};

static void put(struct body *body, const void *data, size_t size)
{
    size_t room = sizeof(body->data) - body->size;
    size = size < room ? size : room;
    memcpy(body->data + body->size, data, size);
    body->size += size;
}

static void put_text(struct body *body, const char *text)
{
    put(body, text, strlen(text));
}

/* As HTML text: nothing of it can become markup, whatever a URL or a list says. */
static void put_escaped(struct body *body, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '&': put_text(body, "&amp;"); break;
        case '<': put_text(body, "&lt;"); break;
        case '>': put_text(body, "&gt;"); break;
        case '"': put_text(body, "&quot;"); break;
        case '\'': put_text(body, "&#39;"); break;
        default: put(body, (unsigned char)text[i] < ' ' ? "?" : &text[i], 1); break;
        }
    }
}

/* The host in a URL that http_request_facts wrote. */
static void copy_host(const struct filter_request *request, char ret[NAME_BYTES])
{
    const char *start = memmem(request->url, request->url_size, "://", 3);
    start = start ? start + 3 : request->url;
    size_t left = (size_t)(request->url + request->url_size - start), size = 0;
    while (size < left && size < NAME_BYTES - 1 && start[size] != '/' && start[size] != ':')
        size++;
    memcpy(ret, start, size);
    ret[size] = '\0';
}

static void put_page(struct body *body, const struct filter *filter,
                     const struct filter_request *request, const struct verdict *verdict)
{
    char list[LIST_BYTES], rule[RULE_BYTES], host[NAME_BYTES];
    copy_host(request, host);
    filter_describe(filter, verdict, host, list, sizeof(list), rule, sizeof(rule));
    size_t shown = request->url_size < SHOWN_URL_BYTES ? request->url_size : SHOWN_URL_BYTES;

    put_text(body, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width\">"
                   "<title>Blocked by Atlantic</title><style>body{font:16px/1.5 sans-serif;"
                   "max-width:42em;margin:3em auto;padding:0 1em}code{word-break:break-all}"
                   "</style></head><body><h1>Blocked</h1>\n<p>Atlantic did not load <code>");
    put_escaped(body, request->url, shown);
    put_text(body, shown < request->url_size ? "&hellip;" : "");
    put_text(body, "</code></p>\n<p>List: <strong>");
    put_escaped(body, list, strlen(list));
    put_text(body, "</strong><br>Rule: <code>");
    put_escaped(body, rule, strlen(rule));
    put_text(body, "</code></p>\n<p>To allow it, run <code>atlantic allow ");
    put_escaped(body, host, strlen(host));
    put_text(body, "</code>, or for an hour <code>atlantic allow ");
    put_escaped(body, host, strlen(host));
    put_text(body, " --for 1h</code>. What else matches says <code>atlantic filter explain ");
    put_escaped(body, host, strlen(host));
    put_text(body, "</code>.</p>\n</body></html>\n");
}

static bool is_svg(const struct filter_request *request)
{
    const char *query = memchr(request->url, '?', request->url_size);
    size_t size = query ? (size_t)(query - request->url) : request->url_size;
    return size > 4 && strncasecmp(request->url + size - 4, ".svg", 4) == 0;
}

struct kind {
    int status;
    const char *phrase, *content_type;
};

static struct kind put_image(struct body *body, const struct filter_request *request)
{
    /* One transparent pixel: GIF89a, a palette of two colours, a graphic control extension. */
    static const unsigned char gif[] =
        "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\4\1\0\0\0\0"
        "\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0\x3b";
    if (is_svg(request)) {
        put_text(body, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n");
        return (struct kind){200, "OK", "image/svg+xml"};
    }
    put(body, gif, sizeof(gif) - 1);
    return (struct kind){200, "OK", "image/gif"};
}

static struct kind put_body(struct body *body, const struct filter *filter,
                            const struct filter_request *request, const struct verdict *verdict)
{
    switch (request->type) {
    case FILTER_TYPE_IMAGE: return put_image(body, request);
    case FILTER_TYPE_SCRIPT: return (struct kind){200, "OK", "text/javascript"};
    case FILTER_TYPE_STYLESHEET: return (struct kind){200, "OK", "text/css"};
    case FILTER_TYPE_SUBDOCUMENT:
        put_text(body, "<!DOCTYPE html><html lang=\"en\"><title>Blocked</title></html>\n");
        return (struct kind){200, "OK", "text/html; charset=utf-8"};
    case FILTER_TYPE_OTHER: /* curl and its like: a person may well read it */
    case FILTER_TYPE_DOCUMENT:
        put_page(body, filter, request, verdict);
        return (struct kind){403, "Forbidden", "text/html; charset=utf-8"};
    default: return (struct kind){403, "Forbidden", "text/plain"};
    }
}

static size_t join(const struct kind *kind, const struct body *body, bool has_body,
                   bool keeps_alive, char *to)
{
    int head = snprintf(to, HTTP_REFUSAL_MAX_BYTES,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Cache-Control: no-store\r\nX-Blocked-By: Atlantic\r\n"
                        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                        "X-Content-Type-Options: nosniff\r\n%sConnection: %s\r\n\r\n",
                        kind->status, kind->phrase, kind->content_type, body->size,
                        /* Nothing is in an empty thing, but the page with the rule is for people:
                         * another site's script must not read it. */
                        kind->status == 200 ? "Access-Control-Allow-Origin: *\r\n" : "",
                        keeps_alive ? "keep-alive" : "close");
    if (!has_body)
        return (size_t)head;
    memcpy(to + head, body->data, body->size);
    return (size_t)head + body->size;
}

size_t http_refusal_format(const struct filter *filter, const struct filter_request *request,
                           const struct verdict *verdict, bool keeps_alive,
                           char to[HTTP_REFUSAL_MAX_BYTES])
{
    struct body body;
    body.size = 0;
    struct kind kind = put_body(&body, filter, request, verdict);
    return join(&kind, &body, strcmp(request->method, "HEAD") != 0, keeps_alive, to);
}

size_t http_refusal_format_error(int status, const char *why, char to[HTTP_REFUSAL_MAX_BYTES])
{
    struct body body;
    struct kind kind = {status, status == 431 ? "Request Header Fields Too Large" : "Bad Request",
                        "text/plain; charset=utf-8"};
    body.size = 0;
    put_text(&body, "Atlantic refused this request because it can be read in two ways: ");
    put_text(&body, why ? why : "malformed");
    put_text(&body, "\n");
    return join(&kind, &body, true, false, to);
}
