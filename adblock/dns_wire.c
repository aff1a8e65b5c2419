/* Names and records of DNS messages. Every byte comes from a stranger: nothing here trusts a length
 * or a pointer, allocates, or can loop. */
#include "adblock/dns_wire.h"

#include <errno.h>

enum { POINTER_BITS = 0xc0, ESCAPE_BYTES = 4, HOPS_MAX = 128 };

/* What to add to a byte of a label to write it in lower case; ESCAPED for one that needs \DDD. */
enum { ESCAPED = 1, TO_LOWER = 'a' - 'A' };
static const uint8_t adding[256] = {
    [0 ... ' '] = ESCAPED, ['.'] = ESCAPED,           ['A' ... 'Z'] = TO_LOWER,
    ['\\'] = ESCAPED,      [0x7f ... 0xff] = ESCAPED,
};

static void write_escape(char *to, uint8_t c)
{
    to[0] = '\\';
    to[1] = (char)('0' + c / 100);
    to[2] = (char)('0' + c / 10 % 10);
    to[3] = (char)('0' + c % 10);
}

/* Returns the text's new length, or 0 when it does not fit. */
static size_t append_label(char *text, size_t length, const uint8_t *label, size_t size)
{
    if (length + size > NAME_MAX_BYTES)
        return 0;
    for (const uint8_t *end = label + size; label < end; label++) {
        uint8_t add = adding[*label];
        if (add != ESCAPED) {
            text[length++] = (char)(*label + add);
            continue;
        }
        /* the rest of the label has to fit as well */
        if (length + ESCAPE_BYTES + (size_t)(end - label - 1) > NAME_MAX_BYTES)
            return 0;
        write_escape(text + length, *label);
        length += ESCAPE_BYTES;
    }
    return length;
}

/* Follow the pointer at `at`. Its target must lie before all that was read of this name
 * (`*before`), so there can be no loop; `*hops` bounds chains of pointers to pointers. */
static int follow(const struct dns_reader *reader, size_t at, size_t *before, int *hops,
                  size_t *ret)
{
    if (reader->size - at < 2 || ++*hops > HOPS_MAX)
        return -EBADMSG;
    size_t target = dns_get16(reader->data + at) & 0x3fff;
    if (target >= *before || target < DNS_HEADER_BYTES)
        return -EBADMSG;
    *before = *ret = target;
    return 0;
}

int dns_read_name(struct dns_reader *reader, int with_pointers, char ret[NAME_MAX_BYTES + 1])
{
    size_t length = 0, wire = 1, at = reader->at, before = at, end = 0;
    int hops = 0;
    for (;;) {
        if (at >= reader->size)
            return -EBADMSG;
        size_t size = reader->data[at];
        if (size == 0)
            break;
        if (size > DNS_LABEL_MAX) {
            if (!with_pointers || (size & POINTER_BITS) != POINTER_BITS)
                return -EBADMSG;
            end = end ? end : at + 2;
            if (follow(reader, at, &before, &hops, &at) < 0)
                return -EBADMSG;
            continue;
        }
        wire += 1 + size;
        if (wire > DNS_WIRE_NAME_MAX || reader->size - at - 1 < size)
            return -EBADMSG;
        if (length > 0 && length < NAME_MAX_BYTES)
            ret[length++] = '.';
        length = append_label(ret, length, reader->data + at + 1, size);
        if (length == 0)
            return -EBADMSG;
        at += 1 + size;
    }
    ret[length] = '\0';
    reader->at = end ? end : at + 1;
    return 0;
}

int dns_skip_name(struct dns_reader *reader)
{
    for (size_t at = reader->at, wire = 1; at < reader->size;) {
        size_t size = reader->data[at];
        if (size == 0 || size > DNS_LABEL_MAX) {
            size_t last = size == 0 ? 1 : 2;
            if ((size > 0 && (size & POINTER_BITS) != POINTER_BITS) || reader->size - at < last)
                return -EBADMSG;
            reader->at = at + last;
            return 0;
        }
        wire += 1 + size;
        at += 1 + size;
        if (wire > DNS_WIRE_NAME_MAX)
            return -EBADMSG;
    }
    return -EBADMSG;
}

/* One byte of a label's text, its escape undone; -EINVAL for a broken one. */
static int unescape(const char **name)
{
    const char *at = *name;
    if (*at != '\\') {
        *name = at + 1;
        return (uint8_t)*at;
    }
    int value = 0;
    for (int i = 1; i <= 3; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -EINVAL;
        value = value * 10 + (at[i] - '0');
    }
    *name = at + ESCAPE_BYTES;
    return value <= 255 ? value : -EINVAL;
}

int dns_write_name(const char *name, uint8_t *to, size_t capacity)
{
    size_t size = 0;
    while (*name) {
        size_t length_at = size++, length = 0;
        while (*name && *name != '.') {
            int c = unescape(&name);
            if (c < 0 || ++length > DNS_LABEL_MAX || size + 1 >= DNS_WIRE_NAME_MAX)
                return -EINVAL;
            if (size + 1 >= capacity)
                return -ENOBUFS;
            to[size++] = (uint8_t)c;
        }
        if (length == 0)
            return -EINVAL;
        to[length_at] = (uint8_t)length;
        if (*name == '.')
            name++;
    }
    if (size >= capacity)
        return -ENOBUFS;
    to[size++] = 0;
    return (int)size;
}

int dns_read_record(struct dns_reader *reader, struct dns_record *ret)
{
    struct dns_record record = {.start = reader->at};
    struct dns_reader after = *reader;
    if (dns_skip_name(&after) < 0 || after.size - after.at < DNS_RECORD_FIXED_BYTES)
        return -EBADMSG;
    const uint8_t *at = after.data + after.at;
    record.type = dns_get16(at);
    record.class = dns_get16(at + 2);
    record.ttl_s = dns_get32(at + 4);
    if (record.ttl_s > INT32_MAX)
        record.ttl_s = 0;
    record.ttl_at = after.at + 4;
    record.data_size = dns_get16(at + 8);
    record.data_at = after.at + DNS_RECORD_FIXED_BYTES;
    if (after.size - record.data_at < record.data_size)
        return -EBADMSG;
    reader->at = record.data_at + record.data_size;
    *ret = record;
    return 0;
}
