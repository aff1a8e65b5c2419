/* RFC 3986 sec. 3.2: the authority is between "//" and the next of / ? # */
#include "adblock/url.h"

enum mark { MARK_NONE, MARK_END = 1, MARK_USER = 2, MARK_PORT = 4 };
static const uint8_t marks[256] = {
    ['/'] = MARK_END,  ['?'] = MARK_END,  ['#'] = MARK_END,
    ['\\'] = MARK_END, ['@'] = MARK_USER, [':'] = MARK_PORT,
};

/* Behind the scheme's "://"; the end if there is none. */
static size_t find_authority(struct slice text)
{
    size_t colon = slice_find(text, ':');
    while (colon + 2 < text.size && (text.data[colon + 1] != '/' || text.data[colon + 2] != '/'))
        colon += 1 + slice_find(slice_from(text, colon + 1), ':');
    return colon + 2 < text.size ? colon + 3 : text.size;
}

static void find_host(struct slice text, size_t *ret_host, size_t *ret_end)
{
    size_t host = find_authority(text), end = host, port = text.size;
    for (; end < text.size && marks[(uint8_t)text.data[end]] != MARK_END; end++) {
        enum mark mark = marks[(uint8_t)text.data[end]];
        if (mark == MARK_USER) {
            host = end + 1;
            port = text.size;
        } else if (mark == MARK_PORT && port > end) {
            port = end;
        }
    }
    if (host < end && text.data[host] == '[') {
        size_t bracket = host + slice_find((struct slice){text.data + host, end - host}, ']');
        port = bracket < end ? bracket + 1 : end;
    }
    *ret_host = host;
    *ret_end = port < end ? port : end;
}

/* Eight letters at once: a byte from A to Z has its bit 0x20 set, the others stay. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low = word & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A'), above_z = low + ones * (0x80 - 'Z' - 1);
    return word | (((from_a & ~above_z & ~word) & (ones * 0x80)) >> 2);
}

static void lower_text(struct slice text, char *to)
{
    size_t at = 0;
    for (uint64_t word; at + sizeof(word) <= text.size; at += sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        word = lower_word(word);
        memcpy(to + at, &word, sizeof(word));
    }
    for (; at < text.size; at++)
        to[at] = char_lower(text.data[at]);
    memset(to + text.size, 0, URL_PADDING);
}

void url_split(struct slice text, char buffer[URL_MAX_BYTES + URL_PADDING], struct url *ret)
{
    ret->text = slice_at_most(text, URL_MAX_BYTES);
    lower_text(ret->text, buffer);
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
