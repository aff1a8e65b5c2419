#include "proxy/relay.h"

#include "base/err.h"
#include "tests/fake/fake_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1000, IDLE_MS = 60000, HALF_MS = 5000, NOT_DONE = 1 };

struct fixture {
    struct loop *loop;
    struct fake_stream *client, *upstream;
    struct relay *relay;
    struct relay_bytes bytes, total;
    int why;
    unsigned done;
};

static void on_done(void *owner, int why)
{
    struct fixture *f = owner;
    f->why = why;
    f->done++;
    f->relay = NULL;
}

static void start(struct fixture *f)
{
    const struct relay_options options = {
        .idle_timeout_ms = IDLE_MS, .half_close_timeout_ms = HALF_MS, .total = &f->total};
    assert_int_equal(relay_start(f->loop, &f->client->stream, &f->upstream->stream, &options,
                                 &f->bytes, on_done, f, &f->relay),
                     0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    loop_fake_clock(f->loop, START_MS);
    f->client = fake_stream_new(f->loop);
    f->upstream = fake_stream_new(f->loop);
    f->why = NOT_DONE;
    start(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->relay)
        relay_abort(f->relay);
    fake_stream_free(f->client);
    fake_stream_free(f->upstream);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 5; i++)
        loop_run_once(f->loop, 0);
}

static void advance(struct fixture *f, uint64_t to_ms)
{
    loop_fake_clock(f->loop, START_MS + to_ms);
    turn(f);
}

static void assert_got(struct fake_stream *fake, const char *text)
{
    char got[64];
    size_t size = fake_stream_take(fake, got, sizeof(got));
    assert_int_equal(size, strlen(text));
    assert_memory_equal(got, text, size);
}

static void test_both_ways(void **state)
{
    struct fixture *f = *state;
    fake_stream_feed(f->client, "question", 8);
    fake_stream_feed(f->upstream, "answers", 7);
    turn(f);
    assert_got(f->upstream, "question");
    assert_got(f->client, "answers");
    assert_int_equal(f->bytes.up, 8);
    assert_int_equal(f->bytes.down, 7);
    assert_int_equal(f->total.up, 8);
    assert_int_equal(f->total.down, 7);
    assert_int_equal(f->done, 0);
}

static void test_what_came_before_the_relay(void **state)
{
    struct fixture *f = *state;
    struct fixture g = {.loop = f->loop, .why = NOT_DONE};
    g.client = fake_stream_new(f->loop);
    g.upstream = fake_stream_new(f->loop);
    fake_stream_feed(g.client, "early", 5);
    turn(f);
    start(&g);
    assert_int_equal(g.bytes.up, 0); /* not from inside the call */
    turn(f);
    assert_got(g.upstream, "early");
    relay_abort(g.relay);
    assert_true(g.client->is_aborted && g.upstream->is_aborted);
    turn(f);
    assert_int_equal(g.done, 0);
    fake_stream_free(g.client);
    fake_stream_free(g.upstream);
}

static void test_an_end_is_passed_on_as_an_end(void **state)
{
    struct fixture *f = *state;
    fake_stream_feed(f->client, "bye", 3);
    fake_stream_end(f->client, ERR_EOF);
    turn(f);
    assert_got(f->upstream, "bye");
    assert_true(f->upstream->is_finished);
    assert_false(f->upstream->is_closed);
    fake_stream_feed(f->upstream, "still", 5);
    turn(f);
    assert_got(f->client, "still");
    assert_int_equal(f->done, 0);
    fake_stream_end(f->upstream, ERR_EOF);
    turn(f);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->why, 0);
    assert_true(f->client->is_finished && f->client->is_closed && f->upstream->is_closed);
    assert_int_equal(f->bytes.down, 5);
}

static void test_the_end_waits_for_the_bytes(void **state)
{
    struct fixture *f = *state;
    f->upstream->credit = 2;
    fake_stream_feed(f->client, "abcdef", 6);
    fake_stream_end(f->client, ERR_EOF);
    turn(f);
    assert_got(f->upstream, "ab");
    assert_int_equal(f->client->consumed, 2); /* the rest stays where it is */
    assert_int_equal(f->bytes.up, 2);
    assert_false(f->upstream->is_finished);
    fake_stream_grant(f->upstream, 4);
    turn(f);
    assert_got(f->upstream, "cdef");
    assert_true(f->upstream->is_finished);
}

static void test_a_reset_is_passed_on_as_a_reset(void **state)
{
    struct fixture *f = *state;
    fake_stream_end(f->upstream, -ECONNRESET);
    turn(f);
    assert_int_equal(f->why, -ECONNRESET);
    assert_true(f->client->is_aborted && f->upstream->is_aborted);
}

static void test_a_reset_of_the_client(void **state)
{
    struct fixture *f = *state;
    f->upstream->credit = 0;
    fake_stream_feed(f->client, "stuck", 5);
    turn(f);
    fake_stream_end(f->client, -ECONNRESET);
    turn(f);
    assert_int_equal(f->why, -ECONNRESET);
    assert_true(f->upstream->is_aborted);
}

/* An upstream that answers and takes no more: the answer still arrives. */
static ssize_t refuse_write(struct stream *stream, const struct span *spans, int count)
{
    (void)stream;
    (void)spans;
    (void)count;
    return -EPIPE;
}

static void break_writing(struct fake_stream *fake, struct stream_ops *ops)
{
    *ops = *fake->stream.ops;
    ops->write = refuse_write;
    fake->stream.ops = ops;
}

static void test_an_answer_survives_a_broken_upload(void **state)
{
    struct fixture *f = *state;
    struct stream_ops ops;
    break_writing(f->upstream, &ops);
    fake_stream_feed(f->client, "upload", 6);
    fake_stream_feed(f->upstream, "413 too much", 12);
    turn(f);
    assert_int_equal(f->done, 0);
    fake_stream_end(f->upstream, ERR_EOF);
    turn(f);
    assert_got(f->client, "413 too much");
    assert_true(f->client->is_closed && !f->client->is_aborted);
    assert_int_equal(f->why, -EPIPE);
    assert_int_equal(f->bytes.up, 0);
}

static void test_a_broken_upload_then_a_reset(void **state)
{
    struct fixture *f = *state;
    struct stream_ops ops;
    break_writing(f->upstream, &ops);
    fake_stream_feed(f->client, "upload", 6);
    turn(f);
    fake_stream_end(f->upstream, -ECONNRESET);
    turn(f);
    assert_true(f->client->is_aborted);
    assert_int_equal(f->why, -ECONNRESET);
}

/* What an upstream goes on to send to a client that is gone is not fetched, nor paid for. */
static void test_a_client_that_left_in_the_middle(void **state)
{
    struct fixture *f = *state;
    struct stream_ops ops;
    break_writing(f->client, &ops);
    fake_stream_end(f->client, ERR_EOF);
    turn(f);
    fake_stream_feed(f->upstream, "download", 8);
    turn(f);
    assert_int_equal(f->why, -EPIPE);
    assert_true(f->upstream->is_aborted);
}

static void test_idle(void **state)
{
    struct fixture *f = *state;
    advance(f, IDLE_MS - 1);
    fake_stream_feed(f->client, "x", 1);
    turn(f);
    advance(f, IDLE_MS + 1); /* the timer of the start is over, the silence is not */
    advance(f, 2 * IDLE_MS - 2);
    assert_int_equal(f->done, 0);
    advance(f, 2 * IDLE_MS - 1);
    assert_int_equal(f->why, -ETIMEDOUT);
    assert_true(f->client->is_aborted && f->upstream->is_aborted);
}

static void test_half_closed_and_idle(void **state)
{
    struct fixture *f = *state;
    advance(f, 10000); /* the silence before the end does not count */
    fake_stream_end(f->client, ERR_EOF);
    turn(f);
    advance(f, 10000 + HALF_MS - 1);
    assert_int_equal(f->done, 0);
    fake_stream_feed(f->upstream, "y", 1);
    turn(f);
    advance(f, 10000 + HALF_MS);
    assert_int_equal(f->done, 0);
    advance(f, 10000 + 2 * HALF_MS - 1);
    assert_int_equal(f->why, -ETIMEDOUT);
}

/* One that has endlessly much to say does not keep the loop from the others. */
static void test_a_greedy_flow_takes_turns(void **state)
{
    enum { MUCH = 64 * 1024 * 1024 };
    struct fixture *f = *state;
    static uint8_t data[MUCH];
    chunk_pool_set_limit(loop_chunks(f->loop), SIZE_MAX);
    fake_stream_feed(f->client, data, MUCH);
    loop_run_once(f->loop, 0);
    assert_true(f->bytes.up > 0 && f->bytes.up < MUCH);
    for (int i = 0; i < 1000 && f->bytes.up < MUCH; i++)
        loop_run_once(f->loop, 0);
    assert_int_equal(f->bytes.up, MUCH); /* and needs no wake to go on */
}

static uint64_t moved_up(const struct fixture *all, int count)
{
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += all[i].bytes.up;
    return bytes;
}

/* Who asks a short question beside those that move much waits for a piece of theirs at most. */
static void test_who_moves_little_goes_first(void **state)
{
    enum { GREEDY = 8, MUCH = 16 * 1024 * 1024 };
    struct fixture *f = *state;
    static uint8_t data[MUCH];
    struct fixture greedy[GREEDY];
    chunk_pool_set_limit(loop_chunks(f->loop), SIZE_MAX);
    for (int i = 0; i < GREEDY; i++) {
        greedy[i] = (struct fixture){.loop = f->loop,
                                     .client = fake_stream_new(f->loop),
                                     .upstream = fake_stream_new(f->loop)};
        start(&greedy[i]);
        fake_stream_feed(greedy[i].client, data, MUCH);
    }
    turn(f);
    uint64_t before = moved_up(greedy, GREEDY);
    fake_stream_feed(f->client, "question", 8);
    loop_run_once(f->loop, 0);
    assert_int_equal(f->bytes.up, 8);
    uint64_t meanwhile = moved_up(greedy, GREEDY) - before;
    assert_true(meanwhile > 0 && meanwhile < GREEDY * 256 * 1024);
    for (int i = 0; i < GREEDY; i++) {
        assert_true(greedy[i].bytes.up > 0);
        relay_abort(greedy[i].relay);
        fake_stream_free(greedy[i].client);
        fake_stream_free(greedy[i].upstream);
    }
}

#define relay_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        relay_test(test_both_ways),
        relay_test(test_what_came_before_the_relay),
        relay_test(test_an_end_is_passed_on_as_an_end),
        relay_test(test_the_end_waits_for_the_bytes),
        relay_test(test_a_reset_is_passed_on_as_a_reset),
        relay_test(test_a_reset_of_the_client),
        relay_test(test_an_answer_survives_a_broken_upload),
        relay_test(test_a_broken_upload_then_a_reset),
        relay_test(test_a_client_that_left_in_the_middle),
        relay_test(test_idle),
        relay_test(test_half_closed_and_idle),
        relay_test(test_a_greedy_flow_takes_turns),
        relay_test(test_who_moves_little_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
