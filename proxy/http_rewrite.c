#include "proxy/http_rewrite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Output that remembers its size even where it did not fit. */
struct writer {
    char *to;
    size_t size, capacity;
};

static void put(struct writer *writer, struct http_text text)
{
    if (writer->size <= writer->capacity && text.size <= writer->capacity - writer->size)
        memcpy(writer->to + writer->size, text.data, text.size);
    writer->size += text.size;
}

static void put_string(struct writer *writer, const char *string)
{
    put(writer, (struct http_text){string, strlen(string)});
}

static void put_header(struct writer *writer, const struct http_header *header)
{
    put(writer, header->name);
    put_string(writer, ": ");
    put(writer, header->value);
    put_string(writer, "\r\n");
}

static ssize_t written(const struct writer *writer)
{
    return writer->size <= writer->capacity ? (ssize_t)writer->size : -E2BIG;
}

static bool is_one_of(struct http_text name, const char *const *names)
{
    for (; *names; names++)
        if (http_text_is(name, *names))
            return true;
    return false;
}

/* Fields that end at this hop whether Connection names them or not. */
static bool is_hop_field(struct http_text name)
{
    static const char *const names[] = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "http2-settings",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        NULL,
    };
    return is_one_of(name, names);
}

/* Without these the message would mean something else to the next hop than to us. */
static bool is_framing_field(struct http_text name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "host", NULL};
    return is_one_of(name, names);
}

static bool is_named_by_connection(const struct http_head *head, struct http_text name)
{
    char text[64];
    if (name.size >= sizeof(text))
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return http_head_has_token(head, "connection", text);
}

/* All fields but those of this hop; Host too ends here if `drops_host`. */
static int put_fields(struct writer *writer, const struct http_head *head, bool drops_host)
{
    bool has_connection = http_head_find(head, "connection") != NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if (is_hop_field(header->name))
            continue;
        if (has_connection && is_named_by_connection(head, header->name)) {
            if (is_framing_field(header->name))
                return -EBADMSG;
            continue;
        }
        if (drops_host && http_text_is(header->name, "host"))
            continue;
        put_header(writer, header);
    }
    return 0;
}

/* Methods differ by case (RFC 9110 sec. 9.1). */
static bool is_method(struct http_text method, const char *name)
{
    return method.size == strlen(name) && memcmp(method.data, name, method.size) == 0;
}

bool http_rewrite_is_websocket(const struct http_head *head)
{
    const struct http_text *upgrade = http_head_find(head, "upgrade");
    return head->minor_version == 1 && upgrade && http_text_is(*upgrade, "websocket") &&
           is_method(head->method, "GET") && http_head_has_token(head, "connection", "upgrade");
}

/* RFC 9112 sec. 3.2.1 and, for OPTIONS of a whole server, 3.2.4. */
static void put_origin_form(struct writer *writer, const struct http_head *head,
                            struct http_text path)
{
    if (path.size == 0 && is_method(head->method, "OPTIONS"))
        put_string(writer, "*");
    else if (path.size == 0 || path.data[0] != '/')
        put_string(writer, "/");
    put(writer, path);
}

ssize_t http_rewrite_request(const struct http_head *head, const struct http_target *target,
                             char *to, size_t capacity)
{
    struct writer writer = {.to = to, .capacity = capacity};
    put(&writer, head->method);
    put_string(&writer, " ");
    put_origin_form(&writer, head, target->path);
    /* A client of HTTP/1.0 cannot read chunks: ask in its version, so that none are sent. */
    put_string(&writer, head->minor_version == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    put_string(&writer, "Host: ");
    put(&writer, target->host);
    put_string(&writer, "\r\n");
    if (put_fields(&writer, head, true) < 0)
        return -EBADMSG;
    put_string(&writer, http_rewrite_is_websocket(head)
                            ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                            : "Connection: close\r\n\r\n");
    return written(&writer);
}

ssize_t http_rewrite_response(const struct http_head *head, enum http_rewrite_connection connection,
                              char *to, size_t capacity)
{
    static const char *const fields[] = {
        [HTTP_CONNECTION_KEEP] = "Connection: keep-alive\r\n\r\n",
        [HTTP_CONNECTION_CLOSE] = "Connection: close\r\n\r\n",
        [HTTP_CONNECTION_UPGRADE] = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        [HTTP_CONNECTION_SILENT] = "\r\n",
    };
    struct writer writer = {.to = to, .capacity = capacity};
    char status[16];
    snprintf(status, sizeof(status), "HTTP/1.1 %03d ", head->status);
    put_string(&writer, status);
    put(&writer, head->reason);
    put_string(&writer, "\r\n");
    if (put_fields(&writer, head, false) < 0)
        return -EBADMSG;
    put_string(&writer, fields[connection]);
    return written(&writer);
}
