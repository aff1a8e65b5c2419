#include "dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct dns_bytes bytes;
static struct dns_question question;
static struct dns_answer answer;

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static int read_answer(int rcode, uint16_t qtype, const char *const *lines)
{
    dns_bytes_query(&bytes, qtype, 0);
    assert_int_equal(dns_message_parse_question(bytes.data, bytes.size, &question), 0);
    dns_bytes_answer(&bytes, rcode, "www.example.com.", qtype, lines);
    return dns_message_parse_answer(bytes.data, bytes.size, &question, &answer);
}

static void assert_address(size_t index, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];
    assert_true(index < answer.address_count);
    assert_string_equal(address_format_ip(&answer.addresses[index], text), expected);
}

static void test_addresses(void **state)
{
    (void)state;
    assert_int_equal(read_answer(0, DNS_A,
                                 LINES("www.example.com. 300 IN A 192.0.2.1",
                                       "WWW.example.com. 200 IN A 192.0.2.2",
                                       "other.example.com. 250 IN A 192.0.2.3")),
                     0);
    assert_int_equal(answer.rcode, 0);
    assert_int_equal(answer.ttl_s, 200);
    assert_int_equal(answer.address_count, 2);
    assert_address(0, "192.0.2.1");
    assert_address(1, "192.0.2.2");
    assert_int_equal(answer.alias_count, 0);
}

static void test_aliases_in_order(void **state)
{
    (void)state;
    assert_int_equal(read_answer(0, DNS_AAAA,
                                 LINES("www.example.com. 300 IN CNAME a.example.net.",
                                       "a.example.net. 10 IN CNAME b.Example.org.",
                                       "b.example.org. 60 IN AAAA 2001:db8::1")),
                     0);
    assert_int_equal(answer.alias_count, 2);
    assert_string_equal(answer.aliases[0], "a.example.net");
    assert_string_equal(answer.aliases[1], "b.example.org");
    assert_int_equal(answer.ttl_s, 10);
    assert_address(0, "2001:db8::1");
}

static void test_aliases_out_of_order(void **state)
{
    (void)state;
    assert_int_equal(
        read_answer(0, DNS_A,
                    LINES("c.example. 60 IN A 192.0.2.9", "b.example. 60 IN CNAME c.example.",
                          "a.example. 60 IN CNAME b.example.",
                          "www.example.com. 60 IN CNAME a.example.")),
        0);
    assert_int_equal(answer.alias_count, 3);
    assert_string_equal(answer.aliases[2], "c.example");
    assert_address(0, "192.0.2.9");
}

static void test_loop_of_aliases(void **state)
{
    (void)state;
    answer.rcode = 99;
    assert_int_equal(read_answer(0, DNS_A,
                                 LINES("www.example.com. 60 IN CNAME a.example.",
                                       "a.example. 60 IN CNAME www.example.com.")),
                     -EBADMSG);
    assert_int_equal(answer.rcode, 99); /* untouched */
}

static void test_an_alias_that_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(read_answer(0, DNS_CNAME, LINES("www.example.com. 60 IN CNAME a.example.")),
                     0);
    assert_int_equal(answer.alias_count, 0);
    assert_int_equal(answer.ttl_s, 60);
}

static void test_more_addresses_than_fit(void **state)
{
    (void)state;
    char lines[40][64];
    const char *pointers[41] = {NULL};
    for (int i = 0; i < 40; i++) {
        snprintf(lines[i], sizeof(lines[i]), "www.example.com. 60 IN A 192.0.2.%d", i);
        pointers[i] = lines[i];
    }
    assert_int_equal(read_answer(0, DNS_A, pointers), 0);
    assert_int_equal(answer.address_count, DNS_ANSWER_ADDRESSES);
}

#define SOA(owner, ttl, minimum)                                                                   \
    owner " " #ttl " IN SOA ns.example.com. root.example.com. 1 3600 1200 604800 " #minimum

static void test_negative_ttl(void **state)
{
    (void)state;
    assert_int_equal(read_answer(3, DNS_A, LINES("", SOA("example.com.", 900, 300))), 0);
    assert_int_equal(answer.rcode, DNS_NXDOMAIN);
    assert_int_equal(answer.ttl_s, 300);
    assert_int_equal(read_answer(0, DNS_A, LINES("", SOA("example.com.", 90, 300))), 0);
    assert_int_equal(answer.ttl_s, 90);
    assert_int_equal(read_answer(0, DNS_A, NULL), 0); /* no SOA: not kept */
    assert_int_equal(answer.ttl_s, 0);
    assert_int_equal(read_answer(3, DNS_A, LINES("", SOA("example.org.", 90, 300))), 0);
    assert_int_equal(answer.ttl_s, 0); /* nor with one of somebody else */
    assert_int_equal(read_answer(3, DNS_A, LINES("", SOA("example.com.", 604800, 604800))), 0);
    assert_int_equal(answer.ttl_s, 3 * 3600); /* a name may be registered meanwhile */
}

static void test_negative_behind_an_alias(void **state)
{
    (void)state;
    assert_int_equal(read_answer(3, DNS_A,
                                 LINES("www.example.com. 50 IN CNAME a.example.net.", "",
                                       SOA("example.net.", 90, 300))),
                     0);
    assert_int_equal(answer.ttl_s, 50);
    assert_string_equal(answer.aliases[0], "a.example.net");
}

static void test_failures_are_not_kept(void **state)
{
    (void)state;
    assert_int_equal(read_answer(2, DNS_A, NULL), 0);
    assert_int_equal(answer.rcode, DNS_SERVFAIL);
    assert_int_equal(answer.ttl_s, 0);
}

static void test_ttl_bounds(void **state)
{
    (void)state;
    assert_int_equal(read_answer(0, DNS_A, LINES("www.example.com. 2000000000 IN A 192.0.2.1")), 0);
    assert_int_equal(answer.ttl_s, 7 * 24 * 3600);
    assert_int_equal(read_answer(0, DNS_A, LINES("www.example.com. 4000000000 IN A 192.0.2.1")), 0);
    assert_int_equal(answer.ttl_s, 0);
}

static void test_must_be_for_the_question(void **state)
{
    (void)state;
    assert_int_equal(read_answer(0, DNS_A, LINES("www.example.com. 60 IN A 192.0.2.1")), 0);
    struct dns_question other = question;
    other.qtype = DNS_AAAA;
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &other, &answer), -EBADMSG);
    other = question;
    other.name[0] = 'x';
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &other, &answer), -EBADMSG);
    bytes.data[2] &= 0x7f; /* no answer at all */
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer),
                     -EBADMSG);
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    read_answer(0, DNS_A,
                LINES("www.example.com. 60 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.1", "",
                      SOA("example.com.", 90, 300)));
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(dns_message_parse_answer(bytes.data, size, &question, &answer), -EBADMSG);
}

static void test_truncated_is_not_read(void **state)
{
    (void)state;
    read_answer(0, DNS_A, LINES("www.example.com. 60 IN A 192.0.2.1"));
    bytes.data[2] |= 2;
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size - 3, &question, &answer), 0);
    assert_true(answer.is_truncated);
    assert_int_equal(answer.address_count, 0);
    assert_int_equal(answer.ttl_s, 0);
}

static void test_pointers_cannot_loop(void **state)
{
    (void)state;
    read_answer(0, DNS_A, NULL);
    size_t at = bytes.size;
    bytes.data[7] = 1;
    dns_bytes_put(&bytes, "\xc0\x00\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4");
    bytes.data[at + 1] = (uint8_t)at; /* to itself */
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer),
                     -EBADMSG);
    bytes.data[at + 1] = (uint8_t)(at + 4); /* forward */
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer),
                     -EBADMSG);
    bytes.data[at + 1] = 2; /* into the header */
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer),
                     -EBADMSG);
    bytes.data[at + 1] = 12;
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer), 0);
    assert_address(0, "1.2.3.4");
}

static void test_an_alias_fills_its_record(void **state)
{
    (void)state;
    read_answer(0, DNS_A, NULL);
    bytes.data[7] = 1;
    dns_bytes_put(&bytes, "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\3\xc0\x10\0");
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer),
                     -EBADMSG);
    bytes.size--;
    bytes.data[bytes.size - 3]--;
    assert_int_equal(dns_message_parse_answer(bytes.data, bytes.size, &question, &answer), 0);
    assert_string_equal(answer.aliases[0], "example.com");
}

static uint32_t ttl_of(ldns_pkt_section section)
{
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, bytes.data, bytes.size), LDNS_STATUS_OK);
    ldns_rr_list *list = ldns_pkt_get_section_clone(packet, section);
    uint32_t ttl_s = ldns_rr_ttl(ldns_rr_list_rr(list, 0));
    ldns_rr_list_deep_free(list);
    ldns_pkt_free(packet);
    return ttl_s;
}

static const uint8_t opt_with_do[] = "\0\0\x29\4\xd0\0\0\x80\0\0\0"; /* and a 0 that is not sent */
enum { OPT_BYTES = sizeof(opt_with_do) - 1 };

static void test_ages(void **state)
{
    (void)state;
    read_answer(0, DNS_A,
                LINES("www.example.com. 60 IN A 192.0.2.1", "", SOA("example.com.", 20, 300)));
    dns_bytes_add(&bytes, opt_with_do, OPT_BYTES);
    bytes.data[11]++;
    assert_int_equal(dns_message_age(bytes.data, bytes.size, 25), 0);
    assert_int_equal(ttl_of(LDNS_SECTION_ANSWER), 35);
    assert_int_equal(ttl_of(LDNS_SECTION_AUTHORITY), 0);
    assert_memory_equal(bytes.data + bytes.size - OPT_BYTES, opt_with_do, OPT_BYTES);
    assert_int_equal(dns_message_age(bytes.data, bytes.size - 1, 1), -EBADMSG);
}

static void test_fits_another_client(void **state)
{
    (void)state;
    read_answer(0, DNS_A, LINES("www.example.com. 60 IN A 192.0.2.1"));
    dns_bytes_add(&bytes, opt_with_do, OPT_BYTES);
    bytes.data[11]++;

    struct dns_bytes query;
    dns_bytes_query(&query, DNS_A, 0);
    query.data[0] = 0x77;
    query.data[2] = 0;    /* no RD */
    query.data[13] = 'W'; /* its own spelling */
    assert_int_equal(dns_message_parse_question(query.data, query.size, &question), 0);
    ssize_t size = dns_message_fit(bytes.data, bytes.size, query.data, query.size, &question, 512);
    assert_int_equal(size, bytes.size - OPT_BYTES);
    assert_memory_equal(bytes.data, "\x77\x34\x80\x80\0\1\0\1\0\0\0\0", 12);
    assert_memory_equal(bytes.data + 12, query.data + 12, question.end - 12);
    bytes.size = (size_t)size;
    assert_int_equal(ttl_of(LDNS_SECTION_ANSWER), 60);
}

static void test_fits_a_limit(void **state)
{
    (void)state;
    struct dns_bytes query;
    dns_bytes_query(&query, DNS_A, 1);
    read_answer(0, DNS_A,
                LINES("www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN A 192.0.2.2"));
    assert_int_equal(dns_message_parse_question(query.data, query.size, &question), 0);
    size_t all = bytes.size;
    assert_int_equal(dns_message_fit(bytes.data, all, query.data, query.size, &question, all), all);
    ssize_t size = dns_message_fit(bytes.data, all, query.data, query.size, &question, all - 1);
    assert_int_equal(size, question.end + OPT_BYTES);
    assert_int_equal(bytes.data[2] & 2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_aliases_in_order),
        cmocka_unit_test(test_aliases_out_of_order),
        cmocka_unit_test(test_loop_of_aliases),
        cmocka_unit_test(test_an_alias_that_was_asked_for),
        cmocka_unit_test(test_more_addresses_than_fit),
        cmocka_unit_test(test_negative_ttl),
        cmocka_unit_test(test_negative_behind_an_alias),
        cmocka_unit_test(test_failures_are_not_kept),
        cmocka_unit_test(test_ttl_bounds),
        cmocka_unit_test(test_must_be_for_the_question),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_truncated_is_not_read),
        cmocka_unit_test(test_pointers_cannot_loop),
        cmocka_unit_test(test_an_alias_fills_its_record),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_fits_another_client),
        cmocka_unit_test(test_fits_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
