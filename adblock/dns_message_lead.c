/* Where an answer leads: targets and addresses, those of service bindings included (RFC 9460). */
#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <errno.h>
#include <string.h>

enum { PARAM_IPV4HINT = 4, PARAM_ECH = 5, PARAM_IPV6HINT = 6, PARAM_HEAD_BYTES = 4 };
/* Ignored by every client (RFC 9460 sec. 8), and greater than any key with a meaning. */
enum { PARAM_OF_NO_MEANING = 65534 };

/* A service binding's target and the parameters behind it. */
struct binding {
    char target[NAME_MAX_BYTES + 1];
    size_t params_at, end;
};

static bool is_binding(const struct dns_record *record)
{
    return record->type == DNS_SVCB || record->type == DNS_HTTPS;
}

static int read_binding(const uint8_t *data, const struct dns_record *record, struct binding *ret)
{
    struct dns_reader target = {data, record->data_at + record->data_size, record->data_at + 2};
    if (record->data_size < 3 || dns_read_name(&target, 0, ret->target) < 0)
        return -EBADMSG;
    ret->params_at = target.at;
    ret->end = target.size;
    return 0;
}

/* The next parameter's key and value; the value's size, or -EBADMSG. */
static int read_param(const uint8_t *data, size_t at, size_t end, unsigned *ret_key)
{
    if (end - at < PARAM_HEAD_BYTES)
        return -EBADMSG;
    int size = dns_get16(data + at + 2);
    if (end - at - PARAM_HEAD_BYTES < (size_t)size)
        return -EBADMSG;
    *ret_key = dns_get16(data + at);
    return size;
}

/* Addresses lie side by side. 1 if `fn` ended it. */
static int lead_to_addresses(const uint8_t *data, size_t size, uint8_t family, dns_lead_fn *fn,
                             void *owner)
{
    size_t step = family == 4 ? 4 : 16;
    for (size_t at = 0; at + step <= size; at += step) {
        struct address address = {.family = family};
        memcpy(address.ip, data + at, step);
        if (!fn(owner, NULL, &address))
            return 1;
    }
    return 0;
}

static int lead_by_binding(const uint8_t *data, const struct dns_record *record, dns_lead_fn *fn,
                           void *owner)
{
    struct binding binding;
    unsigned key;
    if (read_binding(data, record, &binding) < 0)
        return -EBADMSG;
    if (binding.target[0] != '\0' && !fn(owner, binding.target, NULL))
        return 1;
    for (size_t at = binding.params_at; at < binding.end;) {
        int size = read_param(data, at, binding.end, &key), ended = 0;
        if (size < 0)
            return -EBADMSG;
        at += PARAM_HEAD_BYTES;
        if (key == PARAM_IPV4HINT || key == PARAM_IPV6HINT)
            ended = lead_to_addresses(data + at, (size_t)size, key == PARAM_IPV4HINT ? 4 : 6, fn,
                                      owner);
        if (ended)
            return 1;
        at += (size_t)size;
    }
    return 0;
}

static int lead_by_record(const uint8_t *data, const struct dns_record *record, dns_lead_fn *fn,
                          void *owner)
{
    char target[NAME_MAX_BYTES + 1];
    struct dns_reader name = {data, record->data_at + record->data_size, record->data_at};
    if (record->class != DNS_CLASS_IN)
        return 0;
    if (is_binding(record))
        return lead_by_binding(data, record, fn, owner);
    if (record->type == DNS_A || record->type == DNS_AAAA)
        return lead_to_addresses(data + record->data_at, record->data_size,
                                 record->type == DNS_A ? 4 : 6, fn, owner);
    if (record->type != DNS_CNAME)
        return 0;
    if (dns_read_name(&name, 1, target) < 0 || name.at != name.size)
        return -EBADMSG;
    return fn(owner, target, NULL) ? 0 : 1;
}

/* The first record; `data` may be broken before it. */
static int find_records(const uint8_t *data, size_t size, struct dns_reader *ret, unsigned *count)
{
    struct dns_reader reader = {data, size, DNS_HEADER_BYTES};
    if (size < DNS_HEADER_BYTES)
        return -EBADMSG;
    for (unsigned i = dns_get16(data + DNS_AT_QDCOUNT); i > 0; i--) {
        if (dns_skip_name(&reader) < 0 || size - reader.at < 4)
            return -EBADMSG;
        reader.at += 4;
    }
    *count = dns_get16(data + DNS_AT_ANCOUNT);
    *count += dns_get16(data + DNS_AT_NSCOUNT);
    *count += dns_get16(data + DNS_AT_ARCOUNT);
    *ret = reader;
    return 0;
}

typedef int record_fn(const uint8_t *data, const struct dns_record *record, dns_lead_fn *fn,
                      void *owner);

static int each_record(const uint8_t *data, size_t size, record_fn *lead, dns_lead_fn *fn,
                       void *owner)
{
    struct dns_reader reader;
    unsigned count;
    if (find_records(data, size, &reader, &count) < 0)
        return -EBADMSG;
    while (count-- > 0) {
        struct dns_record record;
        if (dns_read_record(&reader, &record) < 0)
            return -EBADMSG;
        int result = lead(data, &record, fn, owner);
        if (result != 0)
            return result;
    }
    return 0;
}

int dns_message_each_lead(const uint8_t *data, size_t size, dns_lead_fn *fn, void *owner)
{
    return each_record(data, size, lead_by_record, fn, owner);
}

static int lead_to_server(const uint8_t *data, const struct dns_record *record, dns_lead_fn *fn,
                          void *owner)
{
    char server[NAME_MAX_BYTES + 1];
    struct dns_reader name = {data, record->data_at + record->data_size, record->data_at};
    if (record->class != DNS_CLASS_IN || record->type != DNS_NS)
        return 0;
    if (dns_read_name(&name, 1, server) < 0 || name.at != name.size)
        return -EBADMSG;
    return fn(owner, server, NULL) ? 0 : 1;
}

int dns_message_each_server(const uint8_t *data, size_t size, dns_lead_fn *fn, void *owner)
{
    return each_record(data, size, lead_to_server, fn, owner);
}

/* Names elsewhere may be pointers to what comes later in the message, so nothing may move but
 * inside this record: its parameters close the gap, and what was the key goes to the end, as zeros
 * under a key of no meaning. */
static void hide_param(uint8_t *data, size_t at, size_t size, size_t end)
{
    size_t taken = PARAM_HEAD_BYTES + size;
    memmove(data + at, data + at + taken, end - at - taken);
    memset(data + end - taken, 0, taken);
    dns_put16(dns_put16(data + end - taken, PARAM_OF_NO_MEANING), (unsigned)size);
}

static int hide_ech_of_record(uint8_t *data, const struct dns_record *record)
{
    struct binding binding;
    unsigned key;
    if (read_binding(data, record, &binding) < 0)
        return -EBADMSG;
    for (size_t at = binding.params_at; at < binding.end;) {
        int size = read_param(data, at, binding.end, &key);
        if (size < 0)
            return -EBADMSG;
        if (key == PARAM_ECH) {
            hide_param(data, at, (size_t)size, binding.end);
            return 1;
        }
        at += PARAM_HEAD_BYTES + (size_t)size;
    }
    return 0;
}

int dns_message_hide_ech(uint8_t *data, size_t size)
{
    struct dns_reader reader;
    unsigned count;
    int hidden = 0;
    if (find_records(data, size, &reader, &count) < 0)
        return -EBADMSG;
    while (count-- > 0) {
        struct dns_record record;
        if (dns_read_record(&reader, &record) < 0)
            return -EBADMSG;
        int result = is_binding(&record) ? hide_ech_of_record(data, &record) : 0;
        if (result < 0)
            return result;
        hidden += result;
    }
    return hidden;
}
