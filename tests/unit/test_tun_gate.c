/* SYNs before anybody has answered them. */
#include "tests/fake/tun_rig.h"

#include "base/err.h"
#include "tun2socks/syn_gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct seen seen;

static int set_up(void **state)
{
    struct tun_rig *rig = malloc(sizeof(*rig));
    struct netstack_options options = rig_options();
    rig_open(rig, &options, false);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_close(*state);
    free(*state);
    return 0;
}

static struct inbound *take(struct tun_rig *rig)
{
    assert_true(rig->inbound_count > 0);
    return rig->inbounds[--rig->inbound_count];
}

static void a_syn_waits_without_an_answer(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    assert_int_equal(rig->inbound_count, 1);
    assert_false(rig_next(rig, &seen));
    assert_int_equal(netstack_stats(rig->netstack).knocks, 1);
    struct inbound *inbound = take(rig);
    assert_true(address_is_equal(&inbound->client, &client.address));
    assert_true(address_is_equal(&inbound->target.address, &client.target));
    assert_string_equal(inbound->door, "tun");
    inbound_refuse(inbound, -ECONNREFUSED);
}

static void a_repeated_syn_is_no_second_knock(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    client_send_at(&client, client.seq - 1, SYN, NULL, 0);
    assert_int_equal(rig->inbound_count, 1);
    assert_false(rig_next(rig, &seen));
    inbound_refuse(take(rig), 0);
}

static void refusal_by_kind_of_error(void **state)
{
    static const struct {
        int err;
        bool is_reset;
    } cases[] = {{ERR_BLOCKED, true},
                 {ERR_TARGET_REFUSED, true},
                 {ERR_LIMIT, true},
                 {-ETIMEDOUT, true},
                 {ERR_TARGET_UNREACHABLE, false}};
    static const char *const pairs[][2] = {{"10.0.0.1:4000", "192.0.2.7:80"},
                                           {"[fd00::1]:4000", "[2001:db8::7]:80"}};
    struct tun_rig *rig = *state;
    for (size_t i = 0; i < 10; i++) {
        struct rig_client client;
        client_init(&client, rig, pairs[i / 5][0], pairs[i / 5][1]);
        client_send(&client, SYN, NULL, 0);
        inbound_refuse(take(rig), cases[i % 5].err);
        assert_true(rig_next(rig, &seen));
        if (cases[i % 5].is_reset) {
            assert_int_equal(seen.flags, RST | ACK);
            assert_int_equal(seen.ack, client.seq);
        } else if (i < 5) {
            assert_int_equal(seen.protocol, IPPROTO_ICMP);
            assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 3 << 8 | 1);
            assert_memory_equal(seen.payload + 8 + 12, client.address.ip, 4); /* the quote */
        } else {
            assert_int_equal(seen.protocol, IPPROTO_ICMPV6);
            assert_int_equal(seen.payload[0] << 8 | seen.payload[1], 1 << 8 | 3);
        }
        assert_int_equal(netstack_stats(rig->netstack).knocks, 0);
    }
}

static void a_client_that_gives_up_is_gone(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    client_send_at(&client, client.seq + 1000, RST, NULL, 0); /* anybody can send that */
    assert_int_equal(rig->gone_count, 0);
    client_send_at(&client, client.seq, RST, NULL, 0);
    assert_int_equal(rig->gone_count, 1);
    inbound_refuse(take(rig), -ECANCELED);
    assert_false(rig_next(rig, &seen));
}

static void admitting_one_that_is_gone_fails(void **state)
{
    struct tun_rig *rig = *state;
    struct stream *stream = NULL;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    client_send_at(&client, client.seq, RST, NULL, 0);
    assert_int_equal(inbound_admit(take(rig), &stream), -ECONNRESET);
    assert_null(stream);
    assert_int_equal(netstack_stats(rig->netstack).tcp, 0);
}

/* TCP fast open, or whatever it wants to be. */
static void bytes_in_a_syn_are_left_for_later(void **state)
{
    struct tun_rig *rig = *state;
    struct stream *stream;
    struct rig_client client;
    struct span span;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send_at(&client, client.seq, SYN, "hello", 5);
    client.seq += 1;
    assert_int_equal(inbound_admit(take(rig), &stream), 0);
    client_expect(&client, SYN | ACK, &seen);
    assert_int_equal(seen.ack, client.seq);
    client.ack = seen.seq + 1;
    client_send(&client, ACK, "hello", 5);
    assert_int_equal(stream_peek(stream, &span, 1), 1);
    assert_int_equal(span.size, 5);
    stream_abort(stream);
    rig_drain(rig);
    client_send_at(&client, client.seq + 1000, SYN, "hello", 5);
    inbound_refuse(take(rig), ERR_BLOCKED);
    client_expect(&client, RST | ACK, &seen);
}

static struct inbound *let_go; /* by refuse_gone */

static void refuse_gone(void *owner)
{
    struct inbound *inbound = let_go;
    (void)owner;
    let_go = NULL;
    inbound_refuse(inbound, -ECONNRESET);
}

/* The first one's owner lets go of it while it hears of its end. */
static void what_is_replaced_may_be_let_go_of_at_once(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    let_go = rig->inbounds[0];
    let_go->on_gone = refuse_gone;
    client.seq += 5000;
    client_send(&client, SYN, NULL, 0);
    assert_null(let_go);
    assert_int_equal(rig->inbound_count, 2);
    inbound_refuse(rig->inbounds[1], ERR_BLOCKED);
    client_expect(&client, RST | ACK, &seen);
}

static void a_new_attempt_replaces_the_old_one(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    client.seq += 5000;
    client_send(&client, SYN, NULL, 0);
    assert_int_equal(rig->gone_count, 1);
    assert_int_equal(rig->inbound_count, 2);
    inbound_refuse(rig->inbounds[0], -ECANCELED); /* must not touch the second */
    assert_false(rig_next(rig, &seen));
    struct stream *stream;
    assert_int_equal(inbound_admit(rig->inbounds[1], &stream), 0);
    client_expect(&client, SYN | ACK, &seen);
    assert_int_equal(seen.ack, client.seq);
    stream_abort(stream);
    rig->inbound_count = 0;
}

static void a_flood_is_refused_at_the_limit(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    for (int i = 0; i < 500; i++) {
        char address[32];
        snprintf(address, sizeof(address), "10.0.%d.%d:4000", i / 200 + 1, i % 200 + 1);
        client_init(&client, rig, address, "192.0.2.7:80");
        client_send(&client, SYN, NULL, 0);
        if (i >= 32)
            client_expect(&client, RST | ACK, &seen);
    }
    assert_int_equal(rig->inbound_count, 32);
    assert_int_equal(netstack_stats(rig->netstack).knocks, 32);
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp, 500 - 32);
    while (rig->inbound_count > 0)
        inbound_refuse(take(rig), ERR_LIMIT);
    assert_int_equal(netstack_stats(rig->netstack).knocks, 0);
}

static void knock_at(struct tun_rig *rig, struct rig_client *client, int i, const char *target)
{
    char address[32];
    snprintf(address, sizeof(address), "10.%d.%d.%d:4000", i / 40000 + 1, i / 200 % 200 + 1,
             i % 200 + 1);
    client_init(client, rig, address, target);
    client_send(client, SYN, NULL, 0);
}

static int narrow_set_up(void **state)
{
    struct tun_rig *rig = malloc(sizeof(*rig));
    struct netstack_options options = rig_options();
    options.knocks_max = 16;
    options.knocks_per_destination = 4;
    rig_open(rig, &options, false);
    *state = rig;
    return 0;
}

static void one_destination_leaves_room_for_the_others(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    struct stream *stream;
    for (int i = 0; i < 6; i++) {
        char target[32];
        snprintf(target, sizeof(target), "192.0.2.7:%d", 80 + i); /* whatever the port */
        knock_at(rig, &client, i, target);
        if (i >= 4)
            client_expect(&client, RST | ACK, &seen);
    }
    assert_int_equal(rig->inbound_count, 4);
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp_per_destination, 2);
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp, 0);
    knock_at(rig, &client, 10, "192.0.2.8:80");
    assert_int_equal(rig->inbound_count, 5);
    inbound_refuse(take(rig), ERR_LIMIT);
    /* Admitted is not confirmed; a refusal makes room. */
    assert_int_equal(inbound_admit(take(rig), &stream), 0);
    rig_drain(rig);
    knock_at(rig, &client, 11, "192.0.2.7:80");
    client_expect(&client, RST | ACK, &seen);
    inbound_refuse(take(rig), ERR_LIMIT);
    rig_drain(rig);
    knock_at(rig, &client, 12, "192.0.2.7:80");
    assert_int_equal(rig->inbound_count, 3);
    stream_abort(stream);
    while (rig->inbound_count > 0)
        inbound_refuse(take(rig), ERR_LIMIT);
    assert_int_equal(netstack_stats(rig->netstack).half_open, 0);
}

static void a_flood_is_not_answered_without_end(void **state)
{
    enum { KNOCKS = SYN_GATE_ANSWERS_PER_SECOND + 100 };
    struct tun_rig *rig = *state;
    struct rig_client client;
    for (int i = 0; i < 4 + KNOCKS; i++) {
        knock_at(rig, &client, i, "192.0.2.7:80");
        if (i >= 4 && i < 4 + SYN_GATE_ANSWERS_PER_SECOND)
            client_expect(&client, RST | ACK, &seen);
    }
    assert_false(rig_next(rig, &seen));
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp_per_destination, KNOCKS);
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp_silently, 100);
    loop_fake_clock(rig->loop, loop_now_ms(rig->loop) + 1); /* worth a few answers */
    for (int i = 0; i < SYN_GATE_ANSWERS_PER_SECOND / 1000 + 1; i++)
        knock_at(rig, &client, KNOCKS + i, "192.0.2.7:80");
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp_silently, 101);
    while (rig->inbound_count > 0)
        inbound_refuse(take(rig), ERR_LIMIT);
    rig_drain(rig);
}

/* Admitted, but the client never confirms: as a flood from made-up addresses. */
static void unconfirmed_answers_are_half_open_too(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client clients[33];
    struct stream *streams[33];
    for (int i = 0; i < 33; i++) {
        char address[32];
        snprintf(address, sizeof(address), "10.0.1.%d:4000", i + 1);
        client_init(&clients[i], rig, address, "192.0.2.7:80");
        client_send(&clients[i], SYN, NULL, 0);
        if (i == 32)
            break;
        assert_int_equal(inbound_admit(take(rig), &streams[i]), 0);
        assert_true(streams[i]->is_opening);
        client_expect(&clients[i], SYN | ACK, &seen);
        clients[i].ack = seen.seq + 1;
    }
    client_expect(&clients[32], RST | ACK, &seen);
    assert_int_equal(netstack_stats(rig->netstack).half_open, 32);
    assert_int_equal(netstack_stats(rig->netstack).knocks, 0);
    assert_int_equal(netstack_stats(rig->netstack).refused_tcp, 1);
    client_send(&clients[0], ACK, NULL, 0); /* this one is real, and makes room */
    assert_false(streams[0]->is_opening);
    assert_int_equal(netstack_stats(rig->netstack).half_open, 31);
    client_send_at(&clients[32], clients[32].seq - 1, SYN, NULL, 0);
    inbound_refuse(take(rig), ERR_LIMIT);
    rig_drain(rig);
    rig_pass_ms(rig, 6000); /* then the others are given up */
    assert_int_equal(netstack_stats(rig->netstack).half_open, 0);
    assert_int_equal(netstack_stats(rig->netstack).tcp, 1);
    struct span span;
    assert_int_equal(stream_peek(streams[0], &span, 1), 0);
    for (int i = 0; i < 32; i++) {
        assert_true(i == 0 || stream_peek(streams[i], &span, 1) == -ETIMEDOUT);
        stream_abort(streams[i]);
    }
}

static void bytes_for_nobody_are_reset(void **state)
{
    struct tun_rig *rig = *state;
    struct rig_client client;
    client_init(&client, rig, "10.0.0.1:4000", "192.0.2.7:80");
    client.ack = 777;
    client_send(&client, ACK, "hello", 5);
    client_expect(&client, RST, &seen);
    assert_int_equal(seen.seq, 777);
    client_send(&client, FIN, NULL, 0);
    client_expect(&client, RST | ACK, &seen);
    assert_int_equal(seen.ack, client.seq);
    client_send(&client, RST, NULL, 0);
    client_send(&client, SYN | FIN, NULL, 0); /* no sane stack sends it */
    client_expect(&client, RST | ACK, &seen);
    assert_false(rig_next(rig, &seen));
    assert_int_equal(rig->inbound_count, 0);
}

static void a_wrong_checksum_is_not_heard(void **state)
{
    static uint8_t packet[PACKET_BYTES_MAX];
    struct tun_rig *rig = *state;
    struct segment syn = {
        .from = rig_address("10.0.0.1:4000"), .to = rig_address("192.0.2.7:80"), .flags = SYN};
    size_t size = packet_tcp(packet, &syn);
    packet[size - 3] ^= 0x10;
    rig_put(rig, packet, size);
    assert_int_equal(rig->inbound_count, 0);
    assert_false(rig_next(rig, &seen));
    assert_int_equal(netstack_stats(rig->netstack).bad_packets, 1);
}

static void closing_the_netstack_tells_who_waits(void **state)
{
    struct tun_rig rig;
    struct netstack_options options = rig_options();
    struct rig_client client;
    (void)state;
    rig_close(*state); /* there is one at a time */
    rig_open(&rig, &options, false);
    client_init(&client, &rig, "10.0.0.1:4000", "192.0.2.7:80");
    client_send(&client, SYN, NULL, 0);
    netstack_close(rig.netstack);
    rig.netstack = NULL;
    assert_int_equal(rig.gone_count, 1);
    client_expect(&client, RST | ACK, &seen);
    inbound_refuse(take(&rig), -ENETDOWN);
    rig_close(&rig);
    rig_open(*state, &options, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_syn_waits_without_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_syn_is_no_second_knock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusal_by_kind_of_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_gives_up_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(admitting_one_that_is_gone_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_in_a_syn_are_left_for_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_attempt_replaces_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_replaced_may_be_let_go_of_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_refused_at_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_destination_leaves_room_for_the_others, narrow_set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_not_answered_without_end, narrow_set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(unconfirmed_answers_are_half_open_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_for_nobody_are_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_checksum_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_netstack_tells_who_waits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
