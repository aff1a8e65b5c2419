/* Answers of our own. Each is the query's header and question with a few bytes behind them; the
 * owner's name is always a pointer to the question. */
#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <errno.h>
#include <string.h>

enum {
    QUESTION_POINTER = 0xc000 | DNS_HEADER_BYTES,
    EDNS_EXTENDED_ERROR = 15,   /* RFC 8914: the option's code */
    EXTENDED_ERROR_BLOCKED = 15 /* sec. 4.16; the same number by chance */
};

/* The answer being written. `failed` is looked at once, at the end. */
struct writer {
    uint8_t *to;
    size_t size, capacity;
    unsigned answers, authorities, additionals;
    bool failed;
};

static uint8_t *take(struct writer *writer, size_t size)
{
    static uint8_t nowhere[64]; /* where bytes go that do not fit; never read */
    if (writer->failed || writer->capacity - writer->size < size) {
        writer->failed = true;
        return nowhere;
    }
    uint8_t *at = writer->to + writer->size;
    writer->size += size;
    return at;
}

static void start(struct writer *writer, const void *query, size_t question_end, unsigned rcode)
{
    if (question_end > writer->capacity) {
        writer->failed = true;
        return;
    }
    memmove(writer->to, query, question_end);
    writer->size = question_end;
    unsigned flags = dns_get16(writer->to + DNS_AT_FLAGS) & (DNS_OPCODE | DNS_RD | DNS_CD);
    dns_put16(writer->to + DNS_AT_FLAGS, flags | DNS_QR | DNS_RA | (rcode & DNS_RCODE));
    dns_put16(writer->to + DNS_AT_QDCOUNT, question_end > DNS_HEADER_BYTES);
}

static void put_opt(struct writer *writer, const struct dns_question *question, unsigned rcode,
                    bool is_blocked)
{
    size_t options = is_blocked ? 6 : 0;
    uint8_t *at = take(writer, 1 + DNS_RECORD_FIXED_BYTES + options);
    *at++ = 0;
    at = dns_put16(dns_put16(at, DNS_TYPE_OPT), DNS_UDP_OURS);
    at = dns_put16(at, rcode >> 4 << 8); /* extended RCODE, version 0 */
    at = dns_put16(at, question->wants_dnssec ? DNS_EDNS_DO : 0);
    at = dns_put16(at, (unsigned)options);
    if (is_blocked)
        dns_put16(dns_put16(dns_put16(at, EDNS_EXTENDED_ERROR), 2), EXTENDED_ERROR_BLOCKED);
    writer->additionals++;
}

static ssize_t finish(struct writer *writer)
{
    if (writer->failed)
        return -ENOBUFS;
    uint8_t *at = dns_put16(writer->to + DNS_AT_ANCOUNT, writer->answers);
    dns_put16(dns_put16(at, writer->authorities), writer->additionals);
    return (ssize_t)writer->size;
}

static void put_address(struct writer *writer, const struct address *address, uint32_t ttl_s)
{
    unsigned size = address->family == 4 ? 4 : 16;
    uint8_t *at = take(writer, 2 + DNS_RECORD_FIXED_BYTES + size);
    at = dns_put16(at, QUESTION_POINTER);
    at = dns_put16(dns_put16(at, size == 4 ? DNS_A : DNS_AAAA), DNS_CLASS_IN);
    at = dns_put16(dns_put32(at, ttl_s), size);
    memcpy(at, address->ip, size);
    writer->answers++;
}

/* Without an SOA no resolver may keep a negative answer (RFC 2308 sec. 5); its form follows the
 * empty zones of RFC 6303 sec. 3. */
static void put_soa(struct writer *writer, uint32_t ttl_s)
{
    static const uint8_t rname[] = "\6nobody\7invalid"; /* and the root label */
    uint8_t *at = take(writer, 2 + DNS_RECORD_FIXED_BYTES + 2 + sizeof(rname) + 20);
    at = dns_put16(at, QUESTION_POINTER);
    at = dns_put16(dns_put16(at, DNS_SOA), DNS_CLASS_IN);
    at = dns_put16(dns_put32(at, ttl_s), 2 + sizeof(rname) + 20);
    at = dns_put16(at, QUESTION_POINTER);
    memcpy(at, rname, sizeof(rname));
    at = dns_put32(dns_put32(at + sizeof(rname), 1), 3600);   /* serial, refresh */
    dns_put32(dns_put32(dns_put32(at, 1200), 604800), ttl_s); /* retry, expire, minimum */
    writer->authorities++;
}

static unsigned family_of(const struct dns_question *question)
{
    if (question->qclass != DNS_CLASS_IN)
        return 0;
    return question->qtype == DNS_A ? 4 : question->qtype == DNS_AAAA ? 6 : 0;
}

static void put_addresses(struct writer *writer, const struct dns_question *question,
                          const struct address *addresses, size_t count, uint32_t ttl_s)
{
    unsigned family = family_of(question);
    for (size_t i = 0; i < count; i++) {
        if (family && addresses[i].family == family)
            put_address(writer, &addresses[i], ttl_s);
    }
}

ssize_t dns_message_blocked(const void *query, size_t size, const struct dns_question *question,
                            const struct dns_blocking_options *options, uint8_t *to,
                            size_t capacity)
{
    static const struct address null[] = {{.family = 4}, {.family = 6}};
    struct writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    unsigned rcode = options->mode == DNS_BLOCK_NXDOMAIN  ? DNS_NXDOMAIN
                     : options->mode == DNS_BLOCK_REFUSED ? DNS_REFUSED
                                                          : DNS_NOERROR;
    start(&writer, query, question->end, rcode);
    if (options->mode == DNS_BLOCK_NULL)
        put_addresses(&writer, question, null, 2, options->ttl_s);
    if (options->mode == DNS_BLOCK_CUSTOM) {
        put_addresses(&writer, question, &options->address4, 1, options->ttl_s);
        put_addresses(&writer, question, &options->address6, 1, options->ttl_s);
    }
    if (writer.answers == 0 && rcode != DNS_REFUSED)
        put_soa(&writer, options->ttl_s);
    if (question->has_edns)
        put_opt(&writer, question, rcode, true);
    return finish(&writer);
}

ssize_t dns_message_addresses(const void *query, size_t size, const struct dns_question *question,
                              const struct address *addresses, size_t count, uint32_t ttl_s,
                              uint8_t *to, size_t capacity)
{
    struct writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    start(&writer, query, question->end, DNS_NOERROR);
    put_addresses(&writer, question, addresses, count, ttl_s);
    if (writer.answers == 0)
        put_soa(&writer, ttl_s);
    if (question->has_edns)
        put_opt(&writer, question, DNS_NOERROR, false);
    return finish(&writer);
}

/* As much of the question as can be read from a query that may be wrong in any way. */
static void salvage(const void *query, size_t size, struct dns_question *ret)
{
    struct dns_reader reader = {query, size, DNS_HEADER_BYTES};
    *ret = (struct dns_question){.end = DNS_HEADER_BYTES};
    if (dns_get16(reader.data + DNS_AT_QDCOUNT) != 1 || dns_read_name(&reader, 0, ret->name) < 0 ||
        size - reader.at < 4)
        return;
    ret->end = reader.at += 4;
    struct dns_record record;
    ret->has_edns = dns_get32(reader.data + DNS_AT_ANCOUNT) == 0 &&
                    dns_get16(reader.data + DNS_AT_ARCOUNT) > 0 &&
                    dns_read_record(&reader, &record) == 0 && record.type == DNS_TYPE_OPT;
    if (ret->has_edns)
        ret->wants_dnssec = dns_get16(reader.data + record.ttl_at + 2) & DNS_EDNS_DO;
}

ssize_t dns_message_error(const void *query, size_t size, int rcode, uint8_t *to, size_t capacity)
{
    struct writer writer = {.to = to, .capacity = capacity};
    struct dns_question question;
    if (size < DNS_HEADER_BYTES)
        return -EINVAL;
    salvage(query, size, &question);
    start(&writer, query, question.end, (unsigned)rcode);
    if (question.has_edns)
        put_opt(&writer, &question, (unsigned)rcode, false);
    return finish(&writer);
}

ssize_t dns_message_truncated(const void *query, size_t size, const struct dns_question *question,
                              uint8_t *to, size_t capacity)
{
    struct writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    start(&writer, query, question->end, DNS_NOERROR);
    if (question->has_edns)
        put_opt(&writer, question, DNS_NOERROR, false);
    ssize_t written = finish(&writer);
    if (written > 0)
        to[DNS_AT_FLAGS] |= DNS_TC >> 8;
    return written;
}
