/* An application's UDP socket: what is carried, by whom, what is refused, what is dropped. */
#include "udp_flow_lab.h"

#include "base/err.h"
#include "service/engine/udp_flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUEUE_MAX = 32, NO_COMMAND = 7 };

#define FAR "198.51.100.1:5000"

static struct flow_counters counters(const struct udp_flow_lab *lab)
{
    return lab->engine.traffic.flows.counters;
}

/* --- carried --- */

static void test_there_and_back(void **state)
{
    struct udp_flow_lab *lab = *state;

    assert_true(udp_flow_lab_say(lab, lab->echo_text, "one"));
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "second"));
    udp_flow_lab_hear(lab, 2, lab->echo_text, "second");
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "3"));
    udp_flow_lab_hear(lab, 3, lab->echo_text, "3");
    assert_int_equal(udp_flow_lab_flow(lab)->state, FLOW_RELAYING);
    assert_int_equal(udp_flow_lab_flow(lab)->bytes.up, 10);
    assert_int_equal(udp_flow_lab_flow(lab)->bytes.down, 10);
    assert_int_equal(lab->engine.tally.bytes.up, 10);
    assert_int_equal(lab->engine.tally.requests, 1);
    assert_int_equal(counters(lab).opened[FLOW_UDP], 1);
}

static void test_through_an_association(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_lab_use_proxy(lab, false);
    assert_true(udp_flow_lab_say(lab, FAR, "hello"));
    udp_flow_lab_hear(lab, 1, FAR, "hello");
    assert_true(udp_flow_lab_say(lab, "[2001:db8::1]:7", "other")); /* another peer, the same way */
    udp_flow_lab_hear(lab, 2, "[2001:db8::1]:7", "other");
    assert_int_equal(lab->proxy.accepted, 1);
}

static void test_a_client_that_takes_nothing_is_not_counted(void **state)
{
    struct udp_flow_lab *lab = *state;

    lab->client->send_err = -EAGAIN;
    udp_flow_lab_say(lab, lab->echo_text, "one");
    engine_lab_wait(&lab->engine, &lab->echo.heard, 1);
    engine_lab_settle(&lab->engine);
    assert_int_equal(udp_flow_lab_flow(lab)->bytes.down, 0);
}

/* --- the way fails --- */

static void test_no_udp_there_is_a_fact_and_the_next_one_carries(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct pool_member members[2];

    udp_flow_lab_use_proxy(lab, true);
    lab->proxy_code = NO_COMMAND;
    udp_flow_lab_say(lab, lab->echo_text, "x");
    udp_flow_lab_hear(lab, 1, lab->echo_text, "x");
    assert_string_equal(udp_flow_lab_flow(lab)->upstream->name, "direct");
    pool_members(lab->engine.traffic.connector.pool, members, 2);
    assert_false(members[0].upstream->has_udp);
    assert_int_equal(members[0].failures, 0);
    assert_int_equal(counters(lab).failed, 0);
}

static void test_nobody_carries_it(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_lab_use_proxy(lab, false);
    lab->proxy_code = NO_COMMAND;
    assert_true(udp_flow_lab_say(lab, FAR, "x"));
    engine_lab_wait(&lab->engine, &lab->client->refused_late, 1);
    assert_int_equal(counters(lab).failed, 1);
    assert_false(udp_flow_lab_say(lab, FAR, "x")); /* from now on at once */
    assert_int_equal(lab->proxy.accepted, 1);
}

static void test_a_dead_proxy_is_charged_and_left(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct address nobody;
    int fd = loopback_nobody(&nobody);
    const struct upstream_options list[] = {engine_lab_socks5("dead", &nobody),
                                            engine_lab_socks5("proxy", &lab->proxy.address)};

    engine_lab_set_upstreams(&lab->engine, list, 2);
    udp_flow_lab_say(lab, FAR, "x");
    udp_flow_lab_hear(lab, 1, FAR, "x");
    assert_int_equal(lab->engine.outcomes, 2);
    close(fd);
}

static void test_upstreams_without_udp(void **state)
{
    struct udp_flow_lab *lab = *state;
    const struct upstream_options http = {.name = "http",
                                          .kind = UPSTREAM_HTTP,
                                          .server = endpoint_from_address(&lab->proxy.address)};

    engine_lab_set_upstreams(&lab->engine, &http, 1);
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
}

static void test_a_block_is_final(void **state)
{
    struct udp_flow_lab *lab = *state;
    const struct upstream_options list[] = {{.name = "block", .kind = UPSTREAM_BLOCK},
                                            {.name = "direct", .kind = UPSTREAM_DIRECT}};

    engine_lab_set_upstreams(&lab->engine, list, 2);
    udp_flow_lab_say(lab, lab->echo_text, "x");
    engine_lab_wait(&lab->engine, &lab->client->refused_late, 1);
    assert_int_equal(lab->echo.heard, 0);
    assert_int_equal(counters(lab).blocked, 1);
    assert_int_equal(counters(lab).failed, 0);
}

static void test_the_end_of_an_association_is_not_the_end(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_lab_use_proxy(lab, false);
    udp_flow_lab_say(lab, FAR, "x");
    udp_flow_lab_hear(lab, 1, FAR, "x");
    loopback_server_hang_up(&lab->proxy);
    engine_lab_settle(&lab->engine);
    assert_true(udp_flow_lab_say(lab, FAR, "again"));
    udp_flow_lab_hear(lab, 2, FAR, "again");
    assert_int_equal(lab->proxy.accepted, 2);
    assert_int_equal(counters(lab).opened[FLOW_UDP], 1);
    assert_int_equal(lab->engine.tally.requests, 2);
}

static void test_so_many_wait_and_no_more(void **state)
{
    struct udp_flow_lab *lab = *state;
    char text[16];

    udp_flow_lab_use_proxy(lab, false);
    for (int i = 0; i < QUEUE_MAX + 8; i++) {
        snprintf(text, sizeof(text), "%d", i);
        assert_true(udp_flow_lab_say(lab, FAR, text));
    }
    assert_int_equal(counters(lab).dropped, 8);
    udp_flow_lab_hear(lab, QUEUE_MAX, FAR, "31"); /* in order */
    assert_string_equal((const char *)lab->client->kept[0].data, "0");
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->client->sent, QUEUE_MAX);
}

static void test_nor_so_many_bytes(void **state)
{
    struct udp_flow_lab *lab = *state;
    static char large[DGRAM_MAX_BYTES];

    udp_flow_lab_use_proxy(lab, false);
    for (int i = 0; i < 3; i++)
        fake_dgram_deliver(lab->client, FAR, large, sizeof(large));
    assert_int_equal(counters(lab).dropped, 1);
}

static void test_at_the_limit(void **state)
{
    struct udp_flow_lab *lab = *state;

    lab->engine.traffic.flows.max[FLOW_UDP] = 0;
    assert_false(udp_flow_lab_say(lab, lab->echo_text, "x"));
    assert_int_equal(counters(lab).refused_at_limit[FLOW_UDP], 1);
    lab->engine.traffic.flows.max[FLOW_UDP] = 1;
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "x"));
    udp_flow_lab_hear(lab, 1, lab->echo_text, "x");
}

/* --- the end, at any moment --- */

static void test_the_end_of_the_client(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_lab_use_proxy(lab, false);
    for (int turns = 0; turns < 12; turns++) {
        udp_flow_lab_say(lab, FAR, "x");
        for (int i = 0; i < turns; i++)
            loop_run_once(lab->engine.loop, 0);
        if (turns % 2)
            fake_dgram_end(lab->client, -ETIMEDOUT);
        else
            udp_flow_abort_all(&lab->engine.traffic);
        assert_true(lab->client->is_closed);
        assert_false(udp_flow_lab_has_flow(lab));
        engine_lab_settle(&lab->engine);
        assert_true(list_is_empty(&lab->proxy.peers)); /* the association is gone with it */
        fake_dgram_free(lab->client);
        lab->client = fake_dgram_new("192.0.2.9:5000");
        udp_flow_start(&lab->engine.traffic, "tun", &lab->client->dgram);
    }
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, udp_flow_lab_open, udp_flow_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_there_and_back),
        lab_test(test_through_an_association),
        lab_test(test_a_client_that_takes_nothing_is_not_counted),
        lab_test(test_no_udp_there_is_a_fact_and_the_next_one_carries),
        lab_test(test_nobody_carries_it),
        lab_test(test_a_dead_proxy_is_charged_and_left),
        lab_test(test_upstreams_without_udp),
        lab_test(test_a_block_is_final),
        lab_test(test_the_end_of_an_association_is_not_the_end),
        lab_test(test_so_many_wait_and_no_more),
        lab_test(test_nor_so_many_bytes),
        lab_test(test_at_the_limit),
        lab_test(test_the_end_of_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
