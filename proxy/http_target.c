#include "proxy/http_target.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_PORT = 80 };

static bool starts_with(struct http_text text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && strncasecmp(text.data, prefix, size) == 0;
}

static int parse_endpoint(struct http_text text, uint16_t default_port, struct endpoint *ret)
{
    char copy[ENDPOINT_TEXT_MAX];
    struct endpoint endpoint;
    if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size))
        return -EINVAL;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    int err = endpoint_parse(copy, default_port, &endpoint);
    if (err < 0)
        return err;
    if (endpoint.address.port == 0)
        return -EINVAL;
    *ret = endpoint;
    return 0;
}

/* "host:" and "host:80" are "host" (RFC 9110 sec. 4.2.1). */
static struct http_text without_default_port(struct http_text authority)
{
    if (authority.data[authority.size - 1] == ':')
        authority.size--;
    else if (authority.size > 3 && memcmp(authority.data + authority.size - 3, ":80", 3) == 0)
        authority.size -= 3;
    return authority;
}

static int parse_absolute(struct http_text uri, struct http_target *ret)
{
    static const char scheme[] = "http://";
    const char *start = uri.data + sizeof(scheme) - 1, *end = uri.data + uri.size;
    const char *path = start;
    while (path < end && *path != '/' && *path != '?')
        path++;
    struct http_text authority = {start, (size_t)(path - start)};
    /* User information misleads the eye (RFC 9110 sec. 4.2.4); a fragment is never sent. */
    if (authority.size == 0 || memchr(start, '@', authority.size) ||
        memchr(uri.data, '#', uri.size))
        return -EINVAL;
    struct http_target target = {
        .form = HTTP_TARGET_ABSOLUTE,
        .host = without_default_port(authority),
        .path = {path, (size_t)(end - path)},
    };
    int err = parse_endpoint(target.host, DEFAULT_PORT, &target.endpoint);
    if (err == 0)
        *ret = target;
    return err;
}

static bool has_other_scheme(struct http_text target)
{
    const char *colon = memchr(target.data, ':', target.size);
    return colon && (size_t)(colon - target.data) + 3 <= target.size &&
           memcmp(colon, "://", 3) == 0;
}

int http_target_parse(const struct http_head *head, struct http_target *ret)
{
    struct http_text text = head->target;
    struct http_target target = {.form = HTTP_TARGET_AUTHORITY};
    if (text.size == 0)
        return -EINVAL;
    if (head->method.size == 7 && memcmp(head->method.data, "CONNECT", 7) == 0) {
        int err = parse_endpoint(text, 0, &target.endpoint);
        if (err == 0)
            *ret = target;
        return err;
    }
    if (starts_with(text, "http://"))
        return parse_absolute(text, ret);
    if (text.data[0] == '/' || (text.size == 1 && text.data[0] == '*')) {
        *ret = (struct http_target){.form = HTTP_TARGET_OWN, .path = text};
        return 0;
    }
    return has_other_scheme(text) ? ERR_UNSUPPORTED : -EINVAL;
}
