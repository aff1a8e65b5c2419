/* QUIC through an application's UDP socket: no connection gets out before its name was judged. */
#include "tests/fake/quic_bytes.h"
#include "udp_flow_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BEFORE = 1500 };

static int open_lab(void **state)
{
    struct udp_flow_lab *lab;

    udp_flow_lab_open(state);
    lab = *state;
    engine_lab_block(&lab->engine, "ads.example\n");
    return 0;
}

static bool say(struct udp_flow_lab *lab, const struct quic_bytes *datagram)
{
    return fake_dgram_deliver(lab->client, lab->echo_text, datagram->data, datagram->size);
}

/* A hello in two datagrams. */
static void make_long(struct quic_bytes pair[2], const char *name)
{
    struct quic_bytes hello = {.size = 0};

    quic_bytes_hello(&hello, name, BEFORE);
    for (uint32_t i = 0; i < 2; i++) {
        struct quic_bytes frames = {.size = 0};
        size_t from = i * 1000, size = i ? hello.size - 1000 : 1000;
        pair[i].size = 0;
        quic_bytes_crypto(&frames, from, hello.data + from, size);
        quic_bytes_initial(&pair[i], QUIC_V1, "an id of", i, &frames, QUIC_DATAGRAM_BYTES);
    }
}

static void test_a_blocked_name_gets_nowhere(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes datagram = {.size = 0};

    quic_bytes_first(&datagram, QUIC_V1, "an id of", "www.ads.example");
    assert_false(say(lab, &datagram));
    assert_false(say(lab, &datagram));
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->echo.heard, 0);
    assert_int_equal(lab->engine.told_blocked, 1); /* said again is judged once */
    assert_int_equal(lab->engine.traffic.flows.counters.blocked, 2);
    assert_string_equal(lab->engine.traffic.decisions.kept[0].kind, "quic");
    assert_string_equal(lab->engine.traffic.decisions.kept[0].name, "www.ads.example");
}

static void test_another_name_passes(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes datagram = {.size = 0};

    quic_bytes_first(&datagram, QUIC_V2, "an id of", "web.example");
    assert_true(say(lab, &datagram));
    engine_lab_wait(&lab->engine, &lab->echo.heard, 1);
    assert_string_equal(udp_flow_lab_flow(lab)->host, "web.example");
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "@ what is behind the hello"));
    engine_lab_wait(&lab->engine, &lab->echo.heard, 2);
}

/* A second connection of the same socket to the same peer. */
static void test_each_connection_is_judged(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes first = {.size = 0}, second = {.size = 0};

    quic_bytes_first(&first, QUIC_V1, "an id of", "web.example");
    quic_bytes_first(&second, QUIC_V1, "other id", "ads.example");
    assert_true(say(lab, &first));
    assert_false(say(lab, &second));
    engine_lab_wait(&lab->engine, &lab->echo.heard, 1);
}

static void test_a_hello_in_pieces_is_held(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes pair[2];

    make_long(pair, "web.example");
    assert_true(say(lab, &pair[0]));
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->echo.heard, 0);
    assert_true(say(lab, &pair[1]));
    engine_lab_wait(&lab->engine, &lab->echo.heard, 2);
    engine_lab_wait(&lab->engine, &lab->client->sent, 2);
    assert_memory_equal(lab->client->kept[0].data, pair[0].data, pair[0].size);
    assert_memory_equal(lab->client->kept[1].data, pair[1].data, pair[1].size);
}

static void test_a_hello_in_pieces_is_refused_whole(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes pair[2];

    make_long(pair, "ads.example");
    assert_true(say(lab, &pair[1]));
    assert_false(say(lab, &pair[0]));
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->client->refused_late, 1);
    assert_int_equal(lab->echo.heard, 0);
}

/* What is behind an unfinished hello waits with it; other peers do not. */
static void test_others_are_not_held(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes pair[2];

    make_long(pair, "web.example");
    assert_true(say(lab, &pair[0]));
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "early data"));
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->echo.heard, 0);
    assert_true(udp_flow_lab_say(lab, "127.0.0.1:9", "elsewhere"));
    assert_true(say(lab, &pair[1]));
    engine_lab_wait(&lab->engine, &lab->echo.heard, 3);
}

/* Two connections of one socket begin at once, one of them in pieces: none of those gets out in the
 * wake of the other, whose name is a good one. */
static void test_pieces_do_not_follow_another_connection(void **state)
{
    struct udp_flow_lab *lab = *state;
    const struct flow_counters *counters = &lab->engine.traffic.flows.counters;
    struct quic_bytes pair[2], other = {.size = 0};

    make_long(pair, "ads.example");
    quic_bytes_first(&other, QUIC_V1, "other id", "web.example");
    for (int i = 0; i < 2; i++) {
        assert_true(say(lab, &pair[i]));
        assert_true(say(lab, &other));
    }
    engine_lab_wait(&lab->engine, &lab->echo.heard, 2);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->echo.heard, 2);
    assert_int_equal(counters->dropped, 2);
    assert_true(say(lab, &pair[0])); /* as its client does when no answer comes */
    assert_false(say(lab, &pair[1]));
}

static void test_another_filter_judges_again(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct quic_bytes datagram = {.size = 0};

    quic_bytes_first(&datagram, QUIC_V1, "an id of", "web.example");
    assert_true(say(lab, &datagram));
    engine_lab_block(&lab->engine, "web.example\n");
    assert_false(say(lab, &datagram));
}

#define QUIC_TEST(f) cmocka_unit_test_setup_teardown(f, open_lab, udp_flow_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUIC_TEST(test_a_blocked_name_gets_nowhere),
        QUIC_TEST(test_another_name_passes),
        QUIC_TEST(test_each_connection_is_judged),
        QUIC_TEST(test_a_hello_in_pieces_is_held),
        QUIC_TEST(test_a_hello_in_pieces_is_refused_whole),
        QUIC_TEST(test_others_are_not_held),
        QUIC_TEST(test_pieces_do_not_follow_another_connection),
        QUIC_TEST(test_another_filter_judges_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
