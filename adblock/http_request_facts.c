/* Type from Sec-Fetch-Dest (Fetch Metadata, sent to trustworthy URLs only), else from what a
 * request without it still shows: Upgrade, Accept, the extension; source from Referer, else Origin.
 */
#include "adblock/http_request_facts.h"

#include <string.h>
#include <strings.h>

static struct http_text header(const struct http_head *head, const char *name)
{
    const struct http_text *value = http_head_find(head, name);
    return value ? *value : (struct http_text){"", 0};
}

static bool starts_with(struct http_text text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && strncasecmp(text.data, prefix, size) == 0;
}

struct word {
    const char *text;
    enum filter_type type;
};

static const struct word destinations[] = {
    {"document", FILTER_TYPE_DOCUMENT},    {"iframe", FILTER_TYPE_SUBDOCUMENT},
    {"frame", FILTER_TYPE_SUBDOCUMENT},    {"script", FILTER_TYPE_SCRIPT},
    {"worker", FILTER_TYPE_SCRIPT},        {"sharedworker", FILTER_TYPE_SCRIPT},
    {"serviceworker", FILTER_TYPE_SCRIPT}, {"audioworklet", FILTER_TYPE_SCRIPT},
    {"paintworklet", FILTER_TYPE_SCRIPT},  {"image", FILTER_TYPE_IMAGE},
    {"style", FILTER_TYPE_STYLESHEET},     {"font", FILTER_TYPE_FONT},
    {"audio", FILTER_TYPE_MEDIA},          {"video", FILTER_TYPE_MEDIA},
    {"track", FILTER_TYPE_MEDIA},          {"object", FILTER_TYPE_OBJECT},
    {"embed", FILTER_TYPE_OBJECT},         {"websocket", FILTER_TYPE_WEBSOCKET},
    {"empty", FILTER_TYPE_XMLHTTPREQUEST}, {NULL, FILTER_TYPE_OTHER},
};

/* The first thing that a client says it would like best. */
static const struct word accepted[] = {
    {"text/html", FILTER_TYPE_DOCUMENT},
    {"application/xhtml", FILTER_TYPE_DOCUMENT},
    {"image/", FILTER_TYPE_IMAGE},
    {"text/css", FILTER_TYPE_STYLESHEET},
    {"text/javascript", FILTER_TYPE_SCRIPT},
    {"application/javascript", FILTER_TYPE_SCRIPT},
    {"font/", FILTER_TYPE_FONT},
    {"application/font", FILTER_TYPE_FONT},
    {"video/", FILTER_TYPE_MEDIA},
    {"audio/", FILTER_TYPE_MEDIA},
    {"application/json", FILTER_TYPE_XMLHTTPREQUEST},
    {"text/event-stream", FILTER_TYPE_XMLHTTPREQUEST},
    {NULL, FILTER_TYPE_OTHER},
};

static const struct word extensions[] = {
    {"js", FILTER_TYPE_SCRIPT},      {"mjs", FILTER_TYPE_SCRIPT},
    {"css", FILTER_TYPE_STYLESHEET}, {"gif", FILTER_TYPE_IMAGE},
    {"png", FILTER_TYPE_IMAGE},      {"jpg", FILTER_TYPE_IMAGE},
    {"jpeg", FILTER_TYPE_IMAGE},     {"webp", FILTER_TYPE_IMAGE},
    {"avif", FILTER_TYPE_IMAGE},     {"svg", FILTER_TYPE_IMAGE},
    {"ico", FILTER_TYPE_IMAGE},      {"bmp", FILTER_TYPE_IMAGE},
    {"woff", FILTER_TYPE_FONT},      {"woff2", FILTER_TYPE_FONT},
    {"ttf", FILTER_TYPE_FONT},       {"otf", FILTER_TYPE_FONT},
    {"eot", FILTER_TYPE_FONT},       {"mp4", FILTER_TYPE_MEDIA},
    {"webm", FILTER_TYPE_MEDIA},     {"mp3", FILTER_TYPE_MEDIA},
    {"m4a", FILTER_TYPE_MEDIA},      {"m4s", FILTER_TYPE_MEDIA},
    {"ogg", FILTER_TYPE_MEDIA},      {"flac", FILTER_TYPE_MEDIA},
    {"wav", FILTER_TYPE_MEDIA},      {"m3u8", FILTER_TYPE_MEDIA},
    {"swf", FILTER_TYPE_OBJECT},     {"html", FILTER_TYPE_DOCUMENT},
    {"htm", FILTER_TYPE_DOCUMENT},   {"json", FILTER_TYPE_XMLHTTPREQUEST},
    {NULL, FILTER_TYPE_OTHER},
};

/* The path's extension; empty if it has none. */
static struct http_text extension_of(struct http_text target)
{
    size_t end = 0, dot = 0;
    while (end < target.size && target.data[end] != '?') {
        if (target.data[end] == '/')
            dot = 0;
        if (target.data[end] == '.')
            dot = end + 1;
        end++;
    }
    return dot ? (struct http_text){target.data + dot, end - dot} : (struct http_text){"", 0};
}

static enum filter_type type_of(const struct http_head *head)
{
    if (http_head_has_token(head, "upgrade", "websocket"))
        return FILTER_TYPE_WEBSOCKET;
    if (starts_with(header(head, "content-type"), "text/ping"))
        return FILTER_TYPE_PING;
    struct http_text destination = header(head, "sec-fetch-dest");
    for (const struct word *word = destinations; destination.size && word->text; word++) {
        if (http_text_is(destination, word->text))
            return word->type;
    }
    if (http_text_is(header(head, "x-requested-with"), "XMLHttpRequest"))
        return FILTER_TYPE_XMLHTTPREQUEST;
    struct http_text accept = header(head, "accept");
    for (const struct word *word = accepted; word->text; word++) {
        if (starts_with(accept, word->text))
            return word->type;
    }
    struct http_text extension = extension_of(head->target);
    for (const struct word *word = extensions; extension.size && word->text; word++) {
        if (http_text_is(extension, word->text))
            return word->type;
    }
    /* fetch() of another origin; a form's POST asked for text/html above */
    return header(head, "origin").size ? FILTER_TYPE_XMLHTTPREQUEST : FILTER_TYPE_OTHER;
}

/* Bounded text. */
struct writer {
    char *to;
    size_t size, capacity;
};

static void put(struct writer *writer, struct http_text text)
{
    size_t room = writer->capacity - writer->size;
    size_t size = text.size < room ? text.size : room;
    memcpy(writer->to + writer->size, text.data, size);
    writer->size += size;
}

static void put_string(struct writer *writer, const char *text)
{
    put(writer, (struct http_text){text, strlen(text)});
}

static bool ends_with(struct http_text text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* The authority without what would keep a rule from matching: user name, default port, final dot.
 */
static void put_authority(struct writer *writer, struct http_text authority, bool is_secure)
{
    const char *at = memrchr(authority.data, '@', authority.size);
    if (at)
        authority = (struct http_text){at + 1, (size_t)(authority.data + authority.size - at - 1)};
    const char *port = is_secure ? ":443" : ":80";
    if (ends_with(authority, port))
        authority.size -= strlen(port);
    if (ends_with(authority, "."))
        authority.size--;
    put(writer, authority);
}

/* Splits an absolute target; false for the other forms (RFC 9112 sec. 3.2). */
static bool split_absolute(struct http_text target, struct http_text *ret_authority,
                           struct http_text *ret_path, bool *ret_is_secure)
{
    const char *colon = memmem(target.data, target.size, "://", 3);
    if (target.size == 0 || target.data[0] == '/' || !colon)
        return false;
    const char *start = colon + 3, *end = target.data + target.size, *path = start;
    while (path < end && *path != '/' && *path != '?')
        path++;
    *ret_authority = (struct http_text){start, (size_t)(path - start)};
    *ret_path = (struct http_text){path, (size_t)(end - path)};
    *ret_is_secure = colon > target.data && (colon[-1] == 's' || colon[-1] == 'S');
    return true;
}

static size_t write_url(const struct http_head *head, const char *host, bool is_secure,
                        bool is_websocket, struct http_request_facts *facts)
{
    struct writer writer = {facts->url, 0, HTTP_URL_MAX_BYTES};
    struct http_text authority = header(head, "host"), path = head->target;
    bool is_connect = http_text_is(head->method, "CONNECT");
    if (is_connect) {
        authority = head->target;
        path.size = 0;
        is_secure = true; /* what else would it be for */
    } else if (!split_absolute(head->target, &authority, &path, &is_secure) &&
               http_text_is(path, "*")) {
        path.size = 0; /* OPTIONS, for the server itself */
    }
    if (authority.size == 0)
        authority = (struct http_text){host, strlen(host)};
    put_string(&writer, is_websocket ? is_secure ? "wss://" : "ws://"
                        : is_secure  ? "https://"
                                     : "http://");
    put_authority(&writer, authority, is_secure);
    if (path.size == 0 || path.data[0] != '/')
        put_string(&writer, "/");
    put(&writer, path);
    facts->url[writer.size] = '\0';
    return writer.size;
}

static struct http_text source_of(const struct http_head *head)
{
    struct http_text source = header(head, "referer");
    if (!starts_with(source, "http://") && !starts_with(source, "https://"))
        source = header(head, "origin");
    if (!starts_with(source, "http://") && !starts_with(source, "https://"))
        source.size = 0; /* "null" and worse */
    return source;
}

void http_request_facts_read(const struct http_head *head, const char *host, bool is_tls,
                             struct http_request_facts *ret)
{
    enum filter_type type = type_of(head);
    struct http_text source = source_of(head);
    size_t size =
        head->method.size < sizeof(ret->method) - 1 ? head->method.size : sizeof(ret->method) - 1;
    memcpy(ret->method, head->method.data, size);
    ret->method[size] = '\0';
    ret->request = (struct filter_request){
        .url = ret->url,
        .url_size = write_url(head, host, is_tls, type == FILTER_TYPE_WEBSOCKET, ret),
        .source_url = source.size ? source.data : "",
        .source_url_size = source.size,
        .type = type,
        .method = ret->method,
    };
}
