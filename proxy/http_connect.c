#include "proxy/http_connect.h"

#include "base/err.h"
#include "proxy/basic_auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

ssize_t http_connect_build_request(char *to, const struct endpoint *target, const char *user,
                                   const char *password)
{
    char where[ENDPOINT_TEXT_MAX], login[1500];
    ssize_t login_size = 0;
    endpoint_format(target, where);
    if (user)
        login_size = basic_auth_build(login, sizeof(login), user, password ? password : "");
    if (login_size < 0)
        return login_size;
    int size = snprintf(to, HTTP_CONNECT_REQUEST_MAX,
                        "CONNECT %s HTTP/1.1\r\n"
                        "Host: %s\r\n"
                        "%s%s%s"
                        "\r\n",
                        where, where, user ? "Proxy-Authorization: " : "", user ? login : "",
                        user ? "\r\n" : "");
    explicit_bzero(login, sizeof(login));
    return size < HTTP_CONNECT_REQUEST_MAX ? size : -ENOSPC;
}

ssize_t http_connect_parse_reply(const char *data, size_t size, int *ret_status)
{
    struct http_head head;
    ssize_t used = http_head_parse_response(data, size, &head, NULL);
    if (used < 0)
        return ERR_PROTOCOL;
    if (used > 0)
        *ret_status = head.status;
    return used;
}

int http_connect_status_to_err(int status)
{
    if (status >= 200 && status <= 299)
        return 0;
    switch (status) {
    case 401: /* tinyproxy's answer to a wrong password */
    case 407: return ERR_AUTH;
    /* Proxies answer with these for a target that they cannot reach (tinyproxy with 500). */
    case 500:
    case 502:
    case 503:
    case 504: return ERR_TARGET_UNREACHABLE;
    default: return ERR_REFUSED_BY_PROXY;
    }
}

int http_connect_parse_target(const struct http_head *request, struct endpoint *ret)
{
    char text[ENDPOINT_TEXT_MAX];
    if (request->target.size >= sizeof(text) ||
        memchr(request->target.data, 0, request->target.size))
        return ERR_PROTOCOL;
    memcpy(text, request->target.data, request->target.size);
    text[request->target.size] = '\0';
    return endpoint_parse(text, 0, ret) < 0 ? ERR_PROTOCOL : 0;
}

bool http_connect_has_login(const struct http_head *request, const char *user, const char *password)
{
    const struct http_text *value = http_head_find(request, "Proxy-Authorization");
    return value && basic_auth_check(value->data, value->size, user, password);
}

static const char *status_of_err(int err)
{
    switch (err) {
    case ERR_AUTH: return "407 Proxy Authentication Required";
    case ERR_PROTOCOL:
    case -EINVAL: return "400 Bad Request";
    case ERR_BLOCKED:
    case -EACCES:
    case -EPERM: return "403 Forbidden";
    case ERR_NO_UPSTREAM:
    case ERR_LIMIT: return "503 Service Unavailable";
    case -ETIMEDOUT: return "504 Gateway Timeout";
    default: return "502 Bad Gateway";
    }
}

size_t http_connect_build_reply(char *to, int err)
{
    if (err == 0)
        return (size_t)snprintf(to, HTTP_CONNECT_REPLY_MAX, "HTTP/1.1 200 Connected\r\n\r\n");
    const char *reason = err == ERR_AUTH ? "a user name and password are needed" : err_text(err);
    return (size_t)snprintf(to, HTTP_CONNECT_REPLY_MAX,
                            "HTTP/1.1 %s\r\n"
                            "%s"
                            "Content-Type: text/plain\r\n"
                            "Content-Length: %zu\r\n"
                            "Connection: close\r\n"
                            "\r\n"
                            "%s\n",
                            status_of_err(err),
                            err == ERR_AUTH ? "Proxy-Authenticate: Basic realm=\"atlantic\"\r\n"
                                            : "",
                            strlen(reason) + 1, reason);
}
