#include "proxy/door_page.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 2048 };

int door_page_status_of(int err)
{
    switch (err) {
    case ERR_BLOCKED:
    case -EACCES:
    case -EPERM: return 403;
    case -EBADMSG: return 400;
    case ERR_NO_UPSTREAM:
    case ERR_LIMIT:
    case -ENOMEM: return 503;
    case -ETIMEDOUT: return 504;
    default: return 502;
    }
}

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 407: return "Proxy Authentication Required";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Error";
    }
}

/* The whole response around a body that fits by construction. */
static size_t build(char *to, int status, const char *fields, const char *body, bool keeps_alive,
                    bool is_to_head)
{
    int size = snprintf(to, DOOR_PAGE_MAX_BYTES,
                        "HTTP/1.1 %d %s\r\n"
                        "%s"
                        "Content-Length: %zu\r\n"
                        "Cache-Control: no-store\r\n"
                        "Connection: %s\r\n"
                        "\r\n"
                        "%s",
                        status, status_text(status), fields, strlen(body),
                        keeps_alive ? "keep-alive" : "close", is_to_head ? "" : body);
    assert(size > 0 && size < DOOR_PAGE_MAX_BYTES);
    return (size_t)size;
}

size_t door_page_build(char *to, const struct door_page *page)
{
    char body[BODY_MAX], target[ENDPOINT_TEXT_MAX] = "";
    bool has_target = page->target.address.family != 0 || endpoint_is_name(&page->target);
    if (has_target) /* letters, digits, dots, colons: nothing to escape */
        endpoint_format(&page->target, target);
    const char *text = status_text(page->status);
    snprintf(body, sizeof(body),
             "<!doctype html>\n"
             "<html lang=\"en\"><meta charset=\"utf-8\"><title>%d %s</title>\n"
             "<h1>%s</h1>\n"
             "<p>%s%s%s.</p>\n"
             "<hr><p>Atlantic, local proxy</p></html>\n",
             page->status, text, text, target, has_target ? ": " : "", page->why);
    return build(to, page->status,
                 page->status == 407 ? "Content-Type: text/html; charset=utf-8\r\n"
                                       "Proxy-Authenticate: Basic realm=\"Atlantic\"\r\n"
                                     : "Content-Type: text/html; charset=utf-8\r\n",
                 body, page->keeps_alive, page->is_to_head);
}

size_t door_page_build_pac(char *to, const struct address *door, bool keeps_alive, bool is_to_head)
{
    char body[BODY_MAX], where[ADDRESS_TEXT_MAX];
    address_format(door, where);
    /* No "DIRECT" at the end: a browser would leave the tunnel whenever the door is busy. */
    snprintf(body, sizeof(body),
             "function FindProxyForURL(url, host) {\n"
             "    if (host === \"localhost\" || host === \"127.0.0.1\" || host === \"[::1]\")\n"
             "        return \"DIRECT\";\n"
             "    return \"SOCKS5 %s; PROXY %s\";\n"
             "}\n",
             where, where);
    return build(to, 200, "Content-Type: application/x-ns-proxy-autoconfig\r\n", body, keeps_alive,
                 is_to_head);
}
