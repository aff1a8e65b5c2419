/* An application that asks over TCP: pipelined, in pieces, half closed, slow to read, too much. */
#include "dns_peer.h"
#include "engine_lab.h"
#include "tests/fake/fake_stream.h"

#include "base/err.h"
#include "service/engine/dns_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PENDING_MAX = 64, IDLE_MS = 30000 };

struct lab {
    struct engine_lab engine;
    struct loopback_server server;
    struct dns_peer peer;
    struct fake_stream *client;
    struct caller caller;
    uint8_t taken[1 << 20];
    size_t taken_size;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    engine_lab_open(&lab->engine);
    loopback_server_open(&lab->server, lab->engine.loop, dns_peer_answer, &lab->peer);
    engine_lab_set_dns(&lab->engine, &lab->server.address, 1);
    engine_lab_block(&lab->engine, "ads.example\n");
    lab->client = fake_stream_new(lab->engine.loop);
    address_parse("192.0.2.9:4000", &lab->caller.client);
    dns_stream_start(&lab->engine.traffic, &lab->client->stream, &lab->caller);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    dns_stream_abort_all(&lab->engine.traffic);
    fake_stream_free(lab->client);
    loopback_server_close(&lab->server);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static size_t make_question(uint16_t id, const char *name, uint8_t to[514])
{
    ssize_t size = dns_message_query(id, name, DNS_A, to + 2, 512);
    to[0] = (uint8_t)(size >> 8);
    to[1] = (uint8_t)size;
    return (size_t)size + 2;
}

static void ask(struct lab *lab, uint16_t id, const char *name)
{
    uint8_t question[514];
    fake_stream_feed(lab->client, question, make_question(id, name, question));
}

static void take(struct lab *lab)
{
    lab->taken_size += fake_stream_take(lab->client, lab->taken + lab->taken_size,
                                        sizeof(lab->taken) - lab->taken_size);
}

/* Whole answers among what was taken. */
static int answers(struct lab *lab)
{
    int count = 0;

    take(lab);
    for (size_t at = 0; at + 2 <= lab->taken_size; count++) {
        size_t size = (size_t)lab->taken[at] << 8 | lab->taken[at + 1];
        if (at + 2 + size > lab->taken_size)
            break;
        assert_true(lab->taken[at + 4] & 0x80); /* QR */
        at += 2 + size;
    }
    return count;
}

static void wait_answers(struct lab *lab, int wanted)
{
    for (int i = 0; i < 3000 && answers(lab) < wanted; i++)
        loop_run_once(lab->engine.loop, 10);
    assert_int_equal(answers(lab), wanted);
}

static bool has_answer(struct lab *lab, uint16_t id)
{
    for (size_t at = 0; at + 4 <= lab->taken_size;
         at += 2 + ((size_t)lab->taken[at] << 8 | lab->taken[at + 1]))
        if ((lab->taken[at + 2] << 8 | lab->taken[at + 3]) == id)
            return true;
    return false;
}

static void test_many_at_once(void **state)
{
    struct lab *lab = *state;

    for (uint16_t id = 1; id <= 10; id++)
        ask(lab, id, id % 2 ? "a.example" : "ads.example");
    wait_answers(lab, 10);
    for (uint16_t id = 1; id <= 10; id++)
        assert_true(has_answer(lab, id));
    assert_int_equal(lab->peer.questions, 1); /* the blocked are not asked, the others alike */
    assert_false(lab->client->is_closed);
}

/* More than may wait at a time, each another name: the rest is read as answers come. */
static void test_more_than_may_wait(void **state)
{
    struct lab *lab = *state;
    char name[32];

    for (int id = 0; id < 3 * PENDING_MAX; id++) {
        snprintf(name, sizeof(name), "n%d.example", id);
        ask(lab, (uint16_t)id, name);
    }
    engine_lab_settle(&lab->engine);
    wait_answers(lab, 3 * PENDING_MAX);
    assert_int_equal(lab->peer.questions, 3 * PENDING_MAX);
}

static void test_a_length_cut_in_two(void **state)
{
    struct lab *lab = *state;
    uint8_t question[514];
    size_t size = make_question(5, "ads.example", question);

    fake_stream_feed(lab->client, question, 1);
    engine_lab_settle(&lab->engine);
    fake_stream_feed(lab->client, question + 1, 9);
    engine_lab_settle(&lab->engine);
    assert_int_equal(answers(lab), 0);
    fake_stream_feed(lab->client, question + 10, size - 10);
    wait_answers(lab, 1);
}

static void test_half_closed_hears_the_rest(void **state)
{
    struct lab *lab = *state;

    ask(lab, 1, "a.example");
    ask(lab, 2, "ads.example");
    fake_stream_end(lab->client, ERR_EOF);
    engine_lab_settle(&lab->engine);
    wait_answers(lab, 2);
    for (int i = 0; i < 3000 && !lab->client->is_closed; i++)
        loop_run_once(lab->engine.loop, 10);
    assert_true(lab->client->is_closed);
    assert_true(list_is_empty(&lab->engine.traffic.dns_streams));
}

static void test_half_a_question_and_the_end(void **state)
{
    struct lab *lab = *state;

    fake_stream_feed(lab->client, "\0\100half", 6);
    fake_stream_end(lab->client, ERR_EOF);
    engine_lab_settle(&lab->engine);
    assert_true(lab->client->is_closed);
}

static void test_a_reset_cancels_what_waits(void **state)
{
    struct lab *lab = *state;

    lab->peer.is_silent = true;
    ask(lab, 1, "a.example");
    engine_lab_wait(&lab->engine, &lab->peer.questions, 1);
    fake_stream_end(lab->client, -ECONNRESET);
    engine_lab_settle(&lab->engine);
    assert_true(lab->client->is_aborted);
    assert_true(list_is_empty(&lab->engine.traffic.dns_streams));
}

static void test_no_question_at_all(void **state)
{
    struct lab *lab = *state;

    fake_stream_feed(lab->client, "GET / HTTP/1.1\r\n\r\n", 18);
    engine_lab_settle(&lab->engine);
    assert_false(lab->client->is_aborted); /* a long message is announced: "GE" */
    engine_lab_pass(&lab->engine, IDLE_MS);
    assert_true(lab->client->is_closed);
}

static void test_an_answer_instead_of_a_question(void **state)
{
    struct lab *lab = *state;
    uint8_t question[514];
    size_t size = make_question(5, "a.example", question);

    question[4] |= 0x80; /* QR */
    fake_stream_feed(lab->client, question, size);
    engine_lab_settle(&lab->engine);
    assert_true(lab->client->is_aborted);
}

/* It asks and does not read: it is not read from either, nothing is lost, and all is answered once
 * it reads. */
static void test_a_slow_reader(void **state)
{
    struct lab *lab = *state;
    const uint16_t count = 300; /* times 1.6 kB */
    size_t consumed;

    lab->client->credit = 0;
    for (uint16_t id = 0; id < count; id++)
        ask(lab, id, "big.example");
    for (int i = 0; i < 100; i++)
        loop_run_once(lab->engine.loop, 1);
    consumed = lab->client->consumed;
    for (int i = 0; i < 20; i++)
        loop_run_once(lab->engine.loop, 0);
    assert_int_equal(lab->client->consumed, consumed);
    assert_true(buf_size(&lab->client->in) > 0);
    while (answers(lab) < count) {
        int before = answers(lab);
        fake_stream_grant(lab->client, 50000);
        engine_lab_settle(&lab->engine);
        assert_true(answers(lab) > before);
    }
    for (uint16_t id = 0; id < count; id++)
        assert_true(has_answer(lab, id));
}

static void test_one_that_never_reads_is_reset(void **state)
{
    struct lab *lab = *state;

    lab->client->credit = 0;
    ask(lab, 1, "ads.example");
    engine_lab_settle(&lab->engine);
    engine_lab_pass(&lab->engine, IDLE_MS);
    assert_true(lab->client->is_aborted);
}

static void test_idle_is_closed(void **state)
{
    struct lab *lab = *state;

    engine_lab_pass(&lab->engine, IDLE_MS - 1);
    ask(lab, 1, "ads.example");
    wait_answers(lab, 1);
    engine_lab_pass(&lab->engine, IDLE_MS - 1);
    assert_false(lab->client->is_closed);
    engine_lab_pass(&lab->engine, 1);
    assert_true(lab->client->is_closed);
}

static void test_the_end_of_the_engine(void **state)
{
    struct lab *lab = *state;

    lab->peer.is_silent = true;
    ask(lab, 1, "a.example");
    engine_lab_wait(&lab->engine, &lab->peer.questions, 1);
    dns_stream_abort_all(&lab->engine.traffic);
    assert_true(lab->client->is_aborted);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_many_at_once),
        lab_test(test_more_than_may_wait),
        lab_test(test_a_length_cut_in_two),
        lab_test(test_half_closed_hears_the_rest),
        lab_test(test_half_a_question_and_the_end),
        lab_test(test_a_reset_cancels_what_waits),
        lab_test(test_no_question_at_all),
        lab_test(test_an_answer_instead_of_a_question),
        lab_test(test_a_slow_reader),
        lab_test(test_one_that_never_reads_is_reset),
        lab_test(test_idle_is_closed),
        lab_test(test_the_end_of_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
