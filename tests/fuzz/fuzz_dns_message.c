/* Questions and answers of strangers. ldns reads back what we write, and where it can read an
 * answer that we took, it must find the same addresses behind the same aliases. */
#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_readable(const uint8_t *data, ssize_t size)
{
    ldns_pkt *packet = NULL;
    assert(size > 0);
    assert(ldns_wire2pkt(&packet, data, (size_t)size) == LDNS_STATUS_OK);
    ldns_pkt_free(packet);
}

static void reply(const uint8_t *data, size_t size, const struct dns_question *question)
{
    uint8_t to[DNS_UDP_DEFAULT];
    for (int mode = DNS_BLOCK_NULL; mode <= DNS_BLOCK_CUSTOM; mode++) {
        struct dns_blocking_options options = {.mode = (enum dns_blocking)mode, .ttl_s = 10};
        must_be_readable(to, dns_message_blocked(data, size, question, &options, to, sizeof(to)));
    }
    must_be_readable(to, dns_message_truncated(data, size, question, to, sizeof(to)));
    must_be_readable(to, dns_message_error(data, size, DNS_SERVFAIL, to, sizeof(to)));
    assert(question->qclass != 1 ||
           dns_message_query(1, question->name, question->qtype, to, sizeof(to)) > 0);
}

static bool is_whole_name(const struct dns_reader *reader, const struct dns_record *record)
{
    struct dns_reader inside = {reader->data, reader->size, record->data_at};
    return dns_skip_name(&inside) == 0 && inside.at == record->data_at + record->data_size;
}

/* ldns goes on behind what it knows of a record, where the record's length says otherwise, and then
 * reads the rest of the message out of step: only of these types does it say the truth, and where
 * it finds as many bytes in each as that has. */
static bool is_read_in_step(const uint8_t *data, size_t size, const ldns_rr_list *answers)
{
    struct dns_reader reader = {data, size, DNS_HEADER_BYTES};
    struct dns_record record;
    if (dns_skip_name(&reader) < 0)
        return false;
    reader.at += 4;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
        ldns_rr_type type = ldns_rr_get_type(ldns_rr_list_rr(answers, i));
        if (dns_read_record(&reader, &record) < 0 || record.type != type)
            return false;
        bool is_in_step = (type == LDNS_RR_TYPE_CNAME && is_whole_name(&reader, &record)) ||
                          (type == LDNS_RR_TYPE_A && record.data_size == 4) ||
                          (type == LDNS_RR_TYPE_AAAA && record.data_size == 16);
        if (!is_in_step)
            return false;
    }
    return true;
}

/* Addresses that ldns sees at the end of the chain of aliases. */
static size_t count_addresses(const ldns_pkt *packet, const char *name)
{
    uint8_t wire[DNS_WIRE_NAME_MAX];
    int size = dns_write_name(name, wire, sizeof(wire));
    assert(size > 0);
    ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, (size_t)size, wire);
    const ldns_rr_list *answers = ldns_pkt_answer(packet);
    size_t count = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
        const ldns_rr *record = ldns_rr_list_rr(answers, i);
        ldns_rr_type type = ldns_rr_get_type(record);
        if ((type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA) &&
            ldns_rr_rd_count(record) == 1 && ldns_rr_get_class(record) == LDNS_RR_CLASS_IN &&
            ldns_dname_compare(ldns_rr_owner(record), owner) == 0)
            count++;
    }
    ldns_rdf_deep_free(owner);
    return count;
}

static void judge_answer(const uint8_t *data, size_t size, const struct dns_question *question,
                         const struct dns_answer *answer)
{
    ldns_pkt *packet = NULL;
    bool is_address = question->qtype == DNS_A || question->qtype == DNS_AAAA;
    if (ldns_wire2pkt(&packet, data, size) != LDNS_STATUS_OK)
        return; /* it looks into records that are none of our business */
    assert(ldns_pkt_get_rcode(packet) == (answer->rcode & 15));
    if (is_address && question->qclass == 1) {
        const char *last = question->name;
        if (answer->alias_count)
            last = answer->aliases[answer->alias_count - 1];
        if (is_read_in_step(data, size, ldns_pkt_answer(packet)))
            assert(answer->address_count <= count_addresses(packet, last));
        for (size_t i = 0; i < answer->address_count; i++)
            assert(answer->addresses[i].family == (question->qtype == DNS_A ? 4 : 6));
    }
    ldns_pkt_free(packet);
}

static bool note_lead(void *owner, const char *name, const struct address *address)
{
    size_t *count = owner;
    assert((name == NULL) != (address == NULL));
    *count += 1;
    return *count < 1000;
}

/* Hiding keys changes nothing else: as many targets and addresses as before. */
static void read_leads(uint8_t *data, size_t size)
{
    size_t before = 0, after = 0;
    int result = dns_message_each_lead(data, size, note_lead, &before);
    dns_message_each_server(data, size, note_lead, &(size_t){0});
    if (dns_message_hide_ech(data, size) < 0 || result < 0)
        return;
    assert(dns_message_each_lead(data, size, note_lead, &after) == result && before == after);
}

/* The input as an answer to its own question. */
static void read_as_answer(const uint8_t *data, size_t size)
{
    struct dns_question question;
    struct dns_answer answer;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    copy[2] &= 0x7f;
    size_t counts = 12 < size ? 12 : size;
    uint8_t saved[12];
    memcpy(saved, copy, counts);
    memset(copy + 6, 0, counts - 6);
    int is_question = dns_message_parse_question(copy, size, &question) == 0;
    memcpy(copy, saved, counts);
    copy[2] |= 0x80;
    copy[2] &= 0x87;
    if (is_question && dns_message_parse_answer(copy, size, &question, &answer) == 0 &&
        !answer.is_truncated) {
        judge_answer(copy, size, &question, &answer);
        assert(dns_message_age(copy, size, 100) == 0);
        assert(dns_message_fit(copy, size, data, size, &question, question.udp_size) > 0);
    }
    read_leads(copy, size);
    dns_message_age(copy, size, 1);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question question;
    uint8_t to[DNS_UDP_DEFAULT];
    int rcode = dns_message_parse_question(data, size, &question);
    if (rcode == 0)
        reply(data, size, &question);
    if (rcode > 0)
        assert(dns_message_error(data, size, rcode, to, sizeof(to)) > 0);
    if (size >= 12)
        read_as_answer(data, size);
    return 0;
}
