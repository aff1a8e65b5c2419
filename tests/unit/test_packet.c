#include "tests/fake/tun_rig.h"
#include "tun2socks/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[PACKET_BYTES_MAX];
static struct packet packet;

static size_t make_tcp(const char *from, const char *to)
{
    struct segment segment = {.from = rig_address(from),
                              .to = rig_address(to),
                              .seq = 0x01020304,
                              .ack = 0x05060708,
                              .flags = PSH | ACK,
                              .window = 1000,
                              .data = "hello",
                              .size = 5};
    return packet_tcp(bytes, &segment);
}

static void reads_tcp_of_both_families(void **state)
{
    const char *pairs[][2] = {{"10.0.0.1:1234", "192.0.2.7:80"},
                              {"[fd00::1]:1234", "[2001:db8::7]:80"}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct address from = rig_address(pairs[i][0]);
        struct address to = rig_address(pairs[i][1]);
        size_t size = make_tcp(pairs[i][0], pairs[i][1]);
        assert_int_equal(packet_parse(bytes, size, &packet), 0);
        assert_true(address_is_equal(&packet.from, &from));
        assert_true(address_is_equal(&packet.to, &to));
        assert_int_equal(packet.sequence, 0x01020304);
        assert_int_equal(packet.acknowledged, 0x05060708);
        assert_int_equal(packet.tcp_flags, TCP_FLAG_PSH | TCP_FLAG_ACK);
        assert_int_equal(packet.payload_size, 25);
        assert_memory_equal(packet.payload + packet.tcp_header_size, "hello", 5);
        assert_true(packet_has_valid_checksum(&packet));
        packet.payload[24] ^= 1;
        assert_false(packet_has_valid_checksum(&packet));
    }
}

static void ignores_bytes_behind_the_packet(void **state)
{
    size_t size = make_tcp("10.0.0.1:1", "192.0.2.7:80");
    (void)state;
    memset(bytes + size, 0xee, 30);
    assert_int_equal(packet_parse(bytes, size + 30, &packet), 0);
    assert_int_equal(packet.size, size);
    assert_int_equal(packet.payload_size, 25);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        size_t size = v6 ? make_tcp("[fd00::1]:1", "[2001:db8::7]:80")
                         : make_tcp("10.0.0.1:1", "192.0.2.7:80");
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(packet_parse(bytes, cut, &packet), -EBADMSG);
    }
}

static void refuses_a_wrong_header_checksum(void **state)
{
    size_t size = make_tcp("10.0.0.1:1", "192.0.2.7:80");
    (void)state;
    bytes[10] ^= 1;
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void refuses_bad_tcp_header_lengths(void **state)
{
    size_t size = make_tcp("10.0.0.1:1", "192.0.2.7:80");
    (void)state;
    bytes[20 + 12] = 4 << 4;
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
    bytes[20 + 12] = 7 << 4; /* 28 of 25 bytes */
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void refuses_broken_tcp_options(void **state)
{
    static const struct {
        uint8_t options[4];
        int result;
    } cases[] = {{{1, 1, 1, 1}, 0},        {{0, 9, 9, 9}, 0},          {{2, 4, 5, 0xb4}, 0},
                 {{1, 8, 3, 1}, 0},        {{1, 1, 1, 2}, -EBADMSG},   {{2, 5, 5, 0xb4}, -EBADMSG},
                 {{3, 0, 1, 1}, -EBADMSG}, {{254, 1, 1, 1}, -EBADMSG}, {{1, 1, 8, 3}, -EBADMSG}};
    struct segment segment = {.from = rig_address("10.0.0.1:1"),
                              .to = rig_address("192.0.2.7:80"),
                              .flags = ACK,
                              .options_size = 4};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        segment.options = cases[i].options;
        size_t size = packet_tcp(bytes, &segment);
        assert_int_equal(packet_parse(bytes, size, &packet), cases[i].result);
    }
}

static void skips_ipv4_options(void **state)
{
    size_t size = make_tcp("10.0.0.1:1", "192.0.2.7:80");
    (void)state;
    memmove(bytes + 28, bytes + 20, size - 20);
    memset(bytes + 20, 1, 8); /* no operation */
    bytes[0] = 0x47;
    bytes[3] = (uint8_t)(size + 8);
    packet_fix_header(bytes);
    assert_int_equal(packet_parse(bytes, size + 8, &packet), 0);
    assert_int_equal(packet.payload - packet.data, 28);
    assert_true(packet_has_valid_checksum(&packet));
}

/* Puts one extension header of `size` bytes in front of what follows the IPv6 header. */
static size_t insert_extension(size_t total, uint8_t kind, size_t size)
{
    memmove(bytes + 40 + size, bytes + 40, total - 40);
    memset(bytes + 40, 0, size);
    bytes[40] = bytes[6];
    bytes[41] = (uint8_t)(size / 8 - 1);
    bytes[6] = kind;
    size_t payload = (size_t)(bytes[4] << 8 | bytes[5]) + size;
    bytes[4] = (uint8_t)(payload >> 8);
    bytes[5] = (uint8_t)payload;
    return total + size;
}

static void skips_ipv6_extension_headers(void **state)
{
    size_t size = make_tcp("[fd00::1]:1", "[2001:db8::7]:80");
    (void)state;
    size = insert_extension(size, IPPROTO_DSTOPTS, 16);
    size = insert_extension(size, IPPROTO_ROUTING, 8);
    size = insert_extension(size, IPPROTO_HOPOPTS, 8);
    assert_int_equal(packet_parse(bytes, size, &packet), 0);
    assert_int_equal(packet.protocol, IPPROTO_TCP);
    assert_true(packet_has_valid_checksum(&packet));
}

static void refuses_endless_extension_headers(void **state)
{
    size_t size = make_tcp("[fd00::1]:1", "[2001:db8::7]:80");
    (void)state;
    for (int i = 0; i < 20; i++)
        size = insert_extension(size, IPPROTO_DSTOPTS, 8);
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void refuses_hop_by_hop_options_in_the_middle(void **state)
{
    size_t size = make_tcp("[fd00::1]:1", "[2001:db8::7]:80");
    (void)state;
    size = insert_extension(size, IPPROTO_HOPOPTS, 8);
    size = insert_extension(size, IPPROTO_DSTOPTS, 8);
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void refuses_to_be_routed_through(void **state)
{
    size_t size = make_tcp("[fd00::1]:1", "[2001:db8::7]:80");
    (void)state;
    size = insert_extension(size, IPPROTO_ROUTING, 8);
    bytes[43] = 1; /* segments left */
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void takes_an_atomic_fragment_as_a_whole(void **state)
{
    size_t size = make_tcp("[fd00::1]:1", "[2001:db8::7]:80");
    (void)state;
    size = insert_extension(size, IPPROTO_FRAGMENT, 8);
    assert_int_equal(packet_parse(bytes, size, &packet), 0);
    assert_false(packet.fragment.is_one);
    assert_int_equal(packet.to.port, 80);
}

static void knows_martians(void **state)
{
    static const char *const pairs[][2] = {
        {"127.0.0.1:1", "192.0.2.7:80"},     {"0.0.0.0:1", "192.0.2.7:80"},
        {"224.0.0.1:1", "192.0.2.7:80"},     {"255.255.255.255:1", "192.0.2.7:80"},
        {"10.0.0.1:1", "127.0.0.1:80"},      {"10.0.0.1:1", "224.0.0.251:80"},
        {"10.0.0.1:1", "255.255.255.255:1"}, {"10.0.0.1:80", "10.0.0.1:80"},
        {"10.0.0.1:1", "0.0.0.0:80"},        {"10.0.0.1:1", "240.0.0.1:80"},
        {"[::1]:1", "[2001:db8::7]:80"},     {"[fd00::1]:1", "[ff02::fb]:80"},
        {"[fd00::1]:1", "[::]:80"},          {"[fd00::1]:1", "[::ffff:192.0.2.1]:80"},
        {"[fd00::1]:1", "[fe80::1]:80"},     {"[fd00::1]:9", "[fd00::1]:9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t size = make_tcp(pairs[i][0], pairs[i][1]);
        assert_int_equal(packet_parse(bytes, size, &packet), -EADDRNOTAVAIL);
    }
}

static void udp_may_be_shorter_than_its_packet(void **state)
{
    struct address from = rig_address("10.0.0.1:1");
    struct address to = rig_address("192.0.2.7:53");
    size_t size = packet_udp(bytes, &from, &to, "hello", 5);
    (void)state;
    bytes[25] = 10;           /* two bytes of payload */
    memset(bytes + 26, 0, 2); /* no checksum */
    assert_int_equal(packet_parse(bytes, size, &packet), 0);
    assert_int_equal(packet.payload_size, 10);
    assert_true(packet_has_valid_checksum(&packet));
    bytes[25] = 14;
    assert_int_equal(packet_parse(bytes, size, &packet), -EBADMSG);
}

static void udp_over_ipv6_needs_a_checksum(void **state)
{
    struct address from = rig_address("[fd00::1]:1");
    struct address to = rig_address("[2001:db8::7]:53");
    size_t size = packet_udp(bytes, &from, &to, "hello", 5);
    (void)state;
    memset(bytes + 46, 0, 2);
    assert_int_equal(packet_parse(bytes, size, &packet), 0);
    assert_false(packet_has_valid_checksum(&packet));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tcp_of_both_families),
        cmocka_unit_test(ignores_bytes_behind_the_packet),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_a_wrong_header_checksum),
        cmocka_unit_test(refuses_bad_tcp_header_lengths),
        cmocka_unit_test(refuses_broken_tcp_options),
        cmocka_unit_test(skips_ipv4_options),
        cmocka_unit_test(skips_ipv6_extension_headers),
        cmocka_unit_test(refuses_endless_extension_headers),
        cmocka_unit_test(refuses_hop_by_hop_options_in_the_middle),
        cmocka_unit_test(refuses_to_be_routed_through),
        cmocka_unit_test(takes_an_atomic_fragment_as_a_whole),
        cmocka_unit_test(knows_martians),
        cmocka_unit_test(udp_may_be_shorter_than_its_packet),
        cmocka_unit_test(udp_over_ipv6_needs_a_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
