#include "proxy/socket_stream.h"

#include "base/err.h"
#include "tcp_pair.h"
#include "tests/unit/stream_contract.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BUFFER_BYTES = 256 * 1024 };

/* One end is the stream under test, the other a plain non-blocking socket. */
struct fixture {
    struct loop *loop;
    struct stream *stream;
    int peer;
    int wakes;
};

static void on_wake(void *owner)
{
    ((struct fixture *)owner)->wakes++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int fd;
    f->loop = loop_new();
    tcp_pair(&fd, &f->peer);
    assert_int_equal(socket_stream_new(f->loop, fd, BUFFER_BYTES, &f->stream), 0);
    stream_set_owner(f->stream, on_wake, f);
    loop_run_once(f->loop, 0);
    f->wakes = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stream_abort(f->stream);
    if (f->peer >= 0)
        close(f->peer);
    loop_run_once(f->loop, 0);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void wait_for_wake(struct fixture *f)
{
    int before = f->wakes;
    for (int i = 0; i < 3000 && f->wakes == before; i++)
        loop_run_once(f->loop, 10);
    assert_true(f->wakes > before);
}

/* Run until nothing wakes us any more: a stream that spins never gets there. */
static void settle(struct fixture *f)
{
    for (int i = 0; i < 50; i++)
        loop_run_once(f->loop, 0);
    f->wakes = 0;
    for (int i = 0; i < 50; i++)
        loop_run_once(f->loop, 0);
    assert_int_equal(f->wakes, 0);
}

static void send_all(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

static void test_reads_what_was_sent(void **state)
{
    struct fixture *f = *state;
    char got[16];
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
    send_all(f->peer, "hello", 5);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 5);
    assert_memory_equal(got, "hello", 5);
    stream_consume(f->stream, 2);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 3);
    assert_memory_equal(got, "llo", 3);
    stream_consume(f->stream, 3);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
}

static void test_more_arrives_behind_unread_bytes(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "ab", 2);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 2);
    send_all(f->peer, "cd", 2);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 4);
    assert_memory_equal(got, "abcd", 4);
}

/* Who wants one byte more than a read brings, and waits to be woken for it, is. */
static void test_more_than_one_read_was_there(void **state)
{
    static char data[STREAM_PIECE_BYTES + 1], got[sizeof(data)];
    struct fixture *f = *state;
    struct span spans[STREAM_SPANS];
    const int room = 4 * CHUNK_LARGE_BYTES;
    setsockopt(f->peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    memset(data, 'x', sizeof(data));
    send_all(f->peer, data, sizeof(data));
    wait_for_wake(f);
    assert_int_equal(stream_peek(f->stream, spans, STREAM_SPANS), 1);
    assert_in_range(spans[0].size, 1, STREAM_PIECE_BYTES);
    while (stream_gather(f->stream, got, sizeof(got)) < (ssize_t)sizeof(got))
        wait_for_wake(f);
    settle(f);
}

/* A read stops short of the mark, and no news comes of what is behind it (RFC 6093). */
static void test_urgent_data_holds_nothing_up(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "abc", 3);
    assert_int_equal(send(f->peer, "X", 1, MSG_OOB), 1);
    send_all(f->peer, "defg", 4);
    wait_for_wake(f);
    while (stream_gather(f->stream, got, sizeof(got)) < 7)
        wait_for_wake(f);
    assert_memory_equal(got, "abcdefg", 7);
    settle(f);
    send_all(f->peer, "more", 4);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 11);
}

/* Long enough for several reads while memory is short, and nobody waits in vain for the last. */
static void test_small_reads_while_memory_is_short(void **state)
{
    enum { SIZE = 3 * CHUNK_SMALL_BYTES + 100 };
    static char data[SIZE], got[SIZE];
    struct fixture *f = *state;
    chunk_pool_set_limit(loop_chunks(f->loop), 256 * 1024);
    send_all(f->peer, data, SIZE);
    wait_for_wake(f);
    while (stream_gather(f->stream, got, SIZE) < SIZE)
        wait_for_wake(f);
    settle(f);
}

static void test_reads_grow_while_they_come_back_full(void **state)
{
    enum { SIZE = 4 * CHUNK_SMALL_BYTES };
    static char data[SIZE], got[SIZE];
    struct fixture *f = *state;
    chunk_pool_set_limit(loop_chunks(f->loop), 256 * 1024); /* for small chunks */
    send_all(f->peer, data, SIZE);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, SIZE), CHUNK_SMALL_BYTES);
    stream_consume(f->stream, CHUNK_SMALL_BYTES);
    assert_int_equal(stream_gather(f->stream, got, SIZE), SIZE - CHUNK_SMALL_BYTES);
}

/* The first half of an answer and the end behind it come at once. */
static void test_the_end_comes_with_the_bytes(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "half", 4);
    close(f->peer);
    f->peer = -1;
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 4);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 4);
    stream_consume(f->stream, 4);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), ERR_EOF);
    settle(f);
}

static void test_holds_nothing_while_idle(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "hello", 5);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 5);
    assert_true(chunk_pool_stats(loop_chunks(f->loop)).used_bytes < 2048);
    stream_consume(f->stream, 5);
    assert_int_equal(chunk_pool_stats(loop_chunks(f->loop)).used_bytes, 0);
}

static void test_large_reads_stay_in_their_chunk(void **state)
{
    struct fixture *f = *state;
    char data[20000];
    struct span spans[STREAM_SPANS];
    memset(data, 'x', sizeof(data));
    send_all(f->peer, data, sizeof(data));
    wait_for_wake(f);
    assert_int_equal(stream_peek(f->stream, spans, STREAM_SPANS), 1);
    assert_int_equal(spans[0].chunk->capacity, CHUNK_LARGE_BYTES);
    assert_ptr_equal(spans[0].data, spans[0].chunk->data);
}

static void test_unread_bytes_stop_at_the_limit(void **state)
{
    struct fixture *f = *state;
    static char data[64 * 1024];
    size_t seen = 0;
    ssize_t sent, total = 0;
    for (int i = 0; i < 2000; i++) {
        struct span spans[64];
        if ((sent = send(f->peer, data, sizeof(data), MSG_NOSIGNAL)) > 0)
            total += sent;
        loop_run_once(f->loop, 0);
        int count = stream_peek(f->stream, spans, 64);
        seen = 0;
        for (int n = 0; n < count; n++)
            seen += spans[n].size;
    }
    assert_true(total > BUFFER_BYTES);
    assert_int_equal(seen, BUFFER_BYTES);
    assert_true(chunk_pool_stats(loop_chunks(f->loop)).used_bytes < 2 * BUFFER_BYTES + 70000);
    settle(f); /* the kernel still has bytes for us, but we are not to be woken for them */
    stream_consume(f->stream, BUFFER_BYTES);
    struct span span;
    assert_int_equal(stream_peek(f->stream, &span, 1), 1);
}

static void test_no_chunk_left_is_a_pause(void **state)
{
    struct fixture *f = *state;
    char got[16];
    loop_fake_clock(f->loop, 1000);
    chunk_pool_set_limit(loop_chunks(f->loop), 0);
    send_all(f->peer, "hello", 5);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
    settle(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 0);
    chunk_pool_set_limit(loop_chunks(f->loop), CHUNK_LARGE_BYTES + 100);
    loop_fake_clock(f->loop, 2000);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 5);
    assert_memory_equal(got, "hello", 5);
}

static void test_end_comes_after_the_bytes(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "bye", 3);
    shutdown(f->peer, SHUT_WR);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 3);
    stream_consume(f->stream, 3);
    while (stream_gather(f->stream, got, sizeof(got)) != ERR_EOF)
        wait_for_wake(f);
    settle(f);
    /* half closed: the other direction goes on */
    assert_int_equal(stream_write_bytes(f->stream, "still", 5), 5);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 5);
}

static void test_reset_is_an_error_after_the_bytes(void **state)
{
    struct fixture *f = *state;
    const struct linger reset = {.l_onoff = 1};
    char got[16];
    send_all(f->peer, "bye", 3);
    wait_for_wake(f);
    setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(f->peer);
    f->peer = -1;
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 3);
    stream_consume(f->stream, 3);
    while (stream_gather(f->stream, got, sizeof(got)) == 0)
        wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), -ECONNRESET);
    settle(f);
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
}

static void test_failed_write_ends_reading_as_an_error(void **state)
{
    struct fixture *f = *state;
    const struct linger reset = {.l_onoff = 1};
    char got[16];
    setsockopt(f->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(f->peer);
    f->peer = -1;
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), -ECONNRESET);
}

static void test_full_then_woken_for_room(void **state)
{
    struct fixture *f = *state;
    static char data[256 * 1024], sink[256 * 1024];
    struct span span = {.data = (uint8_t *)data, .size = sizeof(data)};
    ssize_t taken;
    do
        taken = stream_write(f->stream, &span, 1);
    while (taken == (ssize_t)sizeof(data));
    assert_true(taken >= 0);
    settle(f);
    while (recv(f->peer, sink, sizeof(sink), 0) > 0)
        loop_run_once(f->loop, 0);
    while (f->wakes == 0) {
        (void)!recv(f->peer, sink, sizeof(sink), 0);
        loop_run_once(f->loop, 1);
    }
    assert_true(stream_write(f->stream, &span, 1) > 0);
}

static void test_finish_is_a_fin(void **state)
{
    struct fixture *f = *state;
    char got[16];
    assert_int_equal(stream_write_bytes(f->stream, "end", 3), 3);
    assert_int_equal(stream_finish(f->stream), 0);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 3);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 0);
    assert_true(stream_write_bytes(f->stream, "x", 1) < 0);
    send_all(f->peer, "more", 4);
    wait_for_wake(f);
    while (stream_gather(f->stream, got, sizeof(got)) == 0)
        wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), 4);
    stream_consume(f->stream, 4);
    shutdown(f->peer, SHUT_WR);
    wait_for_wake(f);
    assert_int_equal(stream_gather(f->stream, got, sizeof(got)), ERR_EOF);
}

static void test_abort_resets(void **state)
{
    struct fixture *f = *state;
    char got[16];
    stream_abort(f->stream);
    f->stream = NULL;
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

/* Bytes that nobody read would turn close(2) into a reset, and the answer would be lost. */
static void test_close_lets_the_last_bytes_arrive(void **state)
{
    struct fixture *f = *state;
    char got[16];
    send_all(f->peer, "ignored", 7);
    assert_int_equal(stream_write_bytes(f->stream, "answer", 6), 6);
    stream_close(f->stream);
    f->stream = NULL;
    send_all(f->peer, "ignored", 7);
    loop_run_once(f->loop, 0);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 6);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 0);
    close(f->peer);
    f->peer = -1;
    loop_run(f->loop); /* returns when the lingering socket is gone */
}

static void test_addresses(void **state)
{
    struct fixture *f = *state;
    struct address local, peer;
    assert_int_equal(socket_stream_local_address(f->stream, &local), 0);
    assert_int_equal(socket_stream_peer_address(f->stream, &peer), 0);
    assert_true(address_is_loopback(&local) && address_is_loopback(&peer));
    assert_int_not_equal(local.port, peer.port);
}

static int open_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    int fd, peer;
    (void)owner;
    tcp_pair(&fd, &peer);
    contract_remote_from_fd(peer, &ret->remote);
    return socket_stream_new(loop, fd, BUFFER_BYTES, &ret->stream);
}

int main(void)
{
    static const struct stream_contract contract = {.name = "socket", .open = open_pair};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_what_was_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_arrives_behind_unread_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_one_read_was_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_urgent_data_holds_nothing_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_small_reads_while_memory_is_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_grow_while_they_come_back_full, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_comes_with_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holds_nothing_while_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_reads_stay_in_their_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unread_bytes_stop_at_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_chunk_left_is_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_comes_after_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reset_is_an_error_after_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_write_ends_reading_as_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_full_then_woken_for_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finish_is_a_fin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_abort_resets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_lets_the_last_bytes_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + stream_contract_run(&contract);
}
