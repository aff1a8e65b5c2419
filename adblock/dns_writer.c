/* Answers of our own, byte by byte; see dns_writer.h. */
#include "adblock/dns_writer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    EDNS_EXTENDED_ERROR = 15,   /* RFC 8914: the option's code */
    EXTENDED_ERROR_BLOCKED = 15 /* sec. 4.16; the same number by chance */
};

uint8_t *dns_writer_take(struct dns_writer *writer, size_t size)
{
    static uint8_t nowhere[DNS_WRITER_TAKE_MAX]; /* for bytes that do not fit; never read */
    assert(size <= sizeof(nowhere));
    if (writer->failed || writer->capacity - writer->size < size) {
        writer->failed = true;
        return nowhere;
    }
    uint8_t *at = writer->to + writer->size;
    writer->size += size;
    return at;
}

void dns_writer_start(struct dns_writer *writer, const void *query, size_t question_end,
                      unsigned rcode)
{
    if (writer->failed || question_end > writer->capacity) {
        writer->failed = true;
        return;
    }
    memmove(writer->to, query, question_end);
    writer->size = question_end;
    writer->owner_at = DNS_HEADER_BYTES;
    unsigned flags = dns_get16(writer->to + DNS_AT_FLAGS) & (DNS_OPCODE | DNS_RD | DNS_CD);
    dns_put16(writer->to + DNS_AT_FLAGS, flags | DNS_QR | DNS_RA | (rcode & DNS_RCODE));
    dns_put16(writer->to + DNS_AT_QDCOUNT, question_end > DNS_HEADER_BYTES);
}

void dns_writer_opt(struct dns_writer *writer, const struct dns_question *question, unsigned rcode,
                    bool is_blocked)
{
    size_t options = is_blocked ? 6 : 0;
    uint8_t *at = dns_writer_take(writer, 1 + DNS_RECORD_FIXED_BYTES + options);
    *at++ = 0;
    at = dns_put16(dns_put16(at, DNS_TYPE_OPT), DNS_UDP_OURS);
    at = dns_put16(at, rcode >> 4 << 8); /* extended RCODE, version 0 */
    at = dns_put16(at, question->wants_dnssec ? DNS_EDNS_DO : 0);
    at = dns_put16(at, (unsigned)options);
    if (is_blocked)
        dns_put16(dns_put16(dns_put16(at, EDNS_EXTENDED_ERROR), 2), EXTENDED_ERROR_BLOCKED);
    writer->additionals++;
}

ssize_t dns_writer_finish(struct dns_writer *writer)
{
    if (writer->failed)
        return -ENOBUFS;
    uint8_t *at = dns_put16(writer->to + DNS_AT_ANCOUNT, writer->answers);
    dns_put16(dns_put16(at, writer->authorities), writer->additionals);
    return (ssize_t)writer->size;
}

void dns_writer_record(struct dns_writer *writer, uint16_t type, uint32_t ttl_s, const void *data,
                       size_t size)
{
    uint8_t *at = dns_writer_take(writer, 2 + DNS_RECORD_FIXED_BYTES);
    at = dns_put16(at, DNS_POINTER_BITS | (unsigned)writer->owner_at);
    at = dns_put16(dns_put16(at, type), DNS_CLASS_IN);
    dns_put16(dns_put32(at, ttl_s), (unsigned)size);
    if (writer->failed || writer->capacity - writer->size < size) {
        writer->failed = true;
        return;
    }
    if (type == DNS_CNAME)
        writer->owner_at = writer->size; /* what follows belongs to the alias's target */
    memcpy(writer->to + writer->size, data, size);
    writer->size += size;
    writer->answers++;
}

void dns_writer_address(struct dns_writer *writer, const struct address *address, uint32_t ttl_s)
{
    size_t size = address->family == 4 ? 4 : 16;
    dns_writer_record(writer, size == 4 ? DNS_A : DNS_AAAA, ttl_s, address->ip, size);
}

/* Without an SOA no resolver may keep a negative answer (RFC 2308 sec. 5); its form follows the
 * empty zones of RFC 6303 sec. 3. */
void dns_writer_soa(struct dns_writer *writer, uint32_t ttl_s)
{
    static const uint8_t rname[] = "\6nobody\7invalid"; /* and the root label */
    uint8_t *at = dns_writer_take(writer, 2 + DNS_RECORD_FIXED_BYTES + 2 + sizeof(rname) + 20);
    at = dns_put16(at, DNS_POINTER_TO_QUESTION);
    at = dns_put16(dns_put16(at, DNS_SOA), DNS_CLASS_IN);
    at = dns_put16(dns_put32(at, ttl_s), 2 + sizeof(rname) + 20);
    at = dns_put16(at, DNS_POINTER_TO_QUESTION);
    memcpy(at, rname, sizeof(rname));
    at = dns_put32(dns_put32(at + sizeof(rname), 1), 3600);   /* serial, refresh */
    dns_put32(dns_put32(dns_put32(at, 1200), 604800), ttl_s); /* retry, expire, minimum */
    writer->authorities++;
}
