/* How TCP connections end: by the book, rudely, never. */
#include "tests/fake/tun_connection.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct seen seen;

static void the_clients_end_is_an_end(void **state)
{
    static uint8_t got[1000];
    struct span span;
    struct tun_connection *f = *state;
    bool fin;
    client_send(&f->client, FIN | ACK, "last", 4);
    tun_connection_expect(f, "last", 4);
    stream_consume(f->stream, 4);
    assert_int_equal(stream_peek(f->stream, &span, 1), ERR_EOF);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    assert_int_equal(stream_write_bytes(f->stream, "answer", 6), 6);
    assert_int_equal(stream_finish(f->stream), 0);
    rig_turn(&f->rig);
    assert_int_equal(tun_connection_receive(f, got, sizeof(got), &fin), 6);
    assert_true(fin);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void our_end_leaves_the_other_direction_open(void **state)
{
    struct tun_connection *f = *state;
    assert_int_equal(stream_finish(f->stream), 0);
    rig_turn(&f->rig);
    client_expect(&f->client, FIN | ACK, &seen);
    f->client.ack = seen.seq + 1;
    client_send(&f->client, ACK, NULL, 0);
    rig_pass_ms(&f->rig, 60000);
    client_send(&f->client, ACK, "still here", 10);
    tun_connection_expect(f, "still here", 10);
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
}

static void both_ends_at_once(void **state)
{
    struct tun_connection *f = *state;
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
    struct tun_connection *f = *state;
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
    struct tun_connection *f = *state;
    struct span span;
    client_send_at(&f->client, f->client.seq + 5, SYN, NULL, 0);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    assert_int_equal(stream_peek(f->stream, &span, 1), 0);
    assert_int_equal(f->rig.inbound_count, 0);
}

/* Few bytes in front of a reset are readable first; where many wait nobody takes them, and the
 * reset must not wait with them. */
static void a_reset_behind_unread_bytes(void **state)
{
    enum { PIECE = 1000, MANY = 100 }; /* the window is 128 KiB */
    struct tun_connection *f = *state;
    struct span spans[STREAM_SPANS];
    client_send(&f->client, ACK, pattern, PIECE);
    assert_true(stream_peek(f->stream, spans, STREAM_SPANS) > 0);
    for (size_t i = 1; i < MANY; i++)
        client_send(&f->client, ACK, pattern + i * PIECE, PIECE);
    assert_true(stream_peek(f->stream, spans, STREAM_SPANS) > 0);
    client_send_at(&f->client, f->client.seq, RST, NULL, 0);
    assert_int_equal(stream_peek(f->stream, spans, STREAM_SPANS), -ECONNRESET);
}

static void few_bytes_before_a_reset_are_not_lost(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    client_send(&f->client, ACK, "last words", 10);
    client_send_at(&f->client, f->client.seq, RST, NULL, 0);
    tun_connection_expect(f, "last words", 10);
    stream_consume(f->stream, 10);
    assert_int_equal(stream_peek(f->stream, &span, 1), -ECONNRESET);
}

static void abort_is_a_reset(void **state)
{
    struct tun_connection *f = *state;
    stream_write_bytes(f->stream, pattern, 10000);
    stream_abort(f->stream);
    f->stream = NULL;
    while (rig_next(&f->rig, &seen) && !(seen.flags & RST))
        ;
    assert_int_equal(seen.flags, RST | ACK);
    assert_false(rig_next(&f->rig, &seen));
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void close_delivers_what_was_taken(void **state)
{
    static uint8_t got[100000];
    struct tun_connection *f = *state;
    bool fin;
    client_send(&f->client, ACK, "unread", 6);
    stream_write_bytes(f->stream, pattern, 90000);
    stream_close(f->stream);
    f->stream = NULL;
    rig_turn(&f->rig);
    client_send(&f->client, ACK, "and more that nobody reads", 26);
    assert_int_equal(tun_connection_receive(f, got, sizeof(got), &fin), 90000);
    assert_memory_equal(got, pattern, 90000);
    assert_true(fin);
    client_send(&f->client, ACK, "even now", 8); /* everything arrived: no patience any more */
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void a_closed_connection_does_not_stay_for_ever(void **state)
{
    struct tun_connection *f = *state;
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
    struct tun_connection *f = *state;
    tun_connection_shrink_window(f, 0);
    stream_write_bytes(f->stream, pattern, 1000);
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
    struct tun_connection *f = *state;
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
    tun_connection_expect(f, "hello", 5);
}

static void nothing_wakes_an_idle_connection(void **state)
{
    struct tun_connection *f = *state;
    client_send(&f->client, ACK, "hello", 5);
    rig_pass_ms(&f->rig, 1000);
    client_expect(&f->client, ACK, &seen);
    rig_pass_ms(&f->rig, 20000);
    assert_false(rig_next(&f->rig, &seen));
}

/* Whoever answers stays. */
static void a_silent_client_is_asked_whether_it_is_there(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    int asked = 0;
    for (int minute = 0; minute < 20; minute++) {
        rig_pass_ms(&f->rig, 60000);
        while (rig_next(&f->rig, &seen)) {
            assert_int_equal(seen.seq, f->client.ack - 1);
            client_send(&f->client, ACK, NULL, 0);
            asked++;
        }
    }
    assert_in_range(asked, 2, 4);
    assert_int_equal(stream_peek(f->stream, &span, 1), 0);
}

static void a_client_that_vanished_while_idle_is_given_up(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    rig_pass_ms(&f->rig, 240000);
    assert_false(rig_next(&f->rig, &seen));
    rig_pass_ms(&f->rig, 360000);
    assert_int_equal(stream_peek(f->stream, &span, 1), -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        client_expect(&f->client, ACK, &seen);
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

static void closing_the_netstack_resets(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    netstack_close(f->rig.netstack);
    f->rig.netstack = NULL;
    client_expect(&f->client, RST | ACK, &seen);
    assert_int_equal(stream_peek(f->stream, &span, 1), -ENETDOWN);
    assert_int_equal(stream_write_bytes(f->stream, "x", 1), -ENETDOWN);
    stream_close(f->stream);
    f->stream = NULL;
}

#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, tun_connection_set_up, tun_connection_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_clients_end_is_an_end),
        CASE(our_end_leaves_the_other_direction_open),
        CASE(both_ends_at_once),
        CASE(a_reset_from_the_client),
        CASE(a_syn_inside_the_window_is_challenged),
        CASE(a_reset_behind_unread_bytes),
        CASE(few_bytes_before_a_reset_are_not_lost),
        CASE(abort_is_a_reset),
        CASE(close_delivers_what_was_taken),
        CASE(a_closed_connection_does_not_stay_for_ever),
        CASE(a_closed_connection_with_a_stopped_reader_ends),
        CASE(a_port_may_be_used_again_at_once),
        CASE(nothing_wakes_an_idle_connection),
        CASE(a_silent_client_is_asked_whether_it_is_there),
        CASE(a_client_that_vanished_while_idle_is_given_up),
        CASE(closing_the_netstack_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
