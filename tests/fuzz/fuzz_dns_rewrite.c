/* The text of a record as a list gives it, of the type that the first two bytes say. What is
 * written can be read. */
#include "adblock/dns_message.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t query[64], to[DNS_UDP_DEFAULT];
    struct dns_question question;
    struct filter_answer answer = {.kind = FILTER_ANSWER_RECORD};
    if (size < 2 || size - 2 >= sizeof(answer.text))
        return 0;
    answer.type = (uint16_t)(data[0] << 8 | data[1]);
    memcpy(answer.text, data + 2, size - 2);
    answer.address.family = 4;
    ssize_t query_size = dns_message_query(1, "a.example", DNS_A, query, sizeof(query));
    assert(dns_message_parse_question(query, (size_t)query_size, &question) == 0);
    ssize_t written =
        dns_message_rewritten(query, (size_t)query_size, &question, &answer, 1, 1, to, sizeof(to));
    struct dns_answer read;
    if (written > 0 && answer.type != DNS_CNAME)
        assert(dns_message_parse_answer(to, (size_t)written, &question, &read) == 0);
    return 0;
}
