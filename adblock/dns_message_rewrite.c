/* Answers that a rule gives instead of the resolver's ($dnsrewrite, RPZ). Their records come as the
 * text of a zone file, which ldns reads. */
#include "adblock/dns_writer.h"
#include "adblock/slice.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

enum { RDATA_MAX_BYTES = 2048, LINE_BYTES = 384 };

/* What rules are written for in practice. For some of the others ldns loses memory when the text is
 * wrong, and this runs once per query. */
static bool is_supported(uint16_t type)
{
    static const uint16_t types[] = {
        LDNS_RR_TYPE_NS,  LDNS_RR_TYPE_PTR,   LDNS_RR_TYPE_MX, LDNS_RR_TYPE_TXT,
        LDNS_RR_TYPE_SRV, LDNS_RR_TYPE_DNAME, DNS_SVCB,        DNS_HTTPS,
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (types[i] == type)
            return true;
    }
    return false;
}

/* A text that is one string: rules have it as it is, zone files in quotes (what has none there is
 * taken for one string, too). */
static int write_string(struct slice text, uint8_t to[RDATA_MAX_BYTES])
{
    if (text.size > UINT8_MAX)
        return -EINVAL;
    to[0] = (uint8_t)text.size;
    memcpy(to + 1, text.data, text.size);
    return (int)text.size + 1;
}

/* The wire form of one record's data; its size or -EINVAL. */
static int read_data(uint16_t type, const char *text, uint8_t to[RDATA_MAX_BYTES])
{
    char line[LINE_BYTES];
    ldns_rr *record = NULL;
    int size = -EINVAL;
    if (!is_supported(type) || strpbrk(text, "\n\r")) /* one record, whatever a list says */
        return -EINVAL;
    if (type == LDNS_RR_TYPE_TXT && !strpbrk(text, "\"\\"))
        return write_string(slice_of(text), to);
    if ((size_t)snprintf(line, sizeof(line), ". 0 IN TYPE%u %s", type, text) >= sizeof(line))
        return -EINVAL;
    ldns_buffer *buffer = ldns_buffer_new(RDATA_MAX_BYTES);
    if (buffer && ldns_rr_new_frm_str(&record, line, 0, NULL, NULL) == LDNS_STATUS_OK &&
        ldns_rr_rdata2buffer_wire(buffer, record) == LDNS_STATUS_OK &&
        ldns_buffer_position(buffer) <= RDATA_MAX_BYTES) {
        size = (int)ldns_buffer_position(buffer);
        memcpy(to, ldns_buffer_begin(buffer), (size_t)size);
    }
    ldns_rr_free(record);
    ldns_buffer_free(buffer);
    return size;
}

static int put_answer(struct dns_writer *writer, const struct filter_answer *answer, uint32_t ttl_s)
{
    uint8_t data[RDATA_MAX_BYTES];
    bool is_alias = answer->kind == FILTER_ANSWER_CNAME;
    bool is_address = answer->type == DNS_A || answer->type == DNS_AAAA;
    if (!is_alias && answer->kind != FILTER_ANSWER_RECORD)
        return -EINVAL;
    if (!is_alias && is_address) {
        dns_writer_address(writer, &answer->address, ttl_s);
        return 0;
    }
    int size = is_alias ? dns_write_name(answer->text, data, sizeof(data))
                        : read_data(answer->type, answer->text, data);
    if (size < 0)
        return -EINVAL;
    dns_writer_record(writer, is_alias ? DNS_CNAME : answer->type, ttl_s, data, (size_t)size);
    return 0;
}

ssize_t dns_message_rewritten(const void *query, size_t size, const struct dns_question *question,
                              const struct filter_answer *answers, size_t count, uint32_t ttl_s,
                              uint8_t *to, size_t capacity)
{
    struct dns_writer writer = {.to = to, .capacity = capacity, .failed = question->end > size};
    bool is_code = count > 0 && answers[0].kind == FILTER_ANSWER_RCODE;
    unsigned rcode = is_code ? answers[0].rcode : DNS_NOERROR;
    dns_writer_start(&writer, query, question->end, rcode);
    for (size_t i = 0; i < count && !is_code; i++) {
        if (put_answer(&writer, &answers[i], ttl_s) < 0)
            return -EINVAL;
    }
    if (writer.answers == 0 && (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN))
        dns_writer_soa(&writer, ttl_s);
    if (question->has_edns)
        dns_writer_opt(&writer, question, rcode, false);
    return dns_writer_finish(&writer);
}
