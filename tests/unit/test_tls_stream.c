#include "base/err.h"
#include "proxy/dialer.h"
#include "proxy/socket_stream.h"
#include "tcp_pair.h"
#include "tls_peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct stream *stream;
    struct tls_peer *peer;
    int peer_fd; /* where there is no peer */
    int wakes;
};

static void on_wake(void *owner)
{
    ((struct fixture *)owner)->wakes++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    f->peer_fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stream_abort(f->stream);
    if (f->peer)
        tls_peer_free(f->peer);
    if (f->peer_fd >= 0)
        close(f->peer_fd);
    loop_run_once(f->loop, 0);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* A stream to a far end that is `f->peer_fd`. */
static int open_stream(struct fixture *f, struct tls_options options)
{
    int fd;
    struct stream *inner;
    tcp_pair(&fd, &f->peer_fd);
    assert_int_equal(socket_stream_new(f->loop, fd, 262144, &inner), 0);
    int err = tls_stream_new(f->loop, inner, &options, &f->stream);
    if (err == 0)
        stream_set_owner(f->stream, on_wake, f);
    return err;
}

static void open_pair(struct fixture *f, struct tls_options options, struct tls_peer_options peer)
{
    if (!options.ca_file)
        options.ca_file = tls_peer_ca_file();
    assert_int_equal(open_stream(f, options), 0);
    f->peer = tls_peer_new(f->peer_fd, &peer);
    f->peer_fd = -1;
}

#define client(...) ((struct tls_options){__VA_ARGS__})
#define server(...) ((struct tls_peer_options){__VA_ARGS__})

/* Turn both sides until the stream has something to say. */
static int wait_for_bytes(struct fixture *f)
{
    struct span span;
    char nothing;
    int result = 0;
    for (int i = 0; i < 2000 && result == 0; i++) {
        if (f->peer)
            tls_peer_receive(f->peer, &nothing, 0);
        loop_run_once(f->loop, 1);
        result = stream_peek(f->stream, &span, 1);
    }
    return result;
}

static void receive(struct fixture *f, char *to, size_t size)
{
    size_t got = 0;
    for (int i = 0; i < 2000 && got < size; i++) {
        ssize_t part = tls_peer_receive(f->peer, to + got, size - got);
        assert_true(part >= 0);
        got += (size_t)part;
        loop_run_once(f->loop, 1);
    }
    assert_int_equal(got, size);
}

static void send_text(struct fixture *f, const char *text)
{
    ssize_t sent = 0;
    for (int i = 0; i < 2000 && sent == 0; i++) {
        loop_run_once(f->loop, 1);
        sent = tls_peer_send(f->peer, text, strlen(text));
    }
    assert_int_equal(sent, strlen(text));
}

static void write_text(struct fixture *f, const char *text)
{
    ssize_t taken = 0;
    char nothing;
    for (int i = 0; i < 2000 && taken == 0; i++) {
        tls_peer_receive(f->peer, &nothing, 0);
        loop_run_once(f->loop, 1);
        taken = stream_write_bytes(f->stream, text, strlen(text));
    }
    assert_int_equal(taken, strlen(text));
}

static void talk(struct fixture *f)
{
    char got[16];
    write_text(f, "hello");
    receive(f, got, 5);
    assert_memory_equal(got, "hello", 5);
    send_text(f, "answer");
    assert_int_equal(wait_for_bytes(f), 1);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 6);
    assert_memory_equal(got, "answer", 6);
    stream_consume(f->stream, 6);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
}

static void test_tls13(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    talk(f);
}

static void test_tls12(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example"),
              server(.name = "proxy.example", .is_tls12 = true));
    talk(f);
}

static void test_an_address_as_name(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "192.0.2.1"), server(.name = "192.0.2.1", .is_address = true));
    talk(f);
}

static void test_alpn(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example", .alpn = "http/1.1"),
              server(.name = "proxy.example", .alpn = "http/1.1"));
    talk(f);
    assert_string_equal(tls_peer_alpn(f->peer), "http/1.1");
}

static void test_nothing_is_taken_before_the_handshake(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    loop_run_once(f->loop, 0);
    assert_int_equal(stream_write_bytes(f->stream, "early", 5), 0);
    int before = f->wakes;
    for (int i = 0; i < 2000 && f->wakes == before; i++) {
        char nothing;
        tls_peer_receive(f->peer, &nothing, 0);
        loop_run_once(f->loop, 1);
    }
    assert_true(f->wakes > before);
    talk(f);
}

static void test_wrong_name(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example"), server(.name = "other.example"));
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
    assert_int_equal(stream_write_bytes(f->stream, "x", 1), ERR_TLS);
    assert_int_equal(stream_finish(f->stream), ERR_TLS);
}

static void test_wrong_address(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "192.0.2.2"), server(.name = "192.0.2.1", .is_address = true));
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
}

static void test_expired(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example"),
              server(.name = "proxy.example", .is_expired = true));
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
}

static void test_unknown_authority(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example", .ca_file = "/etc/ssl/certs/ca-certificates.crt"),
              server(.name = "proxy.example"));
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
}

static void test_insecure_takes_any(void **state)
{
    struct fixture *f = *state;
    open_pair(f, client(.name = "proxy.example", .is_insecure = true),
              server(.name = "other.example", .is_expired = true));
    talk(f);
}

static void test_bad_options(void **state)
{
    struct fixture *f = *state;
    char got;
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = "/nonexistent")), ERR_TLS);
    assert_int_equal(recv(f->peer_fd, &got, 1, 0), -1); /* the inner stream went too */
    assert_int_equal(errno, ECONNRESET);
    close(f->peer_fd);
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = "/etc/hostname")), ERR_TLS);
    close(f->peer_fd);
    assert_int_equal(open_stream(f, client(.alpn = "dot")), -EINVAL);
}

static void test_not_a_tls_server(void **state)
{
    struct fixture *f = *state;
    const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = tls_peer_ca_file())), 0);
    assert_true(send(f->peer_fd, answer, strlen(answer), 0) > 0);
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
}

static void test_end_in_the_handshake(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = tls_peer_ca_file())), 0);
    shutdown(f->peer_fd, SHUT_WR);
    assert_int_equal(wait_for_bytes(f), ERR_TLS);
}

static void test_reset_in_the_handshake(void **state)
{
    struct fixture *f = *state;
    const struct linger reset = {.l_onoff = 1};
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = tls_peer_ca_file())), 0);
    loop_run_once(f->loop, 1);
    setsockopt(f->peer_fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(f->peer_fd);
    f->peer_fd = -1;
    assert_int_equal(wait_for_bytes(f), -ECONNRESET);
}

static void test_closed_in_the_handshake(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_stream(f, client(.name = "a", .ca_file = tls_peer_ca_file())), 0);
    loop_run_once(f->loop, 1);
    stream_close(f->stream);
    f->stream = NULL;
}

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

/* Many records each way, and a reader on either side that is slower than the writer. */
static void test_a_lot_both_ways(void **state)
{
    enum { TOTAL = 3 * 1000 * 1000, PIECE = 100 * 1000 };
    struct fixture *f = *state;
    static uint8_t piece[PIECE];
    size_t up = 0, up_got = 0, down = 0, down_got = 0;
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    for (int turn = 0; turn < 200000 && (up_got < TOTAL || down_got < TOTAL); turn++) {
        size_t size = TOTAL - up < PIECE ? TOTAL - up : PIECE;
        for (size_t i = 0; i < size; i++)
            piece[i] = byte_at(up + i);
        ssize_t taken = stream_write_bytes(f->stream, piece, size);
        assert_true(taken >= 0);
        up += (size_t)taken;
        size = TOTAL - down < PIECE ? TOTAL - down : PIECE;
        for (size_t i = 0; i < size; i++)
            piece[i] = byte_at(down + i);
        taken = size ? tls_peer_send(f->peer, piece, size) : 0;
        assert_true(taken >= 0);
        down += (size_t)taken;
        taken = tls_peer_receive(f->peer, piece, 5000);
        assert_true(taken >= 0);
        for (ssize_t i = 0; i < taken; i++)
            assert_int_equal(piece[i], byte_at(up_got++));
        loop_run_once(f->loop, 0);
        taken = stream_gather(f->stream, piece, 7000);
        assert_true(taken >= 0);
        for (ssize_t i = 0; i < taken; i++)
            assert_int_equal(piece[i], byte_at(down_got++));
        stream_consume(f->stream, (size_t)taken);
    }
    assert_int_equal(up_got, TOTAL);
    assert_int_equal(down_got, TOTAL);
    assert_true(chunk_pool_stats(loop_chunks(f->loop)).used_bytes < 1048576);
}

static void test_half_close(void **state)
{
    struct fixture *f = *state;
    char got[16];
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    write_text(f, "last words");
    assert_int_equal(stream_finish(f->stream), 0);
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
    receive(f, got, 10);
    for (int i = 0; i < 100 && tls_peer_receive(f->peer, got, sizeof(got)) == 0; i++)
        loop_run_once(f->loop, 1);
    assert_int_equal(tls_peer_receive(f->peer, got, sizeof(got)), ERR_EOF);
    send_text(f, "still here");
    assert_int_equal(wait_for_bytes(f), 1);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 10);
    stream_consume(f->stream, 10);
    tls_peer_finish(f->peer);
    assert_int_equal(wait_for_bytes(f), ERR_EOF);
}

/* Finished before the handshake was over: the end waits for it. */
static void test_early_finish(void **state)
{
    struct fixture *f = *state;
    char got[16];
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    assert_int_equal(stream_finish(f->stream), 0);
    ssize_t result = 0;
    for (int i = 0; i < 1000 && result == 0; i++) {
        loop_run_once(f->loop, 1);
        result = tls_peer_receive(f->peer, got, sizeof(got));
    }
    assert_int_equal(result, ERR_EOF);
}

static void test_close_flushes(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[64 * 1024], got[64 * 1024];
    size_t total = 0, received = 0;
    ssize_t taken;
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    talk(f);
    memset(data, 'x', sizeof(data));
    do {
        taken = stream_write_bytes(f->stream, data, sizeof(data));
        assert_true(taken >= 0);
        total += (size_t)taken;
    } while (taken == sizeof(data));
    stream_close(f->stream); /* full, and part of a record still ours */
    f->stream = NULL;
    for (int i = 0; i < 200000; i++) {
        taken = tls_peer_receive(f->peer, got, sizeof(got));
        if (taken < 0)
            break;
        received += (size_t)taken;
        loop_run_once(f->loop, 0);
    }
    assert_int_equal(taken, ERR_EOF);
    assert_int_equal(received, total);
}

static void test_close_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[64 * 1024];
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    talk(f);
    loop_fake_clock(f->loop, 1000);
    while (stream_write_bytes(f->stream, data, sizeof(data)) == sizeof(data))
        ;
    stream_close(f->stream);
    f->stream = NULL;
    loop_run_once(f->loop, 0);
    loop_fake_clock(f->loop, 7000);
    loop_run(f->loop); /* nothing is left */
}

static void test_close_ends_with_the_loop(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[65536];
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    talk(f);
    while (stream_write_bytes(f->stream, data, sizeof(data)) == sizeof(data))
        ;
    stream_close(f->stream); /* it is still flushing when the loop is freed */
    f->stream = NULL;
}

static void test_no_chunk_left_is_a_pause(void **state)
{
    struct fixture *f = *state;
    char got[16];
    open_pair(f, client(.name = "proxy.example"), server(.name = "proxy.example"));
    talk(f);
    struct chunk_pool *pool = loop_chunks(f->loop);
    chunk_pool_set_limit(pool, 0);
    send_text(f, "answer");
    for (int i = 0; i < 10; i++) {
        loop_run_once(f->loop, 1);
        assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
    }
    chunk_pool_set_limit(pool, 1048576);
    int before = f->wakes;
    for (int i = 0; i < 1000 && f->wakes == before; i++)
        loop_run_once(f->loop, 1);
    assert_int_equal(wait_for_bytes(f), 1);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 6);
}

#define tls_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        tls_test(test_tls13),
        tls_test(test_tls12),
        tls_test(test_an_address_as_name),
        tls_test(test_alpn),
        tls_test(test_nothing_is_taken_before_the_handshake),
        tls_test(test_wrong_name),
        tls_test(test_wrong_address),
        tls_test(test_expired),
        tls_test(test_unknown_authority),
        tls_test(test_insecure_takes_any),
        tls_test(test_bad_options),
        tls_test(test_not_a_tls_server),
        tls_test(test_end_in_the_handshake),
        tls_test(test_reset_in_the_handshake),
        tls_test(test_closed_in_the_handshake),
        tls_test(test_a_lot_both_ways),
        tls_test(test_half_close),
        tls_test(test_early_finish),
        tls_test(test_close_flushes),
        tls_test(test_close_does_not_wait_for_ever),
        tls_test(test_close_ends_with_the_loop),
        tls_test(test_no_chunk_left_is_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
