#include "dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct dns_bytes query;
static struct dns_question question;
static uint8_t reply[DNS_UDP_DEFAULT];

static void ask(uint16_t qtype, int has_edns)
{
    dns_bytes_query(&query, qtype, has_edns);
    assert_int_equal(dns_message_parse_question(query.data, query.size, &question), 0);
}

/* Read by ldns; header and question must be the query's. */
static ldns_pkt *read_reply(ssize_t size)
{
    ldns_pkt *packet = NULL;
    assert_true(size > 0);
    assert_int_equal(ldns_wire2pkt(&packet, reply, (size_t)size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(packet), 0x1234);
    assert_true(ldns_pkt_qr(packet) && ldns_pkt_ra(packet) && ldns_pkt_rd(packet));
    assert_false(ldns_pkt_aa(packet) || ldns_pkt_ad(packet));
    assert_memory_equal(reply + 12, query.data + 12, question.end - 12);
    assert_int_equal(ldns_pkt_edns(packet), question.has_edns);
    return packet;
}

static void assert_only_answer(const ldns_pkt *packet, const char *line)
{
    const ldns_rr_list *answers = ldns_pkt_answer(packet);
    assert_int_equal(ldns_rr_list_rr_count(answers), 1);
    char *text = ldns_rr2str(ldns_rr_list_rr(answers, 0));
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, line);
    free(text);
}

static ldns_pkt *block(enum dns_blocking mode)
{
    struct dns_blocking_options options = {.mode = mode, .ttl_s = 77};
    address_parse_ip("192.0.2.7", &options.address4);
    return read_reply(
        dns_message_blocked(query.data, query.size, &question, &options, reply, sizeof(reply)));
}

static void assert_negative(const ldns_pkt *packet, int rcode)
{
    assert_int_equal(ldns_pkt_get_rcode(packet), rcode);
    assert_int_equal(ldns_pkt_ancount(packet), 0);
    assert_int_equal(ldns_pkt_nscount(packet), 1);
    ldns_rr *soa = ldns_rr_list_rr(ldns_pkt_authority(packet), 0);
    assert_int_equal(ldns_rr_get_type(soa), DNS_SOA);
    assert_int_equal(ldns_rr_ttl(soa), 77);
    assert_int_equal(ldns_rdf2native_int32(ldns_rr_rdf(soa, 6)), 77);
}

static void test_null_address(void **state)
{
    (void)state;
    ask(DNS_A, 0);
    ldns_pkt *packet = block(DNS_BLOCK_NULL);
    assert_only_answer(packet, "www.Example.com.\t77\tIN\tA\t0.0.0.0");
    ldns_pkt_free(packet);
    ask(DNS_AAAA, 1);
    packet = block(DNS_BLOCK_NULL);
    assert_only_answer(packet, "www.Example.com.\t77\tIN\tAAAA\t::");
    ldns_pkt_free(packet);
}

static void test_other_types_have_no_data(void **state)
{
    (void)state;
    const uint16_t types[] = {DNS_HTTPS, DNS_SVCB, 15, 255, DNS_CNAME};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        ask(types[i], i % 2 == 1);
        ldns_pkt *packet = block(DNS_BLOCK_NULL);
        assert_negative(packet, DNS_NOERROR);
        ldns_pkt_free(packet);
    }
}

static void test_nxdomain(void **state)
{
    (void)state;
    ask(DNS_A, 1);
    ldns_pkt *packet = block(DNS_BLOCK_NXDOMAIN);
    assert_negative(packet, DNS_NXDOMAIN);
    ldns_pkt_free(packet);
}

static void test_refused(void **state)
{
    (void)state;
    ask(DNS_A, 0);
    ldns_pkt *packet = block(DNS_BLOCK_REFUSED);
    assert_int_equal(ldns_pkt_get_rcode(packet), DNS_REFUSED);
    assert_int_equal(ldns_pkt_ancount(packet) + ldns_pkt_nscount(packet), 0);
    ldns_pkt_free(packet);
}

static void test_custom_address(void **state)
{
    (void)state;
    ask(DNS_A, 0);
    ldns_pkt *packet = block(DNS_BLOCK_CUSTOM);
    assert_only_answer(packet, "www.Example.com.\t77\tIN\tA\t192.0.2.7");
    ldns_pkt_free(packet);
    ask(DNS_AAAA, 0); /* none was set */
    packet = block(DNS_BLOCK_CUSTOM);
    assert_negative(packet, DNS_NOERROR);
    ldns_pkt_free(packet);
}

static void test_extended_error(void **state)
{
    (void)state;
    ask(DNS_A, 1);
    ldns_pkt *packet = block(DNS_BLOCK_NULL);
    assert_int_equal(ldns_pkt_edns_udp_size(packet), DNS_UDP_OURS);
    assert_true(ldns_pkt_edns_do(packet)); /* RFC 3225: copied */
    const ldns_rdf *options = ldns_pkt_edns_data(packet);
    assert_non_null(options);
    assert_memory_equal(ldns_rdf_data(options), "\0\x0f\0\2\0\x0f", 6);
    ldns_pkt_free(packet);
}

static void test_errors(void **state)
{
    (void)state;
    ask(DNS_A, 1);
    ldns_pkt *packet =
        read_reply(dns_message_error(query.data, query.size, DNS_SERVFAIL, reply, sizeof(reply)));
    assert_int_equal(ldns_pkt_get_rcode(packet), DNS_SERVFAIL);
    ldns_pkt_free(packet);

    query.data[query.size - 5] = 1; /* EDNS version 1 */
    packet = read_reply(dns_message_error(query.data, query.size, 16, reply, sizeof(reply)));
    assert_int_equal(ldns_pkt_get_rcode(packet), 0);
    assert_int_equal(ldns_pkt_edns_extended_rcode(packet), 1);
    ldns_pkt_free(packet);
}

static void test_error_for_a_broken_query(void **state)
{
    (void)state;
    dns_bytes_query(&query, DNS_A, 0);
    ssize_t size = dns_message_error(query.data, 20, DNS_FORMERR, reply, sizeof(reply));
    assert_int_equal(size, 12);
    assert_memory_equal(reply, "\x12\x34\x81\x81\0\0\0\0\0\0\0\0", 12);
    assert_int_equal(dns_message_error(query.data, 11, DNS_FORMERR, reply, sizeof(reply)), -EINVAL);
}

static void test_addresses_of_the_asked_family(void **state)
{
    (void)state;
    struct address addresses[3];
    address_parse_ip("2001:db8::1", &addresses[0]);
    address_parse_ip("127.0.0.1", &addresses[1]);
    address_parse_ip("192.0.2.1", &addresses[2]);
    ask(DNS_A, 1);
    ldns_pkt *packet = read_reply(dns_message_addresses(query.data, query.size, &question,
                                                        addresses, 3, 5, reply, sizeof(reply)));
    assert_int_equal(ldns_pkt_ancount(packet), 2);
    ldns_pkt_free(packet);
    ask(DNS_AAAA, 0);
    packet = read_reply(dns_message_addresses(query.data, query.size, &question, addresses, 3, 5,
                                              reply, sizeof(reply)));
    assert_only_answer(packet, "www.Example.com.\t5\tIN\tAAAA\t2001:db8::1");
    ldns_pkt_free(packet);
    ask(DNS_HTTPS, 0);
    packet = read_reply(dns_message_addresses(query.data, query.size, &question, addresses, 3, 77,
                                              reply, sizeof(reply)));
    assert_negative(packet, DNS_NOERROR);
    ldns_pkt_free(packet);
}

static void test_truncated(void **state)
{
    (void)state;
    ask(DNS_A, 1);
    ldns_pkt *packet =
        read_reply(dns_message_truncated(query.data, query.size, &question, reply, sizeof(reply)));
    assert_true(ldns_pkt_tc(packet));
    assert_int_equal(ldns_pkt_ancount(packet), 0);
    ldns_pkt_free(packet);
}

static void test_never_writes_beyond_capacity(void **state)
{
    (void)state;
    struct dns_blocking_options options = {.mode = DNS_BLOCK_NXDOMAIN, .ttl_s = 1};
    ask(DNS_A, 1);
    ssize_t size =
        dns_message_blocked(query.data, query.size, &question, &options, reply, sizeof(reply));
    assert_true(size > 0);
    for (size_t room = 0; room < (size_t)size; room++) {
        uint8_t *small = malloc(room ? room : 1);
        assert_int_equal(
            dns_message_blocked(query.data, query.size, &question, &options, small, room),
            -ENOBUFS);
        free(small);
    }
}

static void test_in_place(void **state)
{
    (void)state;
    struct dns_blocking_options options = {.mode = DNS_BLOCK_NULL, .ttl_s = 1};
    ask(DNS_A, 1);
    ssize_t size =
        dns_message_blocked(query.data, query.size, &question, &options, reply, sizeof(reply));
    assert_int_equal(dns_message_blocked(query.data, query.size, &question, &options, query.data,
                                         sizeof(query.data)),
                     size);
    assert_memory_equal(query.data, reply, (size_t)size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_address),
        cmocka_unit_test(test_other_types_have_no_data),
        cmocka_unit_test(test_nxdomain),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_custom_address),
        cmocka_unit_test(test_extended_error),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_for_a_broken_query),
        cmocka_unit_test(test_addresses_of_the_asked_family),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_never_writes_beyond_capacity),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
