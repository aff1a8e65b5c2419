#include "adblock/sniff.h"
#include "adblock/tls_hello.h"

#include "base/endpoint.h"
#include "base/http_head.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TLS_FIRST_BYTE = 0x16, METHOD_MAX = 32 };

static enum sniff_result look_tls(const uint8_t *data, size_t size, struct sniff *ret)
{
    struct tls_hello hello = {.name = ""};
    switch (tls_hello_parse(data, size, &hello)) {
    case TLS_HELLO_MORE: return SNIFF_MORE;
    case TLS_HELLO_NOT_TLS: return SNIFF_UNKNOWN;
    case TLS_HELLO_NAME:
    case TLS_HELLO_NO_NAME: break;
    }
    memcpy(ret->host, hello.name, sizeof(hello.name));
    ret->has_ech = hello.has_ech;
    return SNIFF_TLS;
}

/* RFC 9110 sec. 5.6.2 */
static bool is_token_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* A line without a version, which some servers still answer (HTTP/0.9). */
static bool is_simple_request(const char *line, size_t method, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (method == strlen(methods[i]) && memcmp(line, methods[i], method) == 0)
            return size > method + 1 && line[method + 1] == '/';
    }
    return false;
}

/* Does the request line, as far as it arrived, read as HTTP/1? 1 yes, 0 it may still, -1 no. Faults
 * are not judged, for a server might forgive them: what it may take for HTTP has to be HTTP here.
 */
static int is_http(const char *data, size_t size)
{
    size_t method = 0;
    while (method < size && method < METHOD_MAX && is_token_char(data[method]))
        method++;
    if (method == size)
        return 0;
    if (method == 0 || data[method] != ' ')
        return -1;
    const char *end = memchr(data, '\n', size);
    if (!end)
        return 0;
    size_t line = (size_t)(end - data);
    return memmem(data, line, " HTTP/1.", 8) || is_simple_request(data, method, line) ? 1 : -1;
}

/* The host of "host", "host:port", "[v6]:port". */
static void take_host(struct http_text authority, struct sniff *ret)
{
    char text[ENDPOINT_TEXT_MAX + 8];
    struct endpoint endpoint;
    if (authority.size == 0 || authority.size >= sizeof(text))
        return;
    memcpy(text, authority.data, authority.size);
    text[authority.size] = '\0';
    if (strlen(text) != authority.size || endpoint_parse(text, 80, &endpoint) < 0)
        return;
    if (endpoint_is_name(&endpoint)) {
        memcpy(ret->host, endpoint.name, sizeof(endpoint.name));
        return;
    }
    address_format_ip(&endpoint.address, ret->host);
}

/* An absolute target names the host; the parser has seen that Host, where there is one, agrees. */
static void take_request_host(const struct http_head *head, struct sniff *ret)
{
    struct http_text target = head->target;
    const char *scheme = memmem(target.data, target.size, "://", 3);
    if (scheme && target.data[0] != '/') {
        const char *start = scheme + 3;
        size_t left = (size_t)(target.data + target.size - start), size = 0;
        while (size < left && !strchr("/?#", start[size]))
            size++;
        take_host((struct http_text){start, size}, ret);
        return;
    }
    const struct http_text *host = http_head_find(head, "host");
    if (host)
        take_host(*host, ret);
}

static enum sniff_result look_http(const char *data, size_t size, struct sniff *ret)
{
    struct http_head head;
    while (size >= 2 && memcmp(data, "\r\n", 2) == 0) { /* RFC 9112 sec. 2.2: to be ignored */
        data += 2;
        size -= 2;
    }
    if (size == 0 || (size == 1 && data[0] == '\r'))
        return SNIFF_MORE;
    int yes = is_http(data, size);
    if (yes <= 0)
        return yes < 0 ? SNIFF_UNKNOWN : SNIFF_MORE;
    ssize_t head_size = http_head_parse_request(data, size, &head, NULL);
    if (head_size == 0)
        return SNIFF_MORE;
    if (head_size > 0)
        take_request_host(&head, ret);
    return SNIFF_HTTP;
}

enum sniff_result sniff_look(const void *data, size_t size, struct sniff *ret)
{
    struct sniff sniff = {.host = ""};
    const char *text = data;
    enum sniff_result result = SNIFF_MORE;
    if (size > 0)
        result = text[0] == TLS_FIRST_BYTE ? look_tls(data, size, &sniff)
                                           : look_http(data, size, &sniff);
    /* A method and an endless target or head: the gate has the larger limit, and refuses. */
    if (result == SNIFF_MORE && size >= SNIFF_MAX_BYTES)
        result = text[0] != TLS_FIRST_BYTE && is_http(text, size) >= 0 ? SNIFF_HTTP : SNIFF_UNKNOWN;
    *ret = sniff;
    return result;
}
