/* Questions and answers of strangers; what we write is read back by ldns. */
#include "adblock/dns_message.h"

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
        assert(dns_message_age(copy, size, 100) == 0);
        assert(dns_message_fit(copy, size, data, size, &question, question.udp_size) > 0);
    }
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
