/* RFC 3986 sec. 3.2: the authority is between "//" and the next of / ? # */
#include "adblock/url.h"

static void find_host(struct slice text, size_t *ret_host, size_t *ret_end)
{
    const char *slashes = text.size > 2 ? memmem(text.data, text.size, "://", 3) : NULL;
    size_t host = slashes ? (size_t)(slashes - text.data) + 3 : text.size, end = host;
    for (; end < text.size && !strchr("/?#\\", text.data[end]); end++)
        if (text.data[end] == '@')
            host = end + 1;
    if (host < end && text.data[host] == '[') {
        size_t bracket = slice_find(slice_until(text, end), ']');
        end = bracket < end ? bracket + 1 : end;
    } else {
        size_t port = host;
        while (port < end && text.data[port] != ':')
            port++;
        end = port;
    }
    *ret_host = host;
    *ret_end = end;
}

void url_split(struct slice text, char buffer[URL_MAX_BYTES + URL_PADDING], struct url *ret)
{
    ret->text = slice_at_most(text, URL_MAX_BYTES);
    for (size_t i = 0; i < ret->text.size; i++)
        buffer[i] = char_lower(ret->text.data[i]);
    memset(buffer + ret->text.size, 0, URL_PADDING);
    ret->lower = buffer;
    find_host(ret->text, &ret->host, &ret->host_end);
}

struct slice url_host(struct slice text, char *buffer, size_t capacity)
{
    size_t host, end;
    find_host(slice_at_most(text, URL_MAX_BYTES), &host, &end);
    if (end > host && text.data[end - 1] == '.')
        end--;
    size_t size = end - host;
    if (size >= capacity)
        return (struct slice){buffer, 0};
    for (size_t i = 0; i < size; i++)
        buffer[i] = char_lower(text.data[host + i]);
    buffer[size] = '\0';
    return (struct slice){buffer, size};
}
