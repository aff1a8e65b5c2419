#include "tests/fake/tun_rig.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct tun_rig rig;
static struct seen seen;
static uint8_t packet[PACKET_BYTES_MAX];

static const char *const pairs[][2] = {{"10.0.0.1", "192.0.2.7"}, {"fd00::1", "2001:db8::7"}};

static struct address ip(const char *text)
{
    struct address address;
    assert_int_equal(address_parse_ip(text, &address), 0);
    return address;
}

static void put_echo(int family, size_t size)
{
    static const uint8_t data[2000] = "ping";
    struct address from = ip(pairs[family][0]);
    struct address to = ip(pairs[family][1]);
    rig_put(&rig, packet, packet_echo(packet, &from, &to, data, size));
}

static void with_echo(enum netstack_echo echo)
{
    struct netstack_options options = rig_options();
    options.echo = echo;
    rig_open(&rig, &options, false);
}

static void echo_is_answered_when_wanted(void **state)
{
    (void)state;
    with_echo(NETSTACK_ECHO_ANSWER);
    for (int family = 0; family < 2; family++) {
        struct address from = ip(pairs[family][0]);
        put_echo(family, 56);
        assert_true(rig_next(&rig, &seen));
        assert_int_equal(seen.payload[0], family ? 129 : 0);
        assert_true(address_is_equal(&seen.to, &from));
        assert_int_equal(seen.payload_size, 64);
        assert_memory_equal(seen.payload + 8, "ping", 4);
        assert_int_equal(seen.payload[5], 77); /* identifier */
    }
    rig_close(&rig);
}

static void echo_is_refused_by_default(void **state)
{
    (void)state;
    with_echo(NETSTACK_ECHO_REFUSE);
    put_echo(0, 56);
    assert_true(rig_next(&rig, &seen));
    assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 3 << 8 | 13);
    assert_true(seen.total <= 576);
    put_echo(1, 1400);
    assert_true(rig_next(&rig, &seen));
    assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 1 << 8 | 1);
    assert_int_equal(seen.total, 1280);
    rig_close(&rig);
}

static void an_echo_waits_until_its_target_is_found(void **state)
{
    (void)state;
    with_echo(NETSTACK_ECHO_ASK);
    for (int family = 0; family < 2; family++) {
        struct address target = ip(pairs[family][1]);
        struct address other = ip("198.51.100.1");
        rig.echo_count = 0;
        put_echo(family, 56);
        put_echo(family, 56); /* shares the question */
        assert_false(rig_next(&rig, &seen));
        assert_int_equal(rig.echo_count, 1);
        assert_true(address_is_equal(&rig.echo_target, &target));
        netstack_echo_result(rig.netstack, &other, 0);
        assert_false(rig_next(&rig, &seen));
        netstack_echo_result(rig.netstack, &target, 0);
        for (int i = 0; i < 2; i++) {
            assert_true(rig_next(&rig, &seen));
            assert_int_equal(seen.payload[0], family ? 129 : 0);
            assert_memory_equal(seen.payload + 8, "ping", 4);
        }
        assert_false(rig_next(&rig, &seen));
    }
    assert_int_equal(netstack_stats(rig.netstack).echo_answered, 4);
    rig_close(&rig);
}

static void an_echo_to_nowhere_is_told_why(void **state)
{
    static const struct {
        int err, code4, code6;
    } cases[] = {{ERR_TARGET_UNREACHABLE, 1, 3}, {-ETIMEDOUT, 1, 3}, {ERR_BLOCKED, 13, 1}};
    (void)state;
    with_echo(NETSTACK_ECHO_ASK);
    for (int i = 0; i < 6; i++) {
        struct address target = ip(pairs[i % 2][1]);
        put_echo(i % 2, 56);
        netstack_echo_result(rig.netstack, &target, cases[i / 2].err);
        assert_true(rig_next(&rig, &seen));
        assert_int_equal(seen.payload[0], i % 2 ? 1 : 3);
        assert_int_equal(seen.payload[1], i % 2 ? cases[i / 2].code6 : cases[i / 2].code4);
    }
    put_echo(0, 56); /* and one that never hears */
    rig_close(&rig);
}

static void echoes_that_wait_are_limited(void **state)
{
    struct address target = ip(pairs[0][1]);
    int refused = 0;
    (void)state;
    with_echo(NETSTACK_ECHO_ASK);
    for (int i = 0; i < 300; i++) {
        put_echo(0, 1400);
        while (rig_next(&rig, &seen)) {
            assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 3 << 8 | 13);
            refused++;
        }
    }
    assert_true(refused > 100 && refused < 200); /* by their bytes */
    assert_int_equal(rig.echo_count, 1);
    assert_int_equal(netstack_stats(rig.netstack).echo_refused, refused);
    netstack_echo_result(rig.netstack, &target, 0);
    assert_int_equal(netstack_stats(rig.netstack).echo_answered, 300 - refused);
    rig_close(&rig);
}

static void unknown_protocols_are_said_to_be_unknown(void **state)
{
    (void)state;
    with_echo(NETSTACK_ECHO_REFUSE);
    for (int family = 0; family < 2; family++) {
        struct address from = ip(pairs[family][0]);
        struct address to = ip(pairs[family][1]);
        rig_put(&rig, packet, packet_ip(packet, &from, &to, 132, "sctp....", 8));
        assert_true(rig_next(&rig, &seen));
        assert_int_equal(seen.payload[0] << 8 | seen.payload[1], family ? 4 << 8 | 1 : 3 << 8 | 2);
    }
    rig_close(&rig);
}

static void errors_are_never_answered(void **state)
{
    static const uint8_t unreachable[64] = {3, 3, 0xfc, 0xfc};
    struct address from = ip("10.0.0.1");
    struct address to = ip("192.0.2.7");
    struct address multicast = ip("224.0.0.22");
    (void)state;
    with_echo(NETSTACK_ECHO_REFUSE);
    rig_put(&rig, packet, packet_ip(packet, &from, &to, IPPROTO_ICMP, unreachable, 64));
    rig_put(&rig, packet, packet_ip(packet, &from, &multicast, IPPROTO_IGMP, unreachable, 8));
    assert_false(rig_next(&rig, &seen));
    rig_close(&rig);
}

static void a_smaller_path_makes_smaller_packets(void **state)
{
    static uint8_t payload[20000];
    static uint8_t too_big[8 + 28] = {3, 4, 0, 0, 0, 0, 1000 >> 8, 1000 & 255};
    struct rig_client client;
    (void)state;
    with_echo(NETSTACK_ECHO_REFUSE);
    client_init(&client, &rig, "10.0.0.1:4000", "192.0.2.7:80");
    struct stream *stream = client_connect(&client);
    stream_write_bytes(stream, payload, 1460);
    rig_turn(&rig);
    client_expect(&client, ACK, &seen);
    assert_int_equal(seen.size, 1460);
    client.ack += 1460;
    client_send(&client, ACK, NULL, 0);
    memcpy(too_big + 8, seen.bytes, 28);
    uint32_t sum = 0;
    too_big[2] = too_big[3] = 0;
    for (int i = 0; i < 36; i += 2)
        sum += (uint32_t)(too_big[i] << 8 | too_big[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    too_big[2] = (uint8_t)(sum >> 8);
    too_big[3] = (uint8_t)sum;
    rig_put(&rig, packet,
            packet_ip(packet, &client.address, &client.target, IPPROTO_ICMP, too_big, 36));
    stream_write_bytes(stream, payload, 1460);
    rig_turn(&rig);
    client_expect(&client, ACK, &seen);
    assert_int_equal(seen.total, 1000);
    stream_abort(stream);
    rig_close(&rig);
}

/* The client acknowledges only what fits the link between us. */
static void packets_that_vanish_become_smaller(void **state)
{
    static const struct {
        const char *client, *target;
        size_t piece; /* that fits */
    } cases[] = {{"10.0.0.1:4000", "192.0.2.7:80", 1240},
                 {"10.0.0.1:4000", "192.0.2.7:80", 536},
                 {"[fd00::1]:4000", "[2001:db8::7]:80", 1220}};
    static uint8_t payload[20000];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct netstack_options options = rig_options();
        struct rig_client client;
        rig_open(&rig, &options, true);
        client_init(&client, &rig, cases[i].client, cases[i].target);
        struct stream *stream = client_connect(&client);
        assert_int_equal(stream_write_bytes(stream, payload, sizeof(payload)), sizeof(payload));
        size_t piece = SIZE_MAX;
        for (int turn = 0; turn < 80 && piece > cases[i].piece; turn++) {
            rig_pass_ms(&rig, 250);
            while (rig_next(&rig, &seen))
                piece = rig.said.gso_type ? rig.said.gso_size : seen.size;
        }
        assert_true(piece <= cases[i].piece && piece >= cases[i].piece - 200);
        stream_abort(stream);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_answered_when_wanted),
        cmocka_unit_test(echo_is_refused_by_default),
        cmocka_unit_test(an_echo_waits_until_its_target_is_found),
        cmocka_unit_test(an_echo_to_nowhere_is_told_why),
        cmocka_unit_test(echoes_that_wait_are_limited),
        cmocka_unit_test(packets_that_vanish_become_smaller),
        cmocka_unit_test(unknown_protocols_are_said_to_be_unknown),
        cmocka_unit_test(errors_are_never_answered),
        cmocka_unit_test(a_smaller_path_makes_smaller_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
