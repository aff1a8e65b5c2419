/* The questions: what a client asks of us, and our own to a resolver. RFC 1035 sec. 4, EDNS by
 * RFC 6891. No compression is accepted in a question: nothing stands before it to point at. */
#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <errno.h>
#include <string.h>

enum { OPT_BYTES = 1 + DNS_RECORD_FIXED_BYTES, RCODE_BADVERS = 16 };

static int read_opt(const struct dns_reader *reader, const struct dns_record *record,
                    struct dns_question *question)
{
    if (question->has_edns || reader->data[record->start] != 0)
        return DNS_FORMERR; /* RFC 6891 sec. 6.1.1: one, and it belongs to the root */
    const uint8_t *ttl = reader->data + record->ttl_at;
    uint16_t udp_size = dns_get16(ttl - 2);
    question->has_edns = true;
    question->udp_size = udp_size < DNS_UDP_DEFAULT ? DNS_UDP_DEFAULT : udp_size;
    question->wants_dnssec = dns_get16(ttl + 2) & DNS_EDNS_DO;
    return ttl[1] == 0 ? 0 : RCODE_BADVERS;
}

static int read_additional(struct dns_reader *reader, unsigned count, struct dns_question *question)
{
    int rcode = 0;
    while (count-- > 0) {
        struct dns_record record;
        if (dns_read_record(reader, &record) < 0)
            return DNS_FORMERR;
        if (record.type != DNS_TYPE_OPT)
            continue;
        rcode = read_opt(reader, &record, question);
        if (rcode == DNS_FORMERR)
            return rcode;
    }
    return rcode;
}

int dns_message_parse_question(const void *data, size_t size, struct dns_question *ret)
{
    struct dns_reader reader = {data, size, DNS_HEADER_BYTES};
    if (size < DNS_HEADER_BYTES || size > DNS_MESSAGE_MAX)
        return -EBADMSG;
    unsigned flags = dns_get16(reader.data + DNS_AT_FLAGS);
    if (flags & DNS_QR)
        return -EBADMSG;
    if (flags & DNS_OPCODE)
        return DNS_NOTIMP;
    if (dns_get16(reader.data + DNS_AT_QDCOUNT) != 1 ||
        dns_get32(reader.data + DNS_AT_ANCOUNT) != 0 /* and NSCOUNT */)
        return DNS_FORMERR;

    struct dns_question question;
    if (dns_read_name(&reader, 0, question.name) < 0 || size - reader.at < 4)
        return DNS_FORMERR;
    question.id = dns_get16(reader.data);
    question.qtype = dns_get16(reader.data + reader.at);
    question.qclass = dns_get16(reader.data + reader.at + 2);
    question.end = reader.at += 4;
    question.recursion_desired = flags & DNS_RD;
    question.checking_disabled = flags & DNS_CD;
    question.has_edns = question.wants_dnssec = false;
    question.udp_size = DNS_UDP_DEFAULT;
    int rcode = read_additional(&reader, dns_get16(reader.data + DNS_AT_ARCOUNT), &question);
    if (rcode == 0)
        *ret = question;
    return rcode;
}

static ssize_t put_query(uint16_t id, const struct dns_question *question, uint8_t *to,
                         size_t capacity)
{
    if (capacity < DNS_HEADER_BYTES)
        return -ENOBUFS;
    int name_size =
        dns_write_name(question->name, to + DNS_HEADER_BYTES, capacity - DNS_HEADER_BYTES);
    if (name_size < 0)
        return name_size;
    uint8_t *at = to + DNS_HEADER_BYTES + name_size;
    if (capacity - (size_t)(at - to) < 4 + OPT_BYTES)
        return -ENOBUFS;
    at = dns_put16(dns_put16(at, question->qtype), DNS_CLASS_IN);
    *at++ = 0;
    at = dns_put16(dns_put16(at, DNS_TYPE_OPT), DNS_UDP_OURS);
    at = dns_put16(dns_put32(at, question->wants_dnssec ? DNS_EDNS_DO : 0), 0);
    dns_message_set_id(to, id);
    dns_put16(to + DNS_AT_FLAGS, DNS_RD | (question->checking_disabled ? DNS_CD : 0));
    dns_put32(dns_put32(to + DNS_AT_QDCOUNT, 1U << 16), 1);
    return at - to;
}

ssize_t dns_message_query(uint16_t id, const char *name, uint16_t qtype, uint8_t *to,
                          size_t capacity)
{
    struct dns_question question = {.qtype = qtype};
    size_t size = strlen(name);
    if (size > NAME_MAX_BYTES)
        return -EINVAL;
    memcpy(question.name, name, size + 1);
    return put_query(id, &question, to, capacity);
}

ssize_t dns_message_forward(const struct dns_question *question, uint8_t *to, size_t capacity)
{
    return put_query(question->id, question, to, capacity);
}

void dns_message_set_id(uint8_t *data, uint16_t id)
{
    dns_put16(data, id);
}
