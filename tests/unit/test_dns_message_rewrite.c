#include "dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dns_bytes query;
static struct dns_question question;
static uint8_t reply[DNS_UDP_DEFAULT];

static ssize_t rewrite(uint16_t qtype, const struct filter_answer *answers, size_t count)
{
    dns_bytes_query(&query, qtype, 1);
    assert_int_equal(dns_message_parse_question(query.data, query.size, &question), 0);
    return dns_message_rewritten(query.data, query.size, &question, answers, count, 9, reply,
                                 sizeof(reply));
}

/* The answers as ldns reads them, one line each. */
static const char *lines(ssize_t size, int *ret_rcode)
{
    static char text[2048];
    ldns_pkt *packet = NULL;
    assert_true(size > 0);
    assert_int_equal(ldns_wire2pkt(&packet, reply, (size_t)size), LDNS_STATUS_OK);
    *ret_rcode = (int)ldns_pkt_get_rcode(packet);
    char *all = ldns_rr_list2str(ldns_pkt_answer(packet));
    snprintf(text, sizeof(text), "%s", all ? all : "");
    free(all);
    ldns_pkt_free(packet);
    return text;
}

static struct filter_answer record(uint16_t type, const char *text)
{
    struct filter_answer answer = {.kind = FILTER_ANSWER_RECORD, .type = type};
    snprintf(answer.text, sizeof(answer.text), "%s", text);
    return answer;
}

static struct filter_answer address(const char *text)
{
    struct filter_answer answer = record(DNS_A, "");
    assert_int_equal(address_parse_ip(text, &answer.address), 0);
    answer.type = answer.address.family == 4 ? DNS_A : DNS_AAAA;
    return answer;
}

static void test_addresses(void **state)
{
    (void)state;
    struct filter_answer answers[] = {address("192.0.2.1"), address("192.0.2.2")};
    int rcode = -1;
    assert_string_equal(lines(rewrite(DNS_A, answers, 2), &rcode),
                        "www.Example.com.\t9\tIN\tA\t192.0.2.1\n"
                        "www.Example.com.\t9\tIN\tA\t192.0.2.2\n");
    assert_int_equal(rcode, 0);
}

static void test_an_alias_and_what_it_leads_to(void **state)
{
    (void)state;
    struct filter_answer answers[] = {record(DNS_CNAME, "other.example"), address("2001:db8::1")};
    answers[0].kind = FILTER_ANSWER_CNAME;
    int rcode;
    assert_string_equal(lines(rewrite(DNS_AAAA, answers, 2), &rcode),
                        "www.Example.com.\t9\tIN\tCNAME\tother.example.\n"
                        "other.example.\t9\tIN\tAAAA\t2001:db8::1\n");
}

static void test_other_types(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *text, *line;
    } cases[] = {
        {15, "10 mail.example.", "MX\t10 mail.example."},
        {16, "\"some; text\" more", "TXT\t\"some; text\" \"more\""},
        {16, "one; text, of one string", "TXT\t\"one; text, of one string\""},
        {16, "", "TXT\t\"\""},
        {33, "1 2 443 srv.example.", "SRV\t1 2 443 srv.example."},
        {12, "ptr.example.", "PTR\tptr.example."},
        {DNS_HTTPS, "1 . alpn=h2", "HTTPS\t1 . alpn=h2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct filter_answer answer = record(cases[i].type, cases[i].text);
        char line[128];
        int rcode;
        snprintf(line, sizeof(line), "www.Example.com.\t9\tIN\t%s", cases[i].line);
        const char *all = lines(rewrite(cases[i].type, &answer, 1), &rcode);
        assert_int_equal(strncmp(all, line, strlen(line)), 0);
    }
}

static void test_codes(void **state)
{
    (void)state;
    struct filter_answer answer = {.kind = FILTER_ANSWER_RCODE, .rcode = DNS_NXDOMAIN};
    int rcode;
    assert_string_equal(lines(rewrite(DNS_A, &answer, 1), &rcode), "");
    assert_int_equal(rcode, DNS_NXDOMAIN);
    assert_string_equal(lines(rewrite(DNS_A, NULL, 0), &rcode), "");
    assert_int_equal(rcode, DNS_NOERROR);
    assert_int_equal(reply[9], 1); /* an SOA, so that it may be kept */
    answer.rcode = DNS_REFUSED;
    lines(rewrite(DNS_A, &answer, 1), &rcode);
    assert_int_equal(rcode, DNS_REFUSED);
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x mail.example.", "10",
                                      "10 a.example.\n. 0 IN A 1.2.3.4", "10 a..example."};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct filter_answer answer = record(15, bad[i]);
        assert_int_equal(rewrite(15, &answer, 1), -EINVAL);
    }
    struct filter_answer unknown = record(65280, "\\# 3 010203");
    assert_int_equal(rewrite(65280, &unknown, 1), -EINVAL);
    struct filter_answer alias = {.kind = FILTER_ANSWER_CNAME, .text = "a..b"};
    assert_int_equal(rewrite(DNS_A, &alias, 1), -EINVAL);
    struct filter_answer dropped = {.kind = FILTER_ANSWER_DROP};
    assert_int_equal(rewrite(DNS_A, &dropped, 1), -EINVAL);
}

static void test_capacity(void **state)
{
    (void)state;
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    for (size_t i = 0; i < FILTER_ANSWERS_MAX; i++)
        answers[i] = record(16, "\"0123456789012345678901234567890123456789\"");
    assert_int_equal(rewrite(16, answers, FILTER_ANSWERS_MAX), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_an_alias_and_what_it_leads_to),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
