/* TCP by the book towards the application, packet by packet. */
#include "tests/fake/tun_rig.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct seen seen;
static uint8_t payload[200000];

struct fixture {
    struct tun_rig rig;
    struct rig_client client;
    struct stream *stream;
};

static int set_up_with(void **state, const char *from, const char *to)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct netstack_options options = rig_options();
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 31 + i / 251);
    rig_open(&f->rig, &options, false);
    client_init(&f->client, &f->rig, from, to);
    f->stream = client_connect(&f->client);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, "10.0.0.1:4000", "192.0.2.7:80");
}

static int set_up_v6(void **state)
{
    return set_up_with(state, "[fd00::1]:4000", "[2001:db8::7]:80");
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stream_abort(f->stream);
    rig_close(&f->rig);
    free(f);
    return 0;
}

static void expect_unread(struct fixture *f, const void *data, size_t size)
{
    static uint8_t got[PACKET_BYTES_MAX * 2];
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), size);
    assert_memory_equal(got, data, size);
}

/* What the netstack sends from here on, put together; acknowledges each packet. */
static size_t receive_all(struct fixture *f, uint8_t *to, size_t capacity, bool *ret_fin)
{
    size_t size = 0;
    *ret_fin = false;
    while (rig_next(&f->rig, &seen)) {
        if (seen.size == 0 && !(seen.flags & FIN))
            continue;
        assert_int_equal(seen.seq, f->client.ack);
        assert_true(size + seen.size <= capacity);
        memcpy(to + size, seen.data, seen.size);
        size += seen.size;
        *ret_fin = (seen.flags & FIN) != 0;
        f->client.ack += (uint32_t)seen.size + (*ret_fin ? 1 : 0);
        client_send(&f->client, ACK, NULL, 0);
    }
    return size;
}

static void the_syn_ack_offers_mss_and_scale(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    client_send(&f->client, ACK | PSH, "hello ", 6);
    client_send(&f->client, ACK | PSH, "world", 5);
    expect_unread(f, "hello world", 11);
    client_expect(&f->client, ACK, &seen); /* at the latest for every second segment */
    assert_int_equal(seen.ack, f->client.seq);
    stream_consume(f->stream, 6);
    expect_unread(f, "world", 5);
}

static void bytes_go_down(void **state)
{
    static uint8_t got[100000];
    struct fixture *f = *state;
    bool fin;
    assert_int_equal(stream_write_bytes(f->stream, payload, 60000), 60000);
    rig_turn(&f->rig);
    assert_int_equal(receive_all(f, got, sizeof(got), &fin), 60000);
    assert_memory_equal(got, payload, 60000);
    assert_false(fin);
}

static void bytes_may_be_written_before_the_handshake_ends(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct chunk *chunk = chunk_new(loop_chunks(f->rig.loop), 8192);
    struct span span = {.data = chunk->data, .size = 8192, .chunk = chunk};
    static uint8_t got[10000];
    bool fin;
    memcpy(chunk->data, payload, 8192);
    assert_int_equal(stream_write(f->stream, &span, 1), 8192);
    assert_true(chunk->refs > 1);
    rig_turn(&f->rig);
    assert_true(chunk->refs > 1);
    assert_int_equal(receive_all(f, got, sizeof(got), &fin), 8192);
    assert_memory_equal(got, payload, 8192);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
}

static void a_full_send_queue_takes_less_and_wakes_later(void **state)
{
    static uint8_t got[300000];
    struct fixture *f = *state;
    bool fin;
    size_t taken = 0;
    for (ssize_t part = 1; part > 0; taken += (size_t)part)
        part = stream_write_bytes(f->stream, payload, 50000);
    assert_int_equal(taken, 128 * 1024);
    rig_turn(&f->rig);
    assert_int_equal(receive_all(f, got, sizeof(got), &fin), taken);
    assert_int_equal(stream_write_bytes(f->stream, payload, 50000), 50000);
}

static void the_window_closes_and_opens_with_the_reader(void **state)
{
    struct fixture *f = *state;
    size_t sent = 0;
    while (sent < 128 * 1024) {
        client_send(&f->client, ACK, payload, 1024);
        sent += 1024;
        rig_drain(&f->rig);
    }
    client_send_at(&f->client, f->client.seq, ACK, "more", 4); /* beyond the window */
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.window, 0);
    assert_int_equal(seen.ack, f->client.seq);
    stream_consume(f->stream, 64 * 1024);
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_in_range(seen.window << 7, 65000, 65536);
    client_send(&f->client, ACK, "more", 4);
    stream_consume(f->stream, 64 * 1024);
    expect_unread(f, "more", 4);
}

static void small_unread_pieces_are_packed(void **state)
{
    struct fixture *f = *state;
    struct span spans[64];
    for (int i = 0; i < 2000; i++)
        client_send(&f->client, ACK, payload + i, 1);
    rig_drain(&f->rig);
    assert_true(stream_peek(f->stream, spans, 64) < 4);
    expect_unread(f, payload, 2000);
}

/* lwIP believes a smaller window only if it comes with a later sequence number. */
static void close_window(struct fixture *f)
{
    client_send(&f->client, ACK, "x", 1);
    f->client.window = 0;
    client_send(&f->client, ACK, "y", 1);
}

static void a_client_window_of_zero_is_respected_and_probed(void **state)
{
    struct fixture *f = *state;
    close_window(f);
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
    struct fixture *f = *state;
    close_window(f);
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
    struct fixture *f = *state;
    struct rig_client client;
    struct stream *stream;
    client_init(&client, &f->rig, "10.0.0.2:4000", "192.0.2.7:25");
    client.window = 0;
    client_send(&client, SYN, NULL, 0);
    f->rig.inbound_count = 0;
    assert_int_equal(inbound_admit(f->rig.inbounds[0], &stream), 0);
    assert_int_equal(stream_write_bytes(stream, payload, 4000), 4000);
    client_expect(&client, SYN | ACK, &seen);
    client.ack = seen.seq + 1;
    client.window = 100;
    client_send(&client, ACK, NULL, 0);
    assert_int_equal(stream_write_bytes(stream, payload, 4000), 4000);
    rig_turn(&f->rig);
    stream_abort(stream);
}

static void a_shrunken_window_does_not_stall(void **state)
{
    static uint8_t got[70000];
    struct fixture *f = *state;
    bool fin;
    client_send(&f->client, ACK, "x", 1);
    f->client.window = 1000; /* less than one segment */
    client_send(&f->client, ACK, "y", 1);
    assert_int_equal(stream_write_bytes(f->stream, payload, 20000), 20000);
    rig_turn(&f->rig);
    size_t size = receive_all(f, got, sizeof(got), &fin);
    for (int i = 0; i < 200 && size < 20000; i++) {
        rig_pass_ms(&f->rig, 500);
        size += receive_all(f, got + size, sizeof(got) - size, &fin);
    }
    assert_int_equal(size, 20000);
    assert_memory_equal(got, payload, 20000);
}

static void the_clients_end_is_an_end(void **state)
{
    static uint8_t got[1000];
    struct span span;
    struct fixture *f = *state;
    bool fin;
    client_send(&f->client, FIN | ACK, "last", 4);
    expect_unread(f, "last", 4);
    stream_consume(f->stream, 4);
    assert_int_equal(stream_peek(f->stream, &span, 1), ERR_EOF);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    assert_int_equal(stream_write_bytes(f->stream, "answer", 6), 6);
    assert_int_equal(stream_finish(f->stream), 0);
    rig_turn(&f->rig);
    assert_int_equal(receive_all(f, got, sizeof(got), &fin), 6);
    assert_true(fin);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void our_end_leaves_the_other_direction_open(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(stream_finish(f->stream), 0);
    rig_turn(&f->rig);
    client_expect(&f->client, FIN | ACK, &seen);
    f->client.ack = seen.seq + 1;
    client_send(&f->client, ACK, NULL, 0);
    rig_pass_ms(&f->rig, 60000);
    client_send(&f->client, ACK, "still here", 10);
    expect_unread(f, "still here", 10);
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
}

static void both_ends_at_once(void **state)
{
    struct fixture *f = *state;
    struct span span;
    stream_finish(f->stream);
    rig_turn(&f->rig);
    client_expect(&f->client, FIN | ACK, &seen);
    client_send(&f->client, FIN | ACK, NULL, 0); /* has not seen ours */
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    f->client.ack += 1;
    client_send(&f->client, ACK, NULL, 0);
    assert_int_equal(stream_peek(f->stream, &span, 1), ERR_EOF);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void a_reset_from_the_client(void **state)
{
    struct fixture *f = *state;
    struct span span;
    client_send_at(&f->client, f->client.seq + 5, RST, NULL, 0); /* in the window: challenged */
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(stream_peek(f->stream, &span, 1), 0);
    client_send_at(&f->client, f->client.seq + 500000, RST, NULL, 0); /* outside: nothing */
    assert_false(rig_next(&f->rig, &seen));
    client_send_at(&f->client, f->client.seq, RST, NULL, 0);
    assert_int_equal(stream_peek(f->stream, &span, 1), -ECONNRESET);
    assert_int_equal(stream_write_bytes(f->stream, "x", 1), -ECONNRESET);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
    assert_false(rig_next(&f->rig, &seen));
}

static void a_syn_inside_the_window_is_challenged(void **state)
{
    struct fixture *f = *state;
    struct span span;
    client_send_at(&f->client, f->client.seq + 5, SYN, NULL, 0);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    assert_int_equal(stream_peek(f->stream, &span, 1), 0);
    assert_int_equal(f->rig.inbound_count, 0);
}

static void abort_is_a_reset(void **state)
{
    struct fixture *f = *state;
    stream_write_bytes(f->stream, payload, 10000);
    stream_abort(f->stream);
    f->stream = NULL;
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void close_delivers_what_was_taken(void **state)
{
    static uint8_t got[100000];
    struct fixture *f = *state;
    bool fin;
    client_send(&f->client, ACK, "unread", 6);
    stream_write_bytes(f->stream, payload, 90000);
    stream_close(f->stream);
    f->stream = NULL;
    rig_turn(&f->rig);
    client_send(&f->client, ACK, "and more that nobody reads", 26);
    assert_int_equal(receive_all(f, got, sizeof(got), &fin), 90000);
    assert_memory_equal(got, payload, 90000);
    assert_true(fin);
    client_send(&f->client, ACK, "even now", 8); /* everything arrived: no patience any more */
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void a_closed_connection_does_not_stay_for_ever(void **state)
{
    struct fixture *f = *state;
    stream_close(f->stream);
    f->stream = NULL;
    rig_turn(&f->rig);
    client_expect(&f->client, FIN | ACK, &seen);
    f->client.ack = seen.seq + 1;
    client_send(&f->client, ACK, NULL, 0); /* and never a FIN */
    rig_pass_ms(&f->rig, 30000);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void a_closed_connection_with_a_stopped_reader_ends(void **state)
{
    struct fixture *f = *state;
    close_window(f);
    stream_write_bytes(f->stream, payload, 1000);
    stream_close(f->stream);
    f->stream = NULL;
    for (int i = 0; i < 200; i++) {
        rig_pass_ms(&f->rig, 1000);
        while (rig_next(&f->rig, &seen)) /* it answers every probe, as kernels do */
            if (seen.size > 0)
                client_send(&f->client, ACK, NULL, 0);
    }
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void a_port_may_be_used_again_at_once(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        stream_close(f->stream);
        rig_turn(&f->rig);
        client_expect(&f->client, FIN | ACK, &seen);
        f->client.ack = seen.seq + 1;
        client_send(&f->client, FIN | ACK, NULL, 0);
        client_expect(&f->client, ACK, &seen);
        assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
        f->client.seq += 100000;
        f->stream = client_connect(&f->client);
    }
    client_send(&f->client, ACK, "hello", 5);
    expect_unread(f, "hello", 5);
}

static void urgent_data_is_plain_data(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, ACK | URG, "urgent", 6);
    expect_unread(f, "urgent", 6);
}

static void an_mss_option_in_the_middle_changes_nothing(void **state)
{
    static const uint8_t tiny_mss[] = {2, 4, 0, 1};
    static uint8_t packet[PACKET_BYTES_MAX];
    struct fixture *f = *state;
    stream_write_bytes(f->stream, payload, 5000);
    struct segment segment = {.from = f->client.address,
                              .to = f->client.target,
                              .seq = f->client.seq,
                              .ack = f->client.ack,
                              .flags = ACK,
                              .window = 65535,
                              .options = tiny_mss,
                              .options_size = 4};
    rig_put(&f->rig, packet, packet_tcp(packet, &segment));
    assert_int_equal(stream_write_bytes(f->stream, payload, 5000), 5000);
    rig_turn(&f->rig);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.size, 1460);
}

static void nothing_wakes_an_idle_connection(void **state)
{
    struct fixture *f = *state;
    client_send(&f->client, ACK, "hello", 5);
    rig_pass_ms(&f->rig, 1000);
    client_expect(&f->client, ACK, &seen);
    rig_pass_ms(&f->rig, 20000);
    assert_false(rig_next(&f->rig, &seen));
}

static void closing_the_netstack_resets(void **state)
{
    struct fixture *f = *state;
    struct span span;
    netstack_close(f->rig.netstack);
    f->rig.netstack = NULL;
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(stream_peek(f->stream, &span, 1), -ENETDOWN);
    assert_int_equal(stream_write_bytes(f->stream, "x", 1), -ENETDOWN);
    stream_close(f->stream);
    f->stream = NULL;
}

#define CASE(name)    cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CASE_V6(name) cmocka_unit_test_setup_teardown(name, set_up_v6, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_syn_ack_offers_mss_and_scale),
        CASE(bytes_go_up),
        CASE_V6(bytes_go_up),
        CASE(bytes_go_down),
        CASE_V6(bytes_go_down),
        CASE(bytes_may_be_written_before_the_handshake_ends),
        CASE(writes_from_a_chunk_are_held_until_acknowledged),
        CASE(a_full_send_queue_takes_less_and_wakes_later),
        CASE(the_window_closes_and_opens_with_the_reader),
        CASE(small_unread_pieces_are_packed),
        CASE(a_client_window_of_zero_is_respected_and_probed),
        CASE(a_probe_may_be_all_there_was_to_send),
        CASE(a_window_may_begin_at_zero),
        CASE(a_shrunken_window_does_not_stall),
        CASE(the_clients_end_is_an_end),
        CASE(our_end_leaves_the_other_direction_open),
        CASE(both_ends_at_once),
        CASE(a_reset_from_the_client),
        CASE(a_syn_inside_the_window_is_challenged),
        CASE(abort_is_a_reset),
        CASE(close_delivers_what_was_taken),
        CASE(a_closed_connection_does_not_stay_for_ever),
        CASE(a_closed_connection_with_a_stopped_reader_ends),
        CASE(a_port_may_be_used_again_at_once),
        CASE(urgent_data_is_plain_data),
        CASE(an_mss_option_in_the_middle_changes_nothing),
        CASE(nothing_wakes_an_idle_connection),
        CASE(closing_the_netstack_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
