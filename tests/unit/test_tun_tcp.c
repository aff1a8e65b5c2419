/* TCP by the book towards the application, packet by packet: bytes and windows. */
#include "tests/fake/tun_connection.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BUFFER_BYTES = 128 * 1024 }; /* of rig_options() */

static struct seen seen;

static void the_syn_ack_offers_mss_and_scale(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client other;
    struct stream *stream;
    client_init(&other, &f->rig, "10.0.0.2:4000", "192.0.2.7:80");
    client_send(&other, SYN, NULL, 0);
    f->rig.inbound_count = 0;
    assert_int_equal(inbound_admit(f->rig.inbounds[0], &stream), 0);
    client_expect(&other, SYN | ACK, &seen);
    assert_int_equal(seen.mss, 1460);
    assert_int_equal(seen.window_scale, 7);
    stream_abort(stream);
}

static void bytes_go_up(void **state)
{
    struct tun_connection *f = *state;
    client_send(&f->client, ACK | PSH, "hello ", 6);
    client_send(&f->client, ACK | PSH, "world", 5);
    tun_connection_expect(f, "hello world", 11);
    stream_consume(f->stream, 6);
    tun_connection_expect(f, "world", 5);
}

static void acknowledgements_wait_but_not_long(void **state)
{
    struct tun_connection *f = *state;
    for (int i = 0; i < 4; i++) { /* a new connection is in a hurry */
        client_send(&f->client, ACK, "x", 1);
        assert_false(rig_next(&f->rig, &seen)); /* but an answer may be quicker */
        rig_pass_ms(&f->rig, 2);
        client_expect(&f->client, ACK, &seen);
        assert_int_equal(seen.ack, f->client.seq);
    }
    client_send(&f->client, ACK, "x", 1);
    assert_false(rig_next(&f->rig, &seen));
    rig_pass_ms(&f->rig, 50);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    client_send(&f->client, ACK, "x", 1);
    client_send(&f->client, ACK, "x", 1); /* every second one at once */
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    client_send(&f->client, ACK, "x", 1);
    stream_write_bytes(f->stream, "answer", 6); /* or with the answer */
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.size, 6);
    assert_int_equal(seen.ack, f->client.seq);
    assert_false(rig_next(&f->rig, &seen));
}

static void bytes_go_down(void **state)
{
    static uint8_t got[100000];
    struct tun_connection *f = *state;
    bool fin;
    assert_int_equal(stream_write_bytes(f->stream, pattern, 60000), 60000);
    rig_turn(&f->rig);
    assert_int_equal(tun_connection_receive(f, got, sizeof(got), &fin), 60000);
    assert_memory_equal(got, pattern, 60000);
    assert_false(fin);
}

static void bytes_may_be_written_before_the_handshake_ends(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client client;
    struct stream *stream;
    client_init(&client, &f->rig, "10.0.0.2:4000", "192.0.2.7:25");
    client_send(&client, SYN, NULL, 0);
    f->rig.inbound_count = 0;
    assert_int_equal(inbound_admit(f->rig.inbounds[0], &stream), 0);
    assert_int_equal(stream_write_bytes(stream, "220 hello\r\n", 11), 11);
    assert_int_equal(stream_finish(stream), 0);
    rig_turn(&f->rig);
    client_expect(&client, SYN | ACK, &seen);
    assert_false(rig_next(&f->rig, &seen));
    client.ack = seen.seq + 1;
    client_send(&client, ACK, NULL, 0);
    client_expect(&client, ACK, &seen);
    assert_int_equal(seen.size, 11);
    assert_memory_equal(seen.data, "220 hello\r\n", 11);
    client_expect(&client, FIN | ACK, &seen);
    stream_abort(stream);
}

static void writes_from_a_chunk_are_held_until_acknowledged(void **state)
{
    struct tun_connection *f = *state;
    struct chunk *chunk = chunk_new(loop_chunks(f->rig.loop), 8192);
    struct span span = {.data = chunk->data, .size = 8192, .chunk = chunk};
    static uint8_t got[10000];
    bool fin;
    memcpy(chunk->data, pattern, 8192);
    assert_int_equal(stream_write(f->stream, &span, 1), 8192);
    assert_true(chunk->refs > 1);
    rig_turn(&f->rig);
    assert_true(chunk->refs > 1);
    assert_int_equal(tun_connection_receive(f, got, sizeof(got), &fin), 8192);
    assert_memory_equal(got, pattern, 8192);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
}

static void a_full_send_queue_takes_less_and_wakes_later(void **state)
{
    static uint8_t got[300000];
    struct tun_connection *f = *state;
    bool fin;
    size_t taken = 0;
    for (ssize_t part = 1; part > 0; taken += (size_t)part)
        part = stream_write_bytes(f->stream, pattern, 50000);
    assert_int_equal(taken, BUFFER_BYTES);
    rig_turn(&f->rig);
    assert_int_equal(tun_connection_receive(f, got, sizeof(got), &fin), taken);
    assert_int_equal(stream_write_bytes(f->stream, pattern, 50000), 50000);
}

static void the_window_closes_and_opens_with_the_reader(void **state)
{
    struct tun_connection *f = *state;
    size_t sent = 0;
    while (sent < BUFFER_BYTES) {
        client_send(&f->client, ACK, pattern, 1024);
        sent += 1024;
        rig_drain(&f->rig);
    }
    client_send_at(&f->client, f->client.seq, ACK, "more", 4); /* beyond the window */
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.window, 0);
    assert_int_equal(seen.ack, f->client.seq);
    stream_consume(f->stream, BUFFER_BYTES / 2);
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_in_range(seen.window << 7, 65000, 65536);
    client_send(&f->client, ACK, "more", 4);
    stream_consume(f->stream, BUFFER_BYTES / 2);
    tun_connection_expect(f, "more", 4);
}

static void without_memory_large_packets_are_dropped_and_small_ones_heard(void **state)
{
    struct tun_connection *f = *state;
    struct chunk_pool *pool = loop_chunks(f->rig.loop);
    chunk_pool_set_limit(pool, chunk_pool_stats(pool).used_bytes);
    client_send(&f->client, ACK, pattern, 20000); /* nothing waits: it is copied */
    tun_connection_expect(f, pattern, 20000);
    client_send_at(&f->client, f->client.seq, ACK, pattern + 20000, 20000);
    tun_connection_expect(f, pattern, 20000);
    assert_int_equal(netstack_stats(f->rig.netstack).dropped_in, 1);
    client_send_at(&f->client, f->client.seq, ACK, pattern + 20000, 100);
    tun_connection_expect(f, pattern, 20100);
    stream_consume(f->stream, 20100);
    client_send_at(&f->client, f->client.seq, ACK, pattern + 20000, 20000);
    tun_connection_expect(f, pattern + 20100, 19900);
}

static void small_unread_pieces_are_packed(void **state)
{
    struct tun_connection *f = *state;
    struct span spans[64];
    for (int i = 0; i < 2000; i++)
        client_send(&f->client, ACK, pattern + i, 1);
    rig_drain(&f->rig);
    assert_true(stream_peek(f->stream, spans, 64) < 4);
    tun_connection_expect(f, pattern, 2000);
}

static void a_client_window_of_zero_is_respected_and_probed(void **state)
{
    struct tun_connection *f = *state;
    tun_connection_shrink_window(f, 0);
    assert_int_equal(stream_write_bytes(f->stream, "hello", 5), 5);
    rig_turn(&f->rig);
    while (rig_next(&f->rig, &seen))
        assert_int_equal(seen.size, 0);
    rig_pass_ms(&f->rig, 4000);
    client_expect(&f->client, ACK, &seen); /* the probe carries one byte */
    assert_int_equal(seen.size, 1);
    f->client.window = 1000;
    client_send(&f->client, ACK, NULL, 0);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.size, 5);
}

static void a_probe_may_be_all_there_was_to_send(void **state)
{
    struct tun_connection *f = *state;
    tun_connection_shrink_window(f, 0);
    assert_int_equal(stream_write_bytes(f->stream, "!", 1), 1);
    rig_pass_ms(&f->rig, 4000);
    rig_drain(&f->rig);
    f->client.ack += 1;
    client_send(&f->client, ACK, "z", 1); /* it took the byte; its window stays shut */
    rig_pass_ms(&f->rig, 10000);
    rig_drain(&f->rig);
    f->client.window = 1000;
    client_send(&f->client, ACK, NULL, 0);
    assert_int_equal(stream_write_bytes(f->stream, "hello", 5), 5);
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.size, 5);
}

static void a_window_may_begin_at_zero(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client client;
    struct stream *stream;
    client_init(&client, &f->rig, "10.0.0.2:4000", "192.0.2.7:25");
    client.window = 0;
    client_send(&client, SYN, NULL, 0);
    f->rig.inbound_count = 0;
    assert_int_equal(inbound_admit(f->rig.inbounds[0], &stream), 0);
    assert_int_equal(stream_write_bytes(stream, pattern, 4000), 4000);
    client_expect(&client, SYN | ACK, &seen);
    client.ack = seen.seq + 1;
    client.window = 100;
    client_send(&client, ACK, NULL, 0);
    assert_int_equal(stream_write_bytes(stream, pattern, 4000), 4000);
    rig_turn(&f->rig);
    stream_abort(stream);
}

static void a_shrunken_window_does_not_stall(void **state)
{
    static uint8_t got[70000];
    struct tun_connection *f = *state;
    bool fin;
    tun_connection_shrink_window(f, 1000); /* less than one segment */
    assert_int_equal(stream_write_bytes(f->stream, pattern, 20000), 20000);
    rig_turn(&f->rig);
    size_t size = tun_connection_receive(f, got, sizeof(got), &fin);
    for (int i = 0; i < 200 && size < 20000; i++) {
        rig_pass_ms(&f->rig, 500);
        size += tun_connection_receive(f, got + size, sizeof(got) - size, &fin);
    }
    assert_int_equal(size, 20000);
    assert_memory_equal(got, pattern, 20000);
}

static void urgent_data_is_plain_data(void **state)
{
    struct tun_connection *f = *state;
    client_send(&f->client, ACK | URG, "urgent", 6);
    tun_connection_expect(f, "urgent", 6);
}

static void an_mss_option_in_the_middle_changes_nothing(void **state)
{
    static const uint8_t tiny_mss[] = {2, 4, 0, 1};
    static uint8_t packet[PACKET_BYTES_MAX];
    struct tun_connection *f = *state;
    stream_write_bytes(f->stream, pattern, 5000);
    struct segment segment = {.from = f->client.address,
                              .to = f->client.target,
                              .seq = f->client.seq,
                              .ack = f->client.ack,
                              .flags = ACK,
                              .window = 65535,
                              .options = tiny_mss,
                              .options_size = 4};
    rig_put(&f->rig, packet, packet_tcp(packet, &segment));
    assert_int_equal(stream_write_bytes(f->stream, pattern, 5000), 5000);
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.size, 1460);
}

#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, tun_connection_set_up, tun_connection_tear_down)
#define CASE_V6(name)                                                                              \
    cmocka_unit_test_setup_teardown(name, tun_connection_set_up_v6, tun_connection_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_syn_ack_offers_mss_and_scale),
        CASE(bytes_go_up),
        CASE_V6(bytes_go_up),
        CASE(acknowledgements_wait_but_not_long),
        CASE(bytes_go_down),
        CASE_V6(bytes_go_down),
        CASE(bytes_may_be_written_before_the_handshake_ends),
        CASE(writes_from_a_chunk_are_held_until_acknowledged),
        CASE(a_full_send_queue_takes_less_and_wakes_later),
        CASE(the_window_closes_and_opens_with_the_reader),
        CASE(without_memory_large_packets_are_dropped_and_small_ones_heard),
        CASE(small_unread_pieces_are_packed),
        CASE(a_client_window_of_zero_is_respected_and_probed),
        CASE(a_probe_may_be_all_there_was_to_send),
        CASE(a_window_may_begin_at_zero),
        CASE(a_shrunken_window_does_not_stall),
        CASE(urgent_data_is_plain_data),
        CASE(an_mss_option_in_the_middle_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
