/* The path between the application and us loses, repeats, reorders and cuts. */
#include "tests/fake/tun_connection.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PIECE  ((size_t)1000)
#define PIECES ((size_t)40)

static struct seen seen;

static void put_piece(struct tun_connection *f, size_t from, size_t size)
{
    client_send_at(&f->client, f->client.seq + (uint32_t)from, ACK, pattern + from, size);
}

static void pieces_in_reverse(void **state)
{
    struct tun_connection *f = *state;
    for (size_t i = PIECES; i-- > 0;)
        put_piece(f, i * PIECE, PIECE);
    tun_connection_expect(f, pattern, PIECES * PIECE);
}

static void pieces_repeated_and_shuffled(void **state)
{
    struct tun_connection *f = *state;
    unsigned seed = 12345;
    for (size_t i = 0; i < 4 * PIECES; i++) {
        seed = seed * 1103515245 + 12345;
        put_piece(f, (seed >> 16) % PIECES * PIECE, PIECE);
    }
    for (size_t i = 0; i < PIECES; i++)
        put_piece(f, i * PIECE, PIECE);
    tun_connection_expect(f, pattern, PIECES * PIECE);
}

static void pieces_that_overlap(void **state)
{
    struct tun_connection *f = *state;
    unsigned seed = 54321;
    for (int i = 0; i < 300; i++) {
        seed = seed * 1103515245 + 12345;
        size_t from = (seed >> 16) % (PIECES * PIECE - 1);
        seed = seed * 1103515245 + 12345;
        size_t size = (seed >> 16) % 3000 + 1;
        if (from + size > PIECES * PIECE)
            size = PIECES * PIECE - from;
        put_piece(f, from, size);
    }
    for (size_t at = 0; at < PIECES * PIECE; at += PIECE / 2)
        put_piece(f, at, PIECE / 2);
    tun_connection_expect(f, pattern, PIECES * PIECE);
}

static void pieces_beyond_the_window(void **state)
{
    enum { WINDOW_BYTES = 128 * 1024 };
    struct tun_connection *f = *state;
    uint32_t seq = f->client.seq;
    for (uint32_t at = WINDOW_BYTES - 500; at >= 1000; at -= 1000)
        client_send_at(&f->client, seq + at, ACK, pattern + at, 1000);
    for (uint32_t at = 0; at < WINDOW_BYTES; at += 1000)
        client_send_at(&f->client, seq + at, ACK, pattern + at, 1000);
    rig_drain(&f->rig);
    assert_true(stream_write_bytes(f->stream, "still there", 11) == 11);
}

static void an_end_that_overtakes_the_bytes(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    client_send_at(&f->client, f->client.seq + 2 * (uint32_t)PIECE, FIN | ACK, pattern + 2 * PIECE,
                   PIECE);
    put_piece(f, PIECE, PIECE);
    assert_int_equal(stream_peek(f->stream, &span, 1), 0);
    put_piece(f, 0, PIECE);
    tun_connection_expect(f, pattern, 3 * PIECE);
    stream_consume(f->stream, 3 * PIECE);
    assert_int_equal(stream_peek(f->stream, &span, 1), ERR_EOF);
}

static void old_segments_are_acknowledged_again(void **state)
{
    struct tun_connection *f = *state;
    client_send(&f->client, ACK, pattern, PIECE);
    rig_pass_ms(&f->rig, 500);
    rig_drain(&f->rig);
    client_send_at(&f->client, f->client.seq - (uint32_t)PIECE, ACK, pattern, PIECE);
    client_expect(&f->client, ACK, &seen);
    assert_int_equal(seen.ack, f->client.seq);
    tun_connection_expect(f, pattern, PIECE);
}

/* Takes what comes in order and drops by `lose`; acknowledges like a kernel, every packet at once.
 */
static size_t receive_lossy(struct tun_connection *f, uint8_t *to, bool (*lose)(unsigned n),
                            unsigned *n)
{
    size_t size = 0;
    while (rig_next(&f->rig, &seen)) {
        if (seen.size == 0)
            continue;
        if (lose((*n)++))
            continue;
        if (seen.seq == f->client.ack) {
            memcpy(to + size, seen.data, seen.size);
            size += seen.size;
            f->client.ack += (uint32_t)seen.size;
        }
        client_send(&f->client, ACK, NULL, 0);
    }
    return size;
}

static void send_lossy(struct tun_connection *f, bool (*lose)(unsigned n))
{
    static uint8_t got[sizeof(pattern)];
    size_t written = 0;
    size_t received = 0;
    unsigned n = 0;
    for (int i = 0; i < 2000 && received < sizeof(pattern); i++) {
        written +=
            (size_t)stream_write_bytes(f->stream, pattern + written, sizeof(pattern) - written);
        rig_turn(&f->rig);
        received += receive_lossy(f, got + received, lose, &n);
        rig_pass_ms(&f->rig, 100);
    }
    assert_int_equal(received, sizeof(pattern));
    assert_memory_equal(got, pattern, sizeof(pattern));
}

static bool every_tenth(unsigned n)
{
    return n % 10 == 3;
}

static void lost_packets_are_sent_again(void **state)
{
    send_lossy(*state, every_tenth);
}

static bool a_long_silence(unsigned n)
{
    return n >= 20 && n < 26;
}

static void everything_lost_for_a_while(void **state)
{
    send_lossy(*state, a_long_silence);
}

static void a_client_that_vanished_is_given_up(void **state)
{
    struct tun_connection *f = *state;
    struct span span;
    stream_write_bytes(f->stream, pattern, PIECE);
    for (int i = 0; i < 600 && stream_peek(f->stream, &span, 1) == 0; i++) {
        rig_pass_ms(&f->rig, 1000);
        rig_drain(&f->rig);
    }
    assert_int_equal(stream_peek(f->stream, &span, 1), -ETIMEDOUT);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 0);
}

/* Another client has asked, and is answered. */
static struct stream *admit_another(struct tun_connection *f, struct rig_client *client)
{
    struct stream *stream;
    client_init(client, &f->rig, "10.0.0.2:4000", "192.0.2.7:80");
    client_send(client, SYN, NULL, 0);
    f->rig.inbound_count = 0;
    assert_int_equal(inbound_admit(f->rig.inbounds[0], &stream), 0);
    return stream;
}

static void assert_is_written_to(struct tun_connection *f, struct rig_client *client,
                                 struct stream *stream)
{
    assert_int_equal(stream_write_bytes(stream, pattern, 20000), 20000);
    rig_turn(&f->rig);
    client_expect(client, ACK, &seen);
    assert_int_equal(seen.size, 1460);
}

static void a_lost_syn_ack_is_sent_again(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client client;
    struct stream *stream = admit_another(f, &client);
    client_expect(&client, SYN | ACK, &seen);
    uint32_t first = seen.seq;
    client_send_at(&client, client.seq - 1, SYN, NULL, 0); /* it asks again */
    client_expect(&client, SYN | ACK, &seen);
    assert_int_equal(seen.seq, first);
    rig_pass_ms(&f->rig, 3000);
    client_expect(&client, SYN | ACK, &seen); /* or we do */
    client.ack = seen.seq + 1;
    rig_drain(&f->rig);
    client_send(&client, ACK, NULL, 0);
    assert_is_written_to(f, &client, stream);
    stream_abort(stream);
}

/* What it sent while its target was dialed may all arrive at once, behind a busy worker's back. */
static void many_copies_of_the_syn_end_nothing(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client client;
    struct stream *stream = admit_another(f, &client);
    struct span span;
    client_expect(&client, SYN | ACK, &seen);
    for (int i = 0; i < 20; i++)
        client_send_at(&client, client.seq - 1, SYN, NULL, 0);
    rig_pass_ms(&f->rig, 1000);
    rig_drain(&f->rig);
    client.ack = seen.seq + 1;
    client_send(&client, ACK, NULL, 0);
    assert_int_equal(stream_peek(stream, &span, 1), 0);
    assert_is_written_to(f, &client, stream);
    stream_abort(stream);
}

static void a_handshake_that_never_ends_is_given_up(void **state)
{
    struct tun_connection *f = *state;
    struct rig_client client;
    struct stream *stream = admit_another(f, &client);
    struct span span;
    rig_pass_ms(&f->rig, 60000);
    assert_true(stream_peek(stream, &span, 1) < 0);
    assert_int_equal(netstack_stats(f->rig.netstack).tcp, 1);
    stream_close(stream);
}

#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, tun_connection_set_up, tun_connection_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pieces_in_reverse),
        CASE(pieces_repeated_and_shuffled),
        CASE(pieces_that_overlap),
        CASE(pieces_beyond_the_window),
        CASE(an_end_that_overtakes_the_bytes),
        CASE(old_segments_are_acknowledged_again),
        CASE(lost_packets_are_sent_again),
        CASE(everything_lost_for_a_while),
        CASE(a_client_that_vanished_is_given_up),
        CASE(a_lost_syn_ack_is_sent_again),
        CASE(many_copies_of_the_syn_end_nothing),
        CASE(a_handshake_that_never_ends_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
