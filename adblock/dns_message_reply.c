/* Answers of our own. Each is the query's header and question with a few bytes behind them; the
 * owner's name is always a pointer to the question. */
#include "adblock/dns_writer.h"

#include <errno.h>
#include <string.h>

static unsigned family_of(const struct dns_question *question)
{
    if (question->qclass != DNS_CLASS_IN)
        return 0;
    return question->qtype == DNS_A ? 4 : question->qtype == DNS_AAAA ? 6 : 0;
}

static void put_addresses(struct dns_writer *writer, const struct dns_question *question,
                          const struct address *addresses, size_t count, uint32_t ttl_s)
{
    unsigned family = family_of(question);
    for (size_t i = 0; i < count; i++) {
        if (family && addresses[i].family == family)
            dns_writer_address(writer, &addresses[i], ttl_s);
    }
}

ssize_t dns_message_blocked(const void *query, size_t size, const struct dns_question *question,
                            const struct dns_blocking_options *options, uint8_t *to,
                            size_t capacity)
{
    static const struct address null[] = {{.family = 4}, {.family = 6}};
    struct dns_writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    unsigned rcode = options->mode == DNS_BLOCK_NXDOMAIN  ? DNS_NXDOMAIN
                     : options->mode == DNS_BLOCK_REFUSED ? DNS_REFUSED
                                                          : DNS_NOERROR;
    dns_writer_start(&writer, query, question->end, rcode);
    if (options->mode == DNS_BLOCK_NULL)
        put_addresses(&writer, question, null, 2, options->ttl_s);
    if (options->mode == DNS_BLOCK_CUSTOM) {
        put_addresses(&writer, question, &options->address4, 1, options->ttl_s);
        put_addresses(&writer, question, &options->address6, 1, options->ttl_s);
    }
    if (writer.answers == 0 && rcode != DNS_REFUSED)
        dns_writer_soa(&writer, options->ttl_s);
    if (question->has_edns)
        dns_writer_opt(&writer, question, rcode, true);
    return dns_writer_finish(&writer);
}

ssize_t dns_message_addresses(const void *query, size_t size, const struct dns_question *question,
                              const struct address *addresses, size_t count, uint32_t ttl_s,
                              uint8_t *to, size_t capacity)
{
    struct dns_writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    dns_writer_start(&writer, query, question->end, DNS_NOERROR);
    put_addresses(&writer, question, addresses, count, ttl_s);
    if (writer.answers == 0)
        dns_writer_soa(&writer, ttl_s);
    if (question->has_edns)
        dns_writer_opt(&writer, question, DNS_NOERROR, false);
    return dns_writer_finish(&writer);
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
    struct dns_writer writer = {.to = to, .capacity = capacity};
    struct dns_question question;
    if (size < DNS_HEADER_BYTES)
        return -EINVAL;
    salvage(query, size, &question);
    dns_writer_start(&writer, query, question.end, (unsigned)rcode);
    if (question.has_edns)
        dns_writer_opt(&writer, &question, (unsigned)rcode, false);
    return dns_writer_finish(&writer);
}

ssize_t dns_message_truncated(const void *query, size_t size, const struct dns_question *question,
                              uint8_t *to, size_t capacity)
{
    struct dns_writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    dns_writer_start(&writer, query, question->end, DNS_NOERROR);
    if (question->has_edns)
        dns_writer_opt(&writer, question, DNS_NOERROR, false);
    ssize_t written = dns_writer_finish(&writer);
    if (written > 0)
        to[DNS_AT_FLAGS] |= DNS_TC >> 8;
    return written;
}
