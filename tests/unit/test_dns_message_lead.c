/* Where answers lead, and where our own aliases make them lead; ldns is the judge. */
#include "tests/unit/dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CHAIN_SIZE 512

static struct dns_bytes bytes;
static char leads[CHAIN_SIZE];

static bool note(void *owner, const char *name, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    size_t used = strlen(leads);

    (void)owner;
    assert_true((name == NULL) != (address == NULL));
    snprintf(leads + used, CHAIN_SIZE - used, "%s ",
             name ? name : address_format_ip(address, text));
    return !name || strcmp(name, "stop.example") != 0;
}

static int read_leads(void)
{
    leads[0] = '\0';
    return dns_message_each_lead(bytes.data, bytes.size, note, NULL);
}

static void test_aliases_and_addresses(void **state)
{
    (void)state;
    dns_bytes_answer(&bytes, 0, "www.example.com", DNS_A,
                     (const char *const[]){"www.example.com. 60 IN CNAME Cdn.example.",
                                           "cdn.example. 60 IN A 192.0.2.1", "", "",
                                           "other.example. 60 IN AAAA 2001:db8::1", NULL});
    assert_int_equal(read_leads(), 0);
    assert_string_equal(leads, "cdn.example 192.0.2.1 2001:db8::1 ");
}

static void test_the_caller_ends_it(void **state)
{
    (void)state;
    dns_bytes_answer(&bytes, 0, "www.example.com", DNS_A,
                     (const char *const[]){"www.example.com. 60 IN CNAME stop.example.",
                                           "stop.example. 60 IN A 192.0.2.1", NULL});
    assert_int_equal(read_leads(), 1);
    assert_string_equal(leads, "stop.example ");
}

/* An HTTPS record with alpn h2, ipv4hint 192.0.2.1, ech "abcd", ipv6hint 2001:db8::1, and behind it
 * another one without anything whose owner is a pointer. */
static void make_https(void)
{
    dns_bytes_header(&bytes, 0x8180, 1, 2, 0, 0);
    dns_bytes_put(&bytes, DNS_WWW_EXAMPLE "\0\x41\0\1");
    dns_bytes_put(&bytes, "\xc0\x0c\0\x41\0\1\0\0\0\x3c\0\x3a\0\1"
                          "\3svc\7example\0"
                          "\0\1\0\3\2h2"
                          "\0\4\0\4\xc0\0\2\1"
                          "\0\5\0\4"
                          "abcd"
                          "\0\6\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
    dns_bytes_put(&bytes, "\xc0\x0c\0\x41\0\1\0\0\0\x3c\0\3\0\2\0");
}

static void test_bindings(void **state)
{
    (void)state;
    make_https();
    assert_int_equal(read_leads(), 0);
    assert_string_equal(leads, "svc.example 192.0.2.1 2001:db8::1 ");
}

static void test_ech_is_hidden(void **state)
{
    ldns_pkt *packet = NULL;
    size_t size;

    (void)state;
    make_https();
    size = bytes.size;
    assert_non_null(memmem(bytes.data, size, "abcd", 4));
    assert_int_equal(dns_message_hide_ech(bytes.data, size), 1);
    assert_null(memmem(bytes.data, size, "abcd", 4));
    assert_int_equal(read_leads(), 0);
    assert_string_equal(leads, "svc.example 192.0.2.1 2001:db8::1 ");
    assert_int_equal(ldns_wire2pkt(&packet, bytes.data, size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_ancount(packet), 2);
    ldns_pkt_free(packet);
    assert_int_equal(dns_message_hide_ech(bytes.data, size), 0);
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    make_https();
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, bytes.data, size);
        leads[0] = '\0';
        assert_int_equal(dns_message_each_lead(exact, size, note, NULL), -EBADMSG);
        assert_true(dns_message_hide_ech(exact, size) == -EBADMSG);
        free(exact);
    }
    uint8_t *ech = memmem(bytes.data, bytes.size, "abcd", 4);
    ech[-1] = 0xff; /* a parameter longer than its record */
    assert_int_equal(read_leads(), -EBADMSG);
}

static void test_ttl(void **state)
{
    ldns_pkt *packet = NULL;

    (void)state;
    make_https();
    assert_int_equal(dns_message_set_ttl(bytes.data, bytes.size, 30), 0);
    assert_int_equal(ldns_wire2pkt(&packet, bytes.data, bytes.size), LDNS_STATUS_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(ldns_pkt_answer(packet), i)), 30);
    ldns_pkt_free(packet);
}

static void test_what_goes_out(void **state)
{
    struct dns_question question, sent;
    uint8_t to[512];
    ssize_t size;

    (void)state;
    dns_bytes_query(&bytes, DNS_A, true);
    bytes.data[3] |= 0x10; /* CD */
    assert_int_equal(dns_message_parse_question(bytes.data, bytes.size, &question), 0);
    size = dns_message_forward(&question, to, sizeof(to));
    assert_int_equal(dns_message_parse_question(to, (size_t)size, &sent), 0);
    assert_string_equal(sent.name, "www.example.com");
    assert_true(sent.has_edns && sent.wants_dnssec && sent.checking_disabled);
    assert_int_equal(sent.udp_size, DNS_UDP_OURS); /* the client's 4096 is its own affair */
}

static void test_an_alias_in_front(void **state)
{
    struct dns_question question;
    struct dns_bytes query;
    uint8_t to[1024];
    ldns_pkt *packet;
    ssize_t size;

    (void)state;
    dns_bytes_query(&query, DNS_A, false);
    assert_int_equal(dns_message_parse_question(query.data, query.size, &question), 0);
    dns_bytes_answer(&bytes, 0, "safe.example", DNS_A,
                     (const char *const[]){"safe.example. 60 IN CNAME safe.cdn.example.",
                                           "safe.cdn.example. 60 IN A 192.0.2.1", NULL});
    size = dns_message_alias(&question, "safe.example", 10, bytes.data, bytes.size, to, sizeof(to));
    assert_true(size > 0);
    size = dns_message_fit(to, (size_t)size, query.data, query.size, &question, DNS_MESSAGE_MAX);
    assert_true(size > 0);
    assert_int_equal(ldns_wire2pkt(&packet, to, (size_t)size), LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_ancount(packet), 3);
    ldns_pkt_free(packet);
    memcpy(bytes.data, to, (size_t)size);
    bytes.size = (size_t)size;
    assert_int_equal(read_leads(), 0);
    assert_string_equal(leads, "safe.example safe.cdn.example 192.0.2.1 ");
    assert_memory_equal(to + 12, query.data + 12, question.end - 12); /* as it was spelled */
    assert_int_equal(dns_message_alias(&question, "a.example", 10, to, 20, to, 512), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aliases_and_addresses),
        cmocka_unit_test(test_the_caller_ends_it),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_ech_is_hidden),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_what_goes_out),

        cmocka_unit_test(test_an_alias_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
