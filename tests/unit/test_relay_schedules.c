/* The relay under thousands of random schedules: client | relay | server, where everything between
 * the two ends happens by chance: arrivals, room, cuts of spans, ends, resets. */
#include "base/err.h"
#include "proxy/relay.h"
#include "tests/fake/fake_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1000, NOT_DONE = 1 };

struct end {
    struct fake_stream *fake;
    size_t sent, received;
    bool is_finished, is_ended, is_reset, is_gone;
};

struct play {
    struct loop *loop;
    struct fake_stream *client, *upstream; /* the relay's */
    struct relay *relay;
    struct relay_bytes bytes;
    int why;
    unsigned done;
    uint64_t random;
    struct end ends[2];
    bool may_reset;
};

static uint32_t draw(struct play *play, uint32_t below)
{
    play->random = play->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(play->random >> 33) % below;
}

static uint8_t byte_at(int end, size_t offset)
{
    return (uint8_t)((offset + (size_t)end * 7) * 2654435761u >> 11);
}

static void end_wake(void *owner)
{
    (void)owner; /* looked at by chance */
}

static void end_send(struct play *play, int index)
{
    struct end *end = &play->ends[index];
    uint8_t data[3000];
    size_t size = 1 + draw(play, sizeof(data));
    if (end->is_finished || end->is_reset)
        return;
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(index, end->sent + i);
    ssize_t taken = stream_write_bytes(&end->fake->stream, data, size);
    if (taken < 0)
        end->is_reset = true;
    else
        end->sent += (size_t)taken;
}

static void end_receive(struct play *play, int index)
{
    struct end *end = &play->ends[index];
    uint8_t data[3000];
    if (end->is_ended || end->is_reset)
        return;
    ssize_t size = stream_gather(&end->fake->stream, data, 1 + draw(play, sizeof(data)));
    if (size == ERR_EOF)
        end->is_ended = true;
    else if (size < 0)
        end->is_reset = true;
    if (size <= 0)
        return;
    for (ssize_t i = 0; i < size; i++)
        assert_int_equal(data[i], byte_at(1 - index, end->received + (size_t)i));
    end->received += (size_t)size;
    stream_consume(&end->fake->stream, (size_t)size);
}

static void end_finish(struct play *play, int index)
{
    struct end *end = &play->ends[index];
    if (!end->is_finished && !end->is_reset && stream_finish(&end->fake->stream) == 0)
        end->is_finished = true;
}

static void end_reset(struct play *play, int index)
{
    struct end *end = &play->ends[index];
    if (end->is_gone)
        return;
    stream_abort(&end->fake->stream);
    end->is_gone = end->is_finished = end->is_ended = true;
}

static void play_one_move(struct play *play)
{
    int index = (int)draw(play, 2);
    uint32_t chance = draw(play, 1000);
    if (play->ends[index].is_gone || chance < 100)
        loop_run_once(play->loop, 0);
    else if (chance < 500)
        end_send(play, index);
    else if (chance < 990)
        end_receive(play, index);
    else if (chance < 998 || !play->may_reset)
        end_finish(play, index);
    else
        end_reset(play, index);
}

static void on_done(void *owner, int why)
{
    struct play *play = owner;
    play->why = why;
    play->done++;
    play->relay = NULL;
}

static void start(struct play *play)
{
    const struct relay_options options = {.idle_timeout_ms = 60000, .half_close_timeout_ms = 60000};
    assert_int_equal(relay_start(play->loop, &play->client->stream, &play->upstream->stream,
                                 &options, &play->bytes, on_done, play, &play->relay),
                     0);
}

static void open_play(struct play *play, uint64_t seed)
{
    play->random = seed;
    play->loop = loop_new();
    loop_fake_clock(play->loop, START_MS);
    play->why = NOT_DONE;
    fake_stream_new_pair(play->loop, 1 + draw(play, 8000), &play->ends[0].fake, &play->client);
    fake_stream_new_pair(play->loop, 1 + draw(play, 8000), &play->ends[1].fake, &play->upstream);
    for (int i = 0; i < 2; i++)
        stream_set_owner(&play->ends[i].fake->stream, end_wake, play);
    play->client->lends = draw(play, 2);
    play->upstream->lends = draw(play, 2);
    play->client->span_bytes_max = draw(play, 2) ? 1 + draw(play, 500) : 0;
    play->upstream->span_bytes_max = draw(play, 2) ? 1 + draw(play, 500) : 0;
    play->client->peek_bytes_max = draw(play, 2) ? 1 + draw(play, 2000) : 0;
    play->may_reset = draw(play, 4) == 0;
    start(play);
}

static void close_play(struct play *play)
{
    if (play->relay)
        relay_abort(play->relay);
    for (int i = 0; i < 2; i++) {
        if (!play->ends[i].is_gone)
            stream_abort(&play->ends[i].fake->stream);
        fake_stream_free(play->ends[i].fake);
    }
    fake_stream_free(play->client);
    fake_stream_free(play->upstream);
    loop_run_once(play->loop, 0);
    loop_free(play->loop);
}

/* Both ends finish and read until there is nothing more to come. */
static void play_out(struct play *play)
{
    for (int i = 0; i < 200000 && !play->done; i++) {
        for (int index = 0; index < 2; index++) {
            if (play->ends[index].is_gone)
                continue;
            end_finish(play, index);
            end_receive(play, index);
        }
        loop_run_once(play->loop, 0);
    }
    for (int i = 0; i < 2000; i++) {
        for (int index = 0; index < 2; index++)
            if (!play->ends[index].is_gone)
                end_receive(play, index);
        loop_run_once(play->loop, 0);
        if (i > 4 && (play->ends[0].is_ended || play->ends[0].is_reset) &&
            (play->ends[1].is_ended || play->ends[1].is_reset))
            break;
    }
}

static void check_play(const struct play *play)
{
    const struct end *client = &play->ends[0], *server = &play->ends[1];
    assert_int_equal(play->done, 1);
    if (client->is_gone || server->is_gone) {
        assert_true(server->received <= client->sent);
        assert_true(client->received <= server->sent);
        /* whoever is left has been told */
        assert_true(client->is_gone || client->is_ended || client->is_reset);
        assert_true(server->is_gone || server->is_ended || server->is_reset);
        return;
    }
    assert_int_equal(play->why, 0);
    assert_int_equal(server->received, client->sent);
    assert_int_equal(client->received, server->sent);
    assert_int_equal(play->bytes.up, client->sent);
    assert_int_equal(play->bytes.down, server->sent);
    assert_true(client->is_ended && server->is_ended);
}

static void test_random_schedules(void **state)
{
    enum { SCHEDULES = 4000 };
    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        struct play play = {.random = 0};
        open_play(&play, seed);
        uint32_t moves = 20 + draw(&play, 300);
        for (uint32_t i = 0; i < moves; i++)
            play_one_move(&play);
        play_out(&play);
        check_play(&play);
        close_play(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
