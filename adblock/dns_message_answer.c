/* Answers of a resolver: what they say, how long they may be kept, and how they are handed to a
 * client later. RFC 1035 sec. 4, RFC 2308 (negative answers), RFC 2181 sec. 8 (TTL). */
#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <errno.h>
#include <string.h>

/* RFC 2308 sec. 5: one to three hours work well for negative answers, more than a day does not. */
enum { TTL_MAX_S = 7 * 24 * 3600, NEGATIVE_TTL_MAX_S = 3 * 3600, SOA_FIXED_BYTES = 20 };

/* Sections of a message, as they follow each other. */
struct sections {
    size_t answers_at, authorities_at;
    unsigned answers, authorities, additionals;
};

static bool is_same_name(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_at_or_below(const char *name, const char *zone)
{
    size_t name_size = strlen(name), zone_size = strlen(zone);
    if (zone_size == 0)
        return true;
    if (zone_size > name_size || strcmp(name + name_size - zone_size, zone) != 0)
        return false;
    return zone_size == name_size || name[name_size - zone_size - 1] == '.';
}

/* Check that every record can be walked, and note where the sections start. The extended RCODE of
 * an OPT is added to *rcode. */
static int walk(struct dns_reader *reader, struct sections *ret, int *rcode)
{
    struct sections sections = {
        .answers = dns_get16(reader->data + DNS_AT_ANCOUNT),
        .authorities = dns_get16(reader->data + DNS_AT_NSCOUNT),
        .additionals = dns_get16(reader->data + DNS_AT_ARCOUNT),
        .answers_at = reader->at,
    };
    unsigned before = sections.answers + sections.authorities;
    for (unsigned i = 0; i < before + sections.additionals; i++) {
        struct dns_record record;
        if (i == sections.answers)
            sections.authorities_at = reader->at;
        if (dns_read_record(reader, &record) < 0)
            return -EBADMSG;
        if (i >= before && record.type == DNS_TYPE_OPT)
            *rcode |= reader->data[record.ttl_at] << 4;
    }
    *ret = sections;
    return 0;
}

static int read_owner(const struct dns_reader *reader, const struct dns_record *record, char *ret)
{
    struct dns_reader name = {reader->data, reader->size, record->start};
    return dns_read_name(&name, 1, ret);
}

static void lower_ttl(struct dns_answer *answer, uint32_t ttl_s)
{
    if (ttl_s < answer->ttl_s)
        answer->ttl_s = ttl_s;
}

static int add_alias(const struct dns_reader *reader, const struct dns_record *record,
                     struct dns_answer *answer)
{
    struct dns_reader target = {reader->data, record->data_at + record->data_size, record->data_at};
    if (answer->alias_count == DNS_ANSWER_ALIASES)
        return -EBADMSG; /* a chain, or a loop, that no resolver should have sent */
    if (dns_read_name(&target, 1, answer->aliases[answer->alias_count]) < 0 ||
        target.at != target.size)
        return -EBADMSG;
    answer->alias_count++;
    return 0;
}

static const char *last_name(const struct dns_question *question, const struct dns_answer *answer)
{
    return answer->alias_count ? answer->aliases[answer->alias_count - 1] : question->name;
}

/* One pass along the answers, following aliases as they come. */
static int follow_once(const struct dns_reader *reader, const struct sections *sections,
                       const struct dns_question *question, struct dns_answer *answer)
{
    struct dns_reader at = {reader->data, reader->size, sections->answers_at};
    for (unsigned i = 0; i < sections->answers; i++) {
        struct dns_record record;
        char owner[NAME_MAX_BYTES + 1];
        if (dns_read_record(&at, &record) < 0)
            return -EBADMSG;
        if (record.type != DNS_CNAME || question->qtype == DNS_CNAME ||
            record.class != question->qclass)
            continue;
        if (read_owner(reader, &record, owner) < 0)
            return -EBADMSG;
        if (is_same_name(owner, last_name(question, answer)) &&
            add_alias(reader, &record, answer) < 0)
            return -EBADMSG;
    }
    return 0;
}

/* Aliases come in order from nearly everybody; where they do not, another pass finds the next. */
static int follow_aliases(const struct dns_reader *reader, const struct sections *sections,
                          const struct dns_question *question, struct dns_answer *answer)
{
    size_t known;
    do {
        known = answer->alias_count;
        if (follow_once(reader, sections, question, answer) < 0)
            return -EBADMSG;
    } while (answer->alias_count > known);
    return 0;
}

static void add_address(const struct dns_reader *reader, const struct dns_record *record,
                        struct dns_answer *answer)
{
    struct address address = {.family = record->type == DNS_A ? 4 : 6};
    size_t size = record->type == DNS_A ? 4 : 16;
    if ((record->type != DNS_A && record->type != DNS_AAAA) || record->data_size != size ||
        record->class != DNS_CLASS_IN || answer->address_count == DNS_ANSWER_ADDRESSES)
        return;
    memcpy(address.ip, reader->data + record->data_at, size);
    answer->addresses[answer->address_count++] = address;
}

/* Addresses and the least TTL of the answers. 1 if one of them is what was asked for, 0 if none,
 * -EBADMSG. */
static int read_answers(const struct dns_reader *reader, const struct sections *sections,
                        const struct dns_question *question, struct dns_answer *answer)
{
    struct dns_reader at = {reader->data, reader->size, sections->answers_at};
    const char *name = last_name(question, answer);
    int is_positive = 0;
    for (unsigned i = 0; i < sections->answers; i++) {
        struct dns_record record;
        char owner[NAME_MAX_BYTES + 1];
        if (dns_read_record(&at, &record) < 0)
            return -EBADMSG;
        lower_ttl(answer, record.ttl_s);
        if (record.type != question->qtype && question->qtype != DNS_TYPE_ANY)
            continue;
        if (read_owner(reader, &record, owner) < 0)
            return -EBADMSG;
        if (!is_same_name(owner, name))
            continue;
        is_positive = 1;
        add_address(reader, &record, answer);
    }
    return is_positive;
}

/* RFC 2308 sec. 5: the lesser of the SOA's TTL and its MINIMUM; without an SOA it is not kept. */
static int read_negative_ttl(const struct dns_reader *reader, const struct sections *sections,
                             const char *name, struct dns_answer *answer)
{
    struct dns_reader at = {reader->data, reader->size, sections->authorities_at};
    for (unsigned i = 0; i < sections->authorities; i++) {
        struct dns_record record;
        char owner[NAME_MAX_BYTES + 1];
        if (dns_read_record(&at, &record) < 0)
            return -EBADMSG;
        if (record.type != DNS_SOA || record.data_size < SOA_FIXED_BYTES + 2)
            continue;
        if (read_owner(reader, &record, owner) < 0)
            return -EBADMSG;
        if (!is_at_or_below(name, owner))
            continue;
        lower_ttl(answer, NEGATIVE_TTL_MAX_S);
        lower_ttl(answer, record.ttl_s);
        lower_ttl(answer, dns_get32(reader->data + record.data_at + record.data_size - 4));
        return 0;
    }
    answer->ttl_s = 0;
    return 0;
}

/* The header and the question; the reader is left at the first record. */
static int read_echo(struct dns_reader *reader, const struct dns_question *question)
{
    char name[NAME_MAX_BYTES + 1];
    if (reader->size < DNS_HEADER_BYTES || reader->size > DNS_MESSAGE_MAX)
        return -EBADMSG;
    unsigned flags = dns_get16(reader->data + DNS_AT_FLAGS);
    if (!(flags & DNS_QR) || (flags & DNS_OPCODE) || dns_get16(reader->data + DNS_AT_QDCOUNT) != 1)
        return -EBADMSG;
    if (dns_read_name(reader, 0, name) < 0 || reader->size - reader->at < 4)
        return -EBADMSG;
    const uint8_t *at = reader->data + reader->at;
    reader->at += 4;
    return is_same_name(name, question->name) && dns_get16(at) == question->qtype &&
                   dns_get16(at + 2) == question->qclass
               ? 0
               : -EBADMSG;
}

int dns_message_parse_answer(const void *data, size_t size, const struct dns_question *question,
                             struct dns_answer *ret)
{
    struct dns_reader reader = {data, size, DNS_HEADER_BYTES};
    struct sections sections;
    if (read_echo(&reader, question) < 0)
        return -EBADMSG;
    unsigned flags = dns_get16(reader.data + DNS_AT_FLAGS);
    struct dns_answer answer = {
        .rcode = (int)(flags & DNS_RCODE), .is_truncated = flags & DNS_TC, .ttl_s = TTL_MAX_S};
    if (answer.is_truncated) {
        answer.ttl_s = 0; /* some servers cut within a record: read nothing */
        *ret = answer;
        return 0;
    }
    if (walk(&reader, &sections, &answer.rcode) < 0 ||
        follow_aliases(&reader, &sections, question, &answer) < 0)
        return -EBADMSG;
    int is_positive = read_answers(&reader, &sections, question, &answer);
    if (is_positive < 0)
        return -EBADMSG;
    if (answer.rcode != DNS_NOERROR && answer.rcode != DNS_NXDOMAIN)
        answer.ttl_s = 0;
    else if ((!is_positive || answer.rcode == DNS_NXDOMAIN) &&
             read_negative_ttl(&reader, &sections, last_name(question, &answer), &answer) < 0)
        return -EBADMSG;
    *ret = answer;
    return 0;
}

/* The first record's place, or 0 where the message is broken before it. */
static size_t records_at(const uint8_t *data, size_t size)
{
    struct dns_reader reader = {data, size, DNS_HEADER_BYTES};
    if (size < DNS_HEADER_BYTES)
        return 0;
    for (unsigned count = dns_get16(data + DNS_AT_QDCOUNT); count > 0; count--) {
        if (dns_skip_name(&reader) < 0 || size - reader.at < 4)
            return 0;
        reader.at += 4;
    }
    return reader.at;
}

static unsigned record_count(const uint8_t *data)
{
    unsigned count = dns_get16(data + DNS_AT_ANCOUNT);
    count += dns_get16(data + DNS_AT_NSCOUNT);
    return count + dns_get16(data + DNS_AT_ARCOUNT);
}

enum ttl_change { TTL_LOWER, TTL_SET };

static int change_ttls(uint8_t *data, size_t size, enum ttl_change change, uint32_t by_s)
{
    struct dns_reader reader = {data, size, records_at(data, size)};
    if (reader.at == 0)
        return -EBADMSG;
    for (unsigned count = record_count(data); count > 0; count--) {
        struct dns_record record;
        if (dns_read_record(&reader, &record) < 0)
            return -EBADMSG;
        uint32_t lowered_s = record.ttl_s > by_s ? record.ttl_s - by_s : 0;
        if (record.type != DNS_TYPE_OPT)
            dns_put32(data + record.ttl_at, change == TTL_SET ? by_s : lowered_s);
    }
    return 0;
}

int dns_message_age(uint8_t *data, size_t size, uint32_t age_s)
{
    return change_ttls(data, size, TTL_LOWER, age_s);
}

int dns_message_set_ttl(uint8_t *data, size_t size, uint32_t ttl_s)
{
    return change_ttls(data, size, TTL_SET, ttl_s);
}

/* Take the OPT out, which in practice stands last; one elsewhere stays (RFC 6891 sec. 6.1.1 lets a
 * client without EDNS ignore it). */
static size_t drop_last_opt(uint8_t *data, size_t size)
{
    struct dns_reader reader = {data, size, records_at(data, size)};
    struct dns_record record = {0};
    if (reader.at == 0)
        return size;
    for (unsigned count = record_count(data); count > 0; count--) {
        if (dns_read_record(&reader, &record) < 0)
            return size;
    }
    unsigned additionals = dns_get16(data + DNS_AT_ARCOUNT);
    if (additionals == 0 || record.type != DNS_TYPE_OPT)
        return size;
    dns_put16(data + DNS_AT_ARCOUNT, additionals - 1);
    return record.start;
}

ssize_t dns_message_fit(uint8_t *data, size_t size, const void *query, size_t query_size,
                        const struct dns_question *question, size_t limit)
{
    if (size < question->end || query_size < question->end)
        return -EBADMSG;
    const uint8_t *asked = query;
    unsigned kept = DNS_RD | DNS_CD;
    unsigned flags = dns_get16(data + DNS_AT_FLAGS) & ~(kept | DNS_AA);
    flags |= dns_get16(asked + DNS_AT_FLAGS) & kept;
    memcpy(data, asked, DNS_AT_FLAGS);
    dns_put16(data + DNS_AT_FLAGS, flags | DNS_RA);
    memcpy(data + DNS_HEADER_BYTES, asked + DNS_HEADER_BYTES, question->end - DNS_HEADER_BYTES);
    if (!question->has_edns)
        size = drop_last_opt(data, size);
    if (size <= limit)
        return (ssize_t)size;
    return dns_message_truncated(query, query_size, question, data, size);
}
