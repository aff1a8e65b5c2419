#include "base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define count_of(array) (sizeof(array) / sizeof((array)[0]))

static void addresses_are_parsed_and_formatted_alike(void **state)
{
    static const char *const texts[] = {
        "192.0.2.1:80",
        "0.0.0.0:1",
        "255.255.255.255:65535",
        "[2001:db8::1]:80",
        "[::]:443",
        "[::ffff:192.0.2.1]:80",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1",
    };
    (void)state;
    for (size_t i = 0; i < count_of(texts); i++) {
        struct address address, again;
        char text[ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(texts[i], &address), 0);
        assert_int_equal(address_parse(address_format(&address, text), &again), 0);
        assert_true(address_is_equal(&address, &again));
        if (i < 6)
            assert_string_equal(text, texts[i]);
    }
}

static void malformed_addresses_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:080",
        "192.0.2.1:65536",
        "192.0.2.1:100000",
        "192.0.2.1:+80",
        "192.0.2.1:80 ",
        " 192.0.2.1:80",
        "192.0.2.256:80",
        "192.0.2.01:80",
        "192.0.2:80",
        "0x7f.0.0.1:80",
        "[192.0.2.1]:80",
        "2001:db8::1",
        "[2001:db8::1]",
        "[2001:db8::1]80",
        "[2001:db8::1",
        "2001:db8::1]:80",
        "[fe80::1%eth0]:80",
        "[]:80",
        ":80",
        "name:80",
        "[[::1]]:80",
    };
    (void)state;
    for (size_t i = 0; i < count_of(texts); i++) {
        struct address address = {.port = 7};
        if (address_parse(texts[i], &address) != -EINVAL)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_int_equal(address.port, 7);
    }
}

static void an_ip_alone_has_no_port(void **state)
{
    struct address address = {.port = 9};
    char text[ADDRESS_TEXT_MAX];
    (void)state;
    assert_int_equal(address_parse_ip("2001:DB8:0:0::1", &address), 0);
    assert_int_equal(address.port, 0);
    assert_int_equal(address.family, 6);
    assert_string_equal(address_format_ip(&address, text), "2001:db8::1");
    assert_int_equal(address_parse_ip("192.0.2.1", &address), 0);
    assert_int_equal(address.family, 4);
    assert_int_equal(address_parse_ip("192.0.2.1:80", &address), -EINVAL);
    assert_int_equal(address_parse_ip("[::1]", &address), -EINVAL);
    assert_int_equal(address_parse_ip("", &address), -EINVAL);
    address.family = 0;
    assert_string_equal(address_format(&address, text), "none:0");
}

static void socket_addresses_go_both_ways(void **state)
{
    static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:443"};
    static const unsigned sizes[] = {sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6)};
    struct sockaddr_storage storage;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct address address, again;
        assert_int_equal(address_parse(texts[i], &address), 0);
        assert_int_equal(address_to_sockaddr(&address, &storage), sizes[i]);
        assert_int_equal(address_from_sockaddr((struct sockaddr *)&storage, &again), 0);
        assert_true(address_is_equal(&address, &again));
    }
    struct address untouched = {.port = 7};
    storage.ss_family = AF_UNIX;
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&storage, &untouched), -EAFNOSUPPORT);
    assert_int_equal(untouched.port, 7);
}

enum { PRIVATE = 1, LOOPBACK = 2, MULTICAST = 4 };

static void kinds_of_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        int kinds;
    } cases[] = {
        {"192.0.2.1", 0},
        {"9.255.255.255", 0},
        {"10.0.0.0", PRIVATE},
        {"10.255.255.255", PRIVATE},
        {"11.0.0.0", 0},
        {"172.15.255.255", 0},
        {"172.16.0.0", PRIVATE},
        {"172.31.255.255", PRIVATE},
        {"172.32.0.0", 0},
        {"192.168.0.1", PRIVATE},
        {"192.169.0.1", 0},
        {"169.254.1.1", PRIVATE},
        {"100.63.255.255", 0},
        {"100.64.0.0", PRIVATE},
        {"100.127.255.255", PRIVATE},
        {"100.128.0.0", 0},
        {"127.0.0.1", PRIVATE | LOOPBACK},
        {"127.255.255.255", PRIVATE | LOOPBACK},
        {"128.0.0.0", 0},
        {"0.0.0.0", PRIVATE},
        {"223.255.255.255", 0},
        {"224.0.0.0", MULTICAST},
        {"239.255.255.255", MULTICAST},
        {"240.0.0.0", 0},
        {"2001:db8::1", 0},
        {"::", PRIVATE},
        {"::1", PRIVATE | LOOPBACK},
        {"::2", 0},
        {"fbff::", 0},
        {"fc00::", PRIVATE},
        {"fdff::1", PRIVATE},
        {"fe7f::1", 0},
        {"fe80::1", PRIVATE},
        {"febf::1", PRIVATE},
        {"fec0::1", 0},
        {"ff02::1", MULTICAST},
        {"::ffff:127.0.0.1", PRIVATE | LOOPBACK},
        {"::ffff:10.1.2.3", PRIVATE},
        {"::ffff:224.0.0.1", MULTICAST},
        {"::ffff:192.0.2.1", 0},
    };
    (void)state;
    for (size_t i = 0; i < count_of(cases); i++) {
        struct address address;
        assert_int_equal(address_parse_ip(cases[i].text, &address), 0);
        int kinds = (address_is_private(&address) ? PRIVATE : 0) |
                    (address_is_loopback(&address) ? LOOPBACK : 0) |
                    (address_is_multicast(&address) ? MULTICAST : 0);
        if (kinds != cases[i].kinds)
            fail_msg("%s: %d", cases[i].text, kinds);
    }
}

static void mapped_addresses_become_ipv4(void **state)
{
    struct address mapped, plain;
    (void)state;
    assert_int_equal(address_parse("[::ffff:192.0.2.1]:80", &mapped), 0);
    assert_int_equal(address_parse("192.0.2.1:80", &plain), 0);
    struct address unmapped = address_unmapped(&mapped);
    assert_true(address_is_equal(&unmapped, &plain));
    unmapped = address_unmapped(&plain);
    assert_true(address_is_equal(&unmapped, &plain));
}

static void the_hash_depends_on_every_field_and_the_seed(void **state)
{
    enum { COUNT = 4096 };
    static uint8_t seen[65536];
    struct address address;
    int collisions = 0;
    (void)state;
    assert_int_equal(address_parse("192.0.2.1:80", &address), 0);
    uint64_t hash = address_hash(&address, 1);
    assert_int_equal(address_hash(&address, 1), hash);
    assert_int_not_equal(address_hash(&address, 2), hash);
    address.port++;
    assert_int_not_equal(address_hash(&address, 1), hash);
    address.port--;
    for (int i = 0; i < 16; i++) {
        address.ip[i] ^= 1;
        assert_int_not_equal(address_hash(&address, 1), hash);
        address.ip[i] ^= 1;
    }
    for (int i = 0; i < COUNT; i++) { /* neighbours spread over a table's low bits */
        address.port = (uint16_t)(1024 + i);
        collisions += seen[address_hash(&address, 99) & 65535]++ > 0;
    }
    assert_true(collisions < 250); /* 128 are to be expected */
}

static void endpoints_are_names_or_addresses(void **state)
{
    static const struct {
        const char *text;
        uint16_t default_port;
        const char *formatted;
        bool is_name;
    } cases[] = {
        {"example.org:443", 0, "example.org:443", true},
        {"Example.ORG.", 80, "example.org:80", true},
        {"example.org:8080", 80, "example.org:8080", true},
        {"_dmarc.x-y.a1", 53, "_dmarc.x-y.a1:53", true},
        {"localhost", 1, "localhost:1", true},
        {"192.0.2.1", 80, "192.0.2.1:80", false},
        {"192.0.2.1:81", 80, "192.0.2.1:81", false},
        {"[2001:db8::1]", 80, "[2001:db8::1]:80", false},
        {"[2001:db8::1]:81", 80, "[2001:db8::1]:81", false},
        {"2001:db8::1", 80, "[2001:db8::1]:80", false},
        {"1.2.3.4.example", 80, "1.2.3.4.example:80", true},
    };
    (void)state;
    for (size_t i = 0; i < count_of(cases); i++) {
        struct endpoint endpoint, again;
        char text[ENDPOINT_TEXT_MAX];
        if (endpoint_parse(cases[i].text, cases[i].default_port, &endpoint) != 0)
            fail_msg("\"%s\" was refused", cases[i].text);
        assert_string_equal(endpoint_format(&endpoint, text), cases[i].formatted);
        assert_int_equal(endpoint_is_name(&endpoint), cases[i].is_name);
        assert_int_equal(endpoint_parse(text, 0, &again), 0);
        assert_true(endpoint_is_equal(&endpoint, &again));
    }
}

static void malformed_endpoints_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        ".",
        ".org",
        "a..b",
        "a b",
        "a/b",
        "user@host",
        "h\xc3\xa4st",
        "*.example.org",
        "host:",
        "host:0",
        "host:http",
        "host:80:80",
        "[host]",
        "[::1",
        "[::1]x",
        "::1]",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "127.1",
        "12345",
        "a.1",
        "1:2:3",
        "a..",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org",
    };
    (void)state;
    for (size_t i = 0; i < count_of(texts); i++) {
        struct endpoint endpoint = {.address.port = 7};
        if (endpoint_parse(texts[i], 80, &endpoint) != -EINVAL)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_int_equal(endpoint.address.port, 7);
    }
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse("example.org", 0, &endpoint), -EINVAL);
}

static void the_longest_name_is_253_bytes(void **state)
{
    char text[300];
    struct endpoint endpoint;
    (void)state;
    for (int i = 0; i < 300; i++)
        text[i] = i % 2 ? '.' : 'a';
    assert_int_equal(endpoint_from_host(text, 253, 80, &endpoint), 0);
    assert_int_equal(strlen(endpoint.name), 253);
    assert_int_equal(endpoint_from_host(text, 254, 80, &endpoint), 0); /* its last is a dot */
    assert_int_equal(endpoint_from_host(text, 255, 80, &endpoint), -EINVAL);
    assert_int_equal(endpoint_from_host(text, 0, 80, &endpoint), -EINVAL);
    assert_int_equal(endpoint_from_host("a\0b", 3, 80, &endpoint), -EINVAL);
    assert_int_equal(endpoint_from_host("1.2.3.4\0", 8, 80, &endpoint), -EINVAL);
}

static void an_endpoint_is_made_of_an_address(void **state)
{
    struct address address;
    char text[ENDPOINT_TEXT_MAX];
    (void)state;
    assert_int_equal(address_parse("192.0.2.1:80", &address), 0);
    struct endpoint endpoint = endpoint_from_address(&address);
    assert_false(endpoint_is_name(&endpoint));
    assert_string_equal(endpoint_format(&endpoint, text), "192.0.2.1:80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_parsed_and_formatted_alike),
        cmocka_unit_test(malformed_addresses_are_refused),
        cmocka_unit_test(an_ip_alone_has_no_port),
        cmocka_unit_test(socket_addresses_go_both_ways),
        cmocka_unit_test(kinds_of_addresses_are_told_apart),
        cmocka_unit_test(mapped_addresses_become_ipv4),
        cmocka_unit_test(the_hash_depends_on_every_field_and_the_seed),
        cmocka_unit_test(endpoints_are_names_or_addresses),
        cmocka_unit_test(malformed_endpoints_are_refused),
        cmocka_unit_test(the_longest_name_is_253_bytes),
        cmocka_unit_test(an_endpoint_is_made_of_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
