#include "dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct dns_bytes bytes;
static struct dns_question question;

static int parse(void)
{
    return dns_message_parse_question(bytes.data, bytes.size, &question);
}

static void test_reads_a_question(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_AAAA, 0);
    assert_int_equal(parse(), 0);
    assert_string_equal(question.name, "www.example.com");
    assert_int_equal(question.id, 0x1234);
    assert_int_equal(question.qtype, DNS_AAAA);
    assert_int_equal(question.qclass, 1);
    assert_int_equal(question.end, bytes.size);
    assert_int_equal(question.udp_size, DNS_UDP_DEFAULT);
    assert_false(question.has_edns);
    assert_true(question.recursion_desired);
}

static void test_reads_edns(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 1);
    assert_int_equal(parse(), 0);
    assert_true(question.has_edns);
    assert_true(question.wants_dnssec);
    assert_int_equal(question.udp_size, 4096);

    bytes.data[bytes.size - 8] = 0; /* a payload size below 512 means 512 */
    bytes.data[bytes.size - 7] = 1;
    assert_int_equal(parse(), 0);
    assert_int_equal(question.udp_size, DNS_UDP_DEFAULT);

    bytes.data[bytes.size - 5] = 1; /* version */
    assert_int_equal(parse(), 16);
}

static void test_refuses_two_opts(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 1);
    dns_bytes_put(&bytes, "\0\0\x29\x10\0\0\0\0\0\0\0");
    bytes.data[11] = 2;
    assert_int_equal(parse(), DNS_FORMERR);
}

static void test_skips_other_additional_records(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 0);
    dns_bytes_put(&bytes, "\3key\0\0\xfa\0\xff\0\0\0\0\0\1x"); /* like a TSIG */
    dns_bytes_put(&bytes, "\0\0\x29\x04\xd0\0\0\0\0\0\0");
    bytes.data[11] = 2;
    assert_int_equal(parse(), 0);
    assert_int_equal(question.udp_size, 1232);
}

static void test_reads_the_root(void **state)
{
    (void)state;
    dns_bytes_header(&bytes, 0, 1, 0, 0, 0);
    dns_bytes_put(&bytes, "\0\0\2\0\1");
    assert_int_equal(parse(), 0);
    assert_string_equal(question.name, "");
    assert_false(question.recursion_desired);
}

static void test_escapes_odd_bytes(void **state)
{
    (void)state;
    dns_bytes_header(&bytes, 0, 1, 0, 0, 0);
    dns_bytes_put(&bytes, "\7a.b \\\0\xff\5_http\0\0\1\0\1");
    assert_int_equal(parse(), 0);
    assert_string_equal(question.name, "a\\046b\\032\\092\\000\\255._http");

    /* and back */
    uint8_t query[DNS_UDP_DEFAULT];
    ssize_t size = dns_message_query(1, question.name, DNS_A, query, sizeof(query));
    assert_true(size > 0);
    assert_memory_equal(query + 12, bytes.data + 12, bytes.size - 12);
}

static void test_drops_what_is_no_query(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 0);
    bytes.data[2] |= 0x80;
    assert_int_equal(parse(), -EBADMSG);
    assert_int_equal(dns_message_parse_question("short", 5, &question), -EBADMSG);
}

static void test_refuses_other_opcodes_and_counts(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 0);
    bytes.data[2] = 0x28; /* update */
    assert_int_equal(parse(), DNS_NOTIMP);
    for (int at = 4; at < 10; at += 2) {
        dns_bytes_query(&bytes, DNS_A, 0);
        bytes.data[at + 1]++;
        assert_int_equal(parse(), DNS_FORMERR);
    }
    dns_bytes_query(&bytes, DNS_A, 0);
    bytes.data[5] = 0;
    assert_int_equal(parse(), DNS_FORMERR);
}

static void test_refuses_compression_and_bad_labels(void **state)
{
    (void)state;
    dns_bytes_header(&bytes, 0, 1, 0, 0, 0);
    dns_bytes_put(&bytes, "\3www\xc0\x0c\0\1\0\1");
    assert_int_equal(parse(), DNS_FORMERR);
    dns_bytes_header(&bytes, 0, 1, 0, 0, 0);
    dns_bytes_put(&bytes, "\x41www\0\0\1\0\1");
    assert_int_equal(parse(), DNS_FORMERR);
}

static void test_refuses_every_cut(void **state)
{
    (void)state;
    dns_bytes_query(&bytes, DNS_A, 1);
    for (size_t size = 12; size < bytes.size; size++)
        assert_int_equal(dns_message_parse_question(bytes.data, size, &question), DNS_FORMERR);
}

static void put_long_name(size_t labels, size_t last)
{
    dns_bytes_header(&bytes, 0, 1, 0, 0, 0);
    for (size_t i = 0; i <= labels; i++) {
        uint8_t size = (uint8_t)(i < labels ? 63 : last);
        dns_bytes_add(&bytes, &size, 1);
        memset(bytes.data + bytes.size, 'x', size);
        bytes.size += size;
    }
    dns_bytes_put(&bytes, "\0\0\1\0\1");
}

static void test_length_of_names(void **state)
{
    (void)state;
    put_long_name(3, 61); /* 255 bytes with the root */
    assert_int_equal(parse(), 0);
    assert_int_equal(strlen(question.name), NAME_MAX_BYTES);
    put_long_name(3, 62);
    assert_int_equal(parse(), DNS_FORMERR);
}

static void test_query_is_what_ldns_reads(void **state)
{
    (void)state;
    uint8_t query[DNS_UDP_DEFAULT];
    ssize_t size = dns_message_query(77, "www.example.com", DNS_HTTPS, query, sizeof(query));
    ldns_pkt *packet = NULL;
    assert_true(size > 0);
    assert_int_equal(ldns_wire2pkt(&packet, query, (size_t)size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(packet), 77);
    assert_true(ldns_pkt_rd(packet));
    assert_int_equal(ldns_pkt_edns_udp_size(packet), DNS_UDP_OURS);
    ldns_rr *record = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
    char *owner = ldns_rdf2str(ldns_rr_owner(record));
    assert_string_equal(owner, "www.example.com.");
    assert_int_equal(ldns_rr_get_type(record), DNS_HTTPS);
    free(owner);
    ldns_pkt_free(packet);
}

static void test_query_refuses_bad_names(void **state)
{
    (void)state;
    uint8_t query[DNS_UDP_DEFAULT];
    const char *bad[] = {
        "a..b",  ".",      ".a",
        "a\\1b", "a\\999", "1234567890123456789012345678901234567890123456789012345678901234.com"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(dns_message_query(1, bad[i], DNS_A, query, sizeof(query)), -EINVAL);
    for (size_t room = 0; room < 12 + 3 + 4 + 11; room++)
        assert_int_equal(dns_message_query(1, "a", DNS_A, query, room), -ENOBUFS);
    assert_int_equal(dns_message_query(1, "a", DNS_A, query, 30), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_question),
        cmocka_unit_test(test_reads_edns),
        cmocka_unit_test(test_refuses_two_opts),
        cmocka_unit_test(test_skips_other_additional_records),
        cmocka_unit_test(test_reads_the_root),
        cmocka_unit_test(test_escapes_odd_bytes),
        cmocka_unit_test(test_drops_what_is_no_query),
        cmocka_unit_test(test_refuses_other_opcodes_and_counts),
        cmocka_unit_test(test_refuses_compression_and_bad_labels),
        cmocka_unit_test(test_refuses_every_cut),
        cmocka_unit_test(test_length_of_names),
        cmocka_unit_test(test_query_is_what_ldns_reads),
        cmocka_unit_test(test_query_refuses_bad_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
