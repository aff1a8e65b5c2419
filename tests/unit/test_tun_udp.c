#include "tests/fake/tun_rig.h"
#include "tun2socks/packet.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

enum { USO = 5 };

static struct seen seen;
static uint8_t packet[PACKET_BYTES_MAX];
static uint8_t payload[PACKET_BYTES_MAX];

static int open_rig(void **state, bool with_vnet)
{
    struct tun_rig *rig = malloc(sizeof(*rig));
    struct netstack_options options = rig_options();
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 31 + i / 251);
    rig_open(rig, &options, with_vnet);
    *state = rig;
    return 0;
}

static int set_up(void **state)
{
    return open_rig(state, false);
}

static int set_up_vnet(void **state)
{
    return open_rig(state, true);
}

static int tear_down(void **state)
{
    struct tun_rig *rig = *state;
    if (rig->dgram)
        dgram_close(rig->dgram);
    rig_close(rig);
    free(rig);
    return 0;
}

static void put(struct tun_rig *rig, const char *from, const char *to, const void *data,
                size_t size)
{
    struct address src = rig_address(from);
    struct address dst = rig_address(to);
    rig_put(rig, packet, packet_udp(packet, &src, &dst, data, size));
}

static const char *const pairs[][2] = {{"10.0.0.1:4000", "192.0.2.7:53"},
                                       {"[fd00::1]:4000", "[2001:db8::7]:53"}};

static void a_datagram_and_its_answer(void **state)
{
    struct tun_rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        struct address client = rig_address(pairs[family][0]);
        struct address server = rig_address(pairs[family][1]);
        put(rig, pairs[family][0], pairs[family][1], "question", 8);
        assert_int_equal(rig->dgram_count, 1);
        assert_true(address_is_equal(&rig->dgram->client, &client));
        assert_true(address_is_equal(&rig->peer.address, &server));
        assert_int_equal(rig->datagram_size, 8);
        assert_memory_equal(rig->datagram, "question", 8);
        assert_int_equal(dgram_send(rig->dgram, &rig->peer, "answer", 6), 0);
        assert_true(rig_next(rig, &seen));
        assert_true(address_is_equal(&seen.from, &server));
        assert_true(address_is_equal(&seen.to, &client));
        assert_int_equal(seen.size, 6);
        assert_memory_equal(seen.data, "answer", 6);
        dgram_close(rig->dgram);
        rig->dgram = NULL;
        rig->dgram_count = 0;
    }
}

static void one_socket_talks_to_many_and_anybody_answers(void **state)
{
    struct tun_rig *rig = *state;
    struct endpoint stranger = {.address = rig_address("203.0.113.9:999")};
    struct endpoint other_family = {.address = rig_address("[2001:db8::7]:53")};
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", "a", 1);
    put(rig, "10.0.0.1:4000", "192.0.2.8:54", "b", 1);
    assert_int_equal(rig->dgram_count, 1);
    assert_int_equal(rig->datagram_count, 2);
    assert_int_equal(dgram_send(rig->dgram, &stranger, "hi", 2), 0);
    assert_true(rig_next(rig, &seen));
    assert_true(address_is_equal(&seen.from, &stranger.address));
    assert_int_equal(dgram_send(rig->dgram, &other_family, "hi", 2), -EINVAL);
}

static void an_empty_datagram_is_one(void **state)
{
    struct tun_rig *rig = *state;
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", NULL, 0);
    assert_int_equal(rig->datagram_count, 1);
    assert_int_equal(rig->datagram_size, 0);
    assert_int_equal(dgram_send(rig->dgram, &rig->peer, NULL, 0), 0);
    assert_true(rig_next(rig, &seen));
    assert_int_equal(seen.size, 0);
}

static void refusing_is_port_unreachable(void **state)
{
    struct tun_rig *rig = *state;
    rig->refuses_udp = true;
    put(rig, pairs[0][0], pairs[0][1], "x", 1);
    assert_true(rig_next(rig, &seen));
    assert_int_equal(seen.protocol, IPPROTO_ICMP);
    assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 3 << 8 | 3);
    assert_memory_equal(seen.payload + 8, packet, 29); /* the datagram itself */
    dgram_close(rig->dgram);
    put(rig, pairs[1][0], pairs[1][1], "x", 1);
    assert_true(rig_next(rig, &seen));
    assert_int_equal(seen.protocol, IPPROTO_ICMPV6);
    assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 1 << 8 | 4);
    assert_memory_equal(seen.payload + 8, packet, 49);
    dgram_refuse(rig->dgram); /* outside of on_datagram: nothing to refuse */
    assert_false(rig_next(rig, &seen));
}

/* Whoever kept a datagram and finds that nobody takes it quotes headers that find the socket. */
static void refusing_late_is_port_unreachable_too(void **state)
{
    struct tun_rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        struct packet quote;
        put(rig, pairs[family][0], pairs[family][1], "kept", 4);
        dgram_refuse_late(rig->dgram, &rig->peer, "kept", 4);
        assert_true(rig_next(rig, &seen));
        assert_int_equal(seen.protocol, family == 0 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
        assert_int_equal(seen.payload[0] << 8 | seen.payload[1],
                         family == 0 ? 3 << 8 | 3 : 1 << 8 | 4);
        assert_int_equal(packet_parse_quote(seen.payload + 8, seen.payload_size - 8, &quote), 0);
        assert_int_equal(quote.protocol, IPPROTO_UDP);
        assert_true(address_is_equal(&quote.from, &rig->dgram->client));
        assert_true(address_is_equal(&quote.to, &rig->peer.address));
        struct endpoint other = {.address = rig_address(pairs[1 - family][1])};
        dgram_refuse_late(rig->dgram, &other, "kept", 4);
        assert_false(rig_next(rig, &seen));
        dgram_close(rig->dgram);
        rig->dgram = NULL;
    }
}

static void large_answers_are_fragmented(void **state)
{
    static uint8_t whole[PACKET_BYTES_MAX];
    struct tun_rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        size_t size = 0;
        bool has_more = true;
        put(rig, pairs[family][0], pairs[family][1], "x", 1);
        assert_int_equal(dgram_send(rig->dgram, &rig->peer, payload, 10000), 0);
        while (has_more) {
            assert_true(rig_next(rig, &seen));
            assert_true(seen.total <= 1500);
            assert_true(seen.is_fragment);
            assert_int_equal(seen.fragment_offset, size);
            memcpy(whole + size, seen.payload, seen.payload_size);
            size += seen.payload_size;
            has_more = seen.has_more;
        }
        assert_int_equal(size, 10008);
        /* As one packet its checksum must be right. */
        seen.total = packet_ip(seen.bytes, &seen.from, &seen.to, IPPROTO_UDP, whole, size);
        assert_true(seen_read(&seen));
        assert_memory_equal(seen.data, payload, 10000);
        dgram_close(rig->dgram);
        rig->dgram = NULL;
    }
}

static void too_large_answers_are_an_error(void **state)
{
    struct tun_rig *rig = *state;
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", "x", 1);
    assert_int_equal(dgram_send(rig->dgram, &rig->peer, payload, 65508), -EMSGSIZE);
    assert_int_equal(dgram_send(rig->dgram, &rig->peer, payload, 65507), 0);
}

static void fragments_arrive_as_one(void **state)
{
    static uint8_t whole[PACKET_BYTES_MAX];
    struct tun_rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        struct address src = rig_address(pairs[family][0]);
        struct address dst = rig_address(pairs[family][1]);
        size_t total = packet_udp(whole, &src, &dst, payload, 5000) - (family ? 40 : 20);
        for (size_t at = 0; at < total; at += 1400) {
            size_t part = total - at < 1400 ? total - at : 1400;
            rig_put(rig, packet, packet_fragment_of(packet, whole, at, part, at + part < total, 5));
        }
        assert_int_equal(rig->datagram_size, 5000);
        assert_memory_equal(rig->datagram, payload, 5000);
        dgram_close(rig->dgram);
        rig->dgram = NULL;
    }
}

static void a_broken_checksum_is_not_heard(void **state)
{
    struct tun_rig *rig = *state;
    struct address src = rig_address("10.0.0.1:4000");
    struct address dst = rig_address("192.0.2.7:53");
    size_t size = packet_udp(packet, &src, &dst, "hello", 5);
    packet[size - 1] ^= 1;
    rig_put(rig, packet, size);
    assert_int_equal(rig->dgram_count, 0);
    assert_int_equal(netstack_stats(rig->netstack).bad_packets, 1);
}

static void idle_sockets_end_by_themselves(void **state)
{
    struct tun_rig *rig = *state;
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", "x", 1);
    rig_pass_ms(rig, 40000);
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", "x", 1); /* stays awake */
    rig_pass_ms(rig, 40000);
    assert_int_equal(rig->end_count, 0);
    dgram_send(rig->dgram, &rig->peer, "y", 1); /* the answer counts, too */
    rig_pass_ms(rig, 40000);
    assert_int_equal(rig->end_count, 0);
    rig_pass_ms(rig, 30000);
    assert_int_equal(rig->end_count, 1);
    assert_int_equal(rig->end_err, -ETIMEDOUT);
    assert_int_equal(netstack_stats(rig->netstack).udp, 0);
    assert_int_equal(dgram_send(rig->dgram, &rig->peer, "y", 1), -EPIPE);
}

static void a_closed_application_socket_ends_it(void **state)
{
    static uint8_t error[PACKET_BYTES_MAX];
    struct tun_rig *rig = *state;
    uint8_t icmp[8 + 48] = {3, 3};
    put(rig, "10.0.0.1:4000", "192.0.2.7:53", "x", 1);
    dgram_send(rig->dgram, &rig->peer, "answer", 6);
    assert_true(rig_next(rig, &seen));
    /* What the kernel answers when nobody reads that port: the quoted answer. */
    memcpy(icmp + 8, seen.bytes, 28);
    uint32_t sum = 0;
    for (int i = 0; i < 36; i += 2)
        sum += (uint32_t)(icmp[i] << 8 | icmp[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
    rig_put(rig, error, packet_ip(error, &seen.to, &seen.from, IPPROTO_ICMP, icmp, 36));
    assert_int_equal(rig->end_count, 1);
    assert_int_equal(rig->end_err, -ECONNREFUSED);
}

static void at_the_limit_new_sockets_are_refused(void **state)
{
    struct tun_rig *rig = *state;
    struct dgram *all[100];
    for (int i = 0; i < 110; i++) {
        char from[32];
        snprintf(from, sizeof(from), "10.0.0.1:%d", 4000 + i);
        put(rig, from, "192.0.2.7:9", "x", 1);
        if (i < 100)
            all[i] = rig->dgram;
        else
            assert_true(rig_next(rig, &seen) && seen.protocol == IPPROTO_ICMP);
    }
    assert_int_equal(rig->dgram_count, 100);
    assert_int_equal(netstack_stats(rig->netstack).refused_udp, 10);
    for (int i = 0; i < 99; i++)
        dgram_close(all[i]);
    assert_int_equal(netstack_stats(rig->netstack).udp, 1);
}

static void multicast_is_nobodys(void **state)
{
    struct tun_rig *rig = *state;
    put(rig, "10.0.0.1:5353", "224.0.0.251:5353", "x", 1);
    put(rig, "[fd00::1]:5353", "[ff02::fb]:5353", "x", 1);
    put(rig, "10.0.0.1:68", "255.255.255.255:67", "x", 1);
    assert_int_equal(rig->dgram_count, 0);
    assert_false(rig_next(rig, &seen));
}

/* A superpacket: one header, the payload of several datagrams, and the checksum left to us. */
static void a_udp_superpacket_is_many_datagrams(void **state)
{
    struct tun_rig *rig = *state;
    struct address src = rig_address("10.0.0.1:4000");
    struct address dst = rig_address("192.0.2.7:53");
    size_t size = packet_udp(packet, &src, &dst, payload, 1000 * 4 + 200);
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                    .gso_type = USO,
                                    .gso_size = 1000,
                                    .hdr_len = 28,
                                    .csum_start = 20,
                                    .csum_offset = 6};
    struct iovec parts[] = {{&header, sizeof(header)}, {packet, size}};
    assert_true(writev(rig->fd, parts, 2) > 0);
    rig_turn(rig);
    assert_int_equal(rig->datagram_count, 5);
    assert_int_equal(rig->datagram_size, 200);
    assert_memory_equal(rig->datagram, payload + 4000, 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void expect_train(struct tun_rig *rig, size_t at, size_t size, size_t piece)
{
    assert_true(rig_next(rig, &seen));
    assert_int_equal(seen.size, size);
    assert_memory_equal(seen.data, payload + at, size);
    assert_int_equal(rig->said.gso_type, size > piece ? USO : 0);
    assert_int_equal(rig->said.gso_size, size > piece ? piece : 0);
}

static void answers_that_follow_each_other_are_a_superpacket(void **state)
{
    struct tun_rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        put(rig, pairs[family][0], pairs[family][1], "x", 1);
        for (size_t i = 0; i < 10; i++) /* the last one is shorter */
            dgram_send(rig->dgram, &rig->peer, payload + i * 100, i < 9 ? 100 : 30);
        dgram_send(rig->dgram, &rig->peer, payload, 200);
        dgram_send(rig->dgram, &rig->peer, payload + 200, 200);
        dgram_send(rig->dgram, &rig->peer, payload, 10000); /* in fragments, after them */
        expect_train(rig, 0, 100, 100);
        expect_train(rig, 100, 830, 100);
        expect_train(rig, 0, 200, 200);
        expect_train(rig, 200, 200, 200);
        assert_true(rig_next(rig, &seen) && seen.is_fragment);
        rig_drain(rig);
        for (size_t i = 0; i < 100; i++)
            dgram_send(rig->dgram, &rig->peer, payload + i * 400, 400);
        rig_turn(rig);
        expect_train(rig, 0, 400, 400);
        expect_train(rig, 400, 64UL * 400, 400);
        expect_train(rig, 65UL * 400, 35UL * 400, 400);
        dgram_close(rig->dgram);
        rig->dgram = NULL;
        assert_false(rig_next(rig, &seen));
    }
}

static void without_superpackets_each_goes_alone(void **state)
{
    struct tun_rig *rig = *state;
    put(rig, pairs[0][0], pairs[0][1], "x", 1);
    for (size_t i = 0; i < 5; i++)
        dgram_send(rig->dgram, &rig->peer, payload + i * 100, 100);
    for (size_t i = 0; i < 5; i++)
        expect_train(rig, i * 100, 100, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_datagram_and_its_answer),
        CASE(one_socket_talks_to_many_and_anybody_answers),
        CASE(an_empty_datagram_is_one),
        CASE(refusing_is_port_unreachable),
        CASE(refusing_late_is_port_unreachable_too),
        CASE(large_answers_are_fragmented),
        CASE(too_large_answers_are_an_error),
        CASE(fragments_arrive_as_one),
        CASE(a_broken_checksum_is_not_heard),
        CASE(idle_sockets_end_by_themselves),
        CASE(a_closed_application_socket_ends_it),
        CASE(at_the_limit_new_sockets_are_refused),
        CASE(multicast_is_nobodys),
        cmocka_unit_test_setup_teardown(answers_that_follow_each_other_are_a_superpacket,
                                        set_up_vnet, tear_down),
        cmocka_unit_test_setup_teardown(without_superpackets_each_goes_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_udp_superpacket_is_many_datagrams, set_up_vnet,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
