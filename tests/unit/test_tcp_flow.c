/* A TCP conversation from knock to end, where the name is known or plays no part. */
#include "tcp_flow_lab.h"

#include "base/err.h"
#include "service/engine/tcp_flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TARGET_REFUSED = 5 }; /* RFC 1928 sec. 6 */

#define TARGET "198.51.100.1:22"

static struct flow_counters counters(const struct tcp_flow_lab *lab)
{
    return lab->engine.traffic.flows.counters;
}

/* --- yes --- */

static void test_the_target_answers_first(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", TARGET);
    assert_false(lab->inbound->is_admitted);
    assert_int_equal(tcp_flow_lab_flow(lab)->state, FLOW_DIALING);
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    assert_int_equal(tcp_flow_lab_flow(lab)->state, FLOW_RELAYING);
    tcp_flow_lab_say(lab, "hello", 5);
    tcp_flow_lab_hear(lab, 5);
    assert_memory_equal(lab->heard, "hello", 5);
    assert_string_equal(tcp_flow_lab_flow(lab)->upstream->name, "proxy");
    assert_int_equal(tcp_flow_lab_flow(lab)->bytes.up, 5);
    assert_int_equal(tcp_flow_lab_flow(lab)->bytes.down, 5);
    assert_int_equal(lab->engine.tally.requests, 1);
    assert_int_equal(lab->engine.tally.bytes.up, 5);
    assert_int_equal(lab->engine.tally.bytes.down, 5);
    fake_stream_end(lab->inbound->client, ERR_EOF);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_closed);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_int_equal(counters(lab).opened[FLOW_TCP], 1);
    assert_int_equal(counters(lab).failed, 0);
}

static void test_what_came_early_is_carried(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "socks5", "host.example:22");
    tcp_flow_lab_say(lab, "early", 5);
    tcp_flow_lab_hear(lab, 5);
    assert_memory_equal(lab->heard, "early", 5);
    assert_string_equal(tcp_flow_lab_flow(lab)->host, "host.example");
}

/* An address that stands for a name goes to the name, which the upstream looks up. */
static void test_a_stand_in_is_dialed_by_name(void **state)
{
    struct tcp_flow_lab *lab = *state;
    struct stand_ins *table;
    struct address address;
    char target[ADDRESS_TEXT_MAX];

    assert_int_equal(stand_ins_open(-1, &table), 0);
    assert_int_equal(stand_ins_give(table, "far.example", 4, stand_ins_now_s(), &address), 0);
    address.port = 22;
    lab->engine.traffic.stand_ins = table;
    tcp_flow_lab_knock(lab, "tun", address_format(&address, target));
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    assert_string_equal(tcp_flow_lab_flow(lab)->host, "far.example");
    assert_true(endpoint_is_name(&tcp_flow_lab_flow(lab)->target));
    lab->engine.traffic.stand_ins = NULL;
    stand_ins_close(table);
}

static void test_a_stand_in_of_nobody_is_refused(void **state)
{
    struct tcp_flow_lab *lab = *state;
    struct stand_ins *table;

    assert_int_equal(stand_ins_open(-1, &table), 0);
    lab->engine.traffic.stand_ins = table;
    tcp_flow_lab_knock(lab, "tun", "198.19.1.1:443");
    assert_int_equal(lab->inbound->refused_err, -ECONNREFUSED);
    assert_true(tcp_flow_lab_is_over(lab));
    lab->engine.traffic.stand_ins = NULL;
    stand_ins_close(table);
}

static void test_a_bare_address_is_shown_by_name(void **state)
{
    struct tcp_flow_lab *lab = *state;
    struct address address;

    address_parse_ip("198.51.100.1", &address);
    name_cache_put(lab->engine.traffic.names, &address, "known.example", UINT64_MAX);
    tcp_flow_lab_knock(lab, "tun", TARGET);
    assert_string_equal(tcp_flow_lab_flow(lab)->host, "known.example");
}

/* --- no --- */

static void test_the_targets_no_is_passed_on(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy_code = TARGET_REFUSED;
    tcp_flow_lab_knock(lab, "tun", TARGET);
    tcp_flow_lab_until(lab, &lab->inbound->is_refused);
    assert_int_equal(lab->inbound->refused_err, ERR_TARGET_REFUSED);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_int_equal(counters(lab).failed, 1);
    assert_int_equal(lab->engine.tally.requests, 0);
}

static void test_nobody_to_carry_it(void **state)
{
    struct tcp_flow_lab *lab = *state;

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    tcp_flow_lab_knock(lab, "tun", TARGET);
    assert_true(lab->inbound->is_refused);
    assert_int_equal(lab->inbound->refused_err, ERR_NO_UPSTREAM);
    assert_true(tcp_flow_lab_is_over(lab));
}

static void test_at_the_limit(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->engine.traffic.flows.max[FLOW_TCP] = 0;
    tcp_flow_lab_knock(lab, "tun", TARGET);
    assert_int_equal(lab->inbound->refused_err, ERR_LIMIT);
    assert_int_equal(counters(lab).refused_at_limit[FLOW_TCP], 1);
    assert_true(tcp_flow_lab_is_over(lab));
}

static void test_a_blocked_name(void **state)
{
    struct tcp_flow_lab *lab = *state;

    engine_lab_block(&lab->engine, "ads.example\n");
    tcp_flow_lab_knock(lab, "socks5", "x.ads.example:443");
    assert_int_equal(lab->inbound->refused_err, ERR_BLOCKED);
    assert_int_equal(counters(lab).blocked, 1);
    assert_int_equal(counters(lab).failed, 0);
    assert_int_equal(lab->engine.told_blocked, 1);
    assert_int_equal(lab->proxy.accepted, 0);
}

static void test_an_address_of_a_blocked_name(void **state)
{
    struct tcp_flow_lab *lab = *state;
    struct address address;

    engine_lab_block(&lab->engine, "ads.example\n");
    address_parse_ip("198.51.100.1", &address);
    name_cache_put(lab->engine.traffic.names, &address, "ads.example", UINT64_MAX);
    tcp_flow_lab_knock(lab, "tun", TARGET);
    assert_int_equal(lab->inbound->refused_err, ERR_BLOCKED);
}

/* --- the client leaves --- */

static void test_gone_while_dialing(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", TARGET);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    fake_inbound_leave(lab->inbound);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_int_equal(counters(lab).failed, 0); /* nobody failed it */
    engine_lab_settle(&lab->engine);
    assert_true(loopback_newest(&lab->proxy)->has_ended);
}

static void test_gone_at_the_last_moment(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", TARGET);
    lab->inbound->admit_err = -ECONNRESET;
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_int_equal(counters(lab).failed, 0);
    engine_lab_settle(&lab->engine);
    assert_true(loopback_newest(&lab->proxy)->has_ended); /* the upstream is not left open */
}

static void test_a_reset_reaches_the_upstream(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", TARGET);
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    engine_lab_settle(&lab->engine);
    fake_stream_end(lab->inbound->client, -ECONNRESET);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_aborted);
    tcp_flow_lab_until(lab, &loopback_newest(&lab->proxy)->has_ended);
    assert_true(tcp_flow_lab_is_over(lab));
}

/* --- port 53 --- */

static void test_questions_are_answered_here(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t query[514];
    ssize_t size = dns_message_query(7, "ads.example", DNS_A, query + 2, 512);

    engine_lab_set_dns(&lab->engine, &lab->proxy.address, 1);
    engine_lab_block(&lab->engine, "ads.example\n");
    tcp_flow_lab_knock(lab, "tun", "198.51.100.1:53");
    assert_true(lab->inbound->is_admitted);
    query[0] = 0;
    query[1] = (uint8_t)size;
    tcp_flow_lab_say(lab, query, (size_t)size + 2);
    tcp_flow_lab_hear(lab, 14);
    assert_int_equal(lab->heard[3], 7);
    assert_int_equal(lab->proxy.accepted, 0);
}

static void test_who_asks_may_be_gone_as_well(void **state)
{
    struct tcp_flow_lab *lab = *state;

    engine_lab_set_dns(&lab->engine, &lab->proxy.address, 1);
    lab->inbound = fake_inbound_new(lab->engine.loop, "tun", "198.51.100.1:53");
    lab->inbound->admit_err = -ECONNRESET;
    tcp_flow_start(&lab->engine.traffic, &lab->inbound->inbound);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_true(list_is_empty(&lab->engine.traffic.dns_streams));
}

/* --- the end of the engine, at any moment --- */

static void test_the_end_of_all(void **state)
{
    struct tcp_flow_lab *lab = *state;

    for (int turns = 0; turns < 12; turns++) {
        tcp_flow_lab_knock(lab, "tun", TARGET);
        for (int i = 0; i < turns; i++)
            loop_run_once(lab->engine.loop, 0);
        tcp_flow_abort_all(&lab->engine.traffic);
        assert_true(tcp_flow_lab_is_over(lab));
        assert_true(lab->inbound->client->is_aborted);
        if (lab->inbound->is_refused)
            assert_int_equal(lab->inbound->refused_err, -ENETDOWN);
        engine_lab_settle(&lab->engine);
        fake_inbound_free(lab->inbound);
    }
    tcp_flow_lab_knock(lab, "tun", TARGET);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, tcp_flow_lab_open, tcp_flow_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_the_target_answers_first),
        lab_test(test_what_came_early_is_carried),
        lab_test(test_a_stand_in_is_dialed_by_name),
        lab_test(test_a_stand_in_of_nobody_is_refused),
        lab_test(test_a_bare_address_is_shown_by_name),
        lab_test(test_the_targets_no_is_passed_on),
        lab_test(test_nobody_to_carry_it),
        lab_test(test_at_the_limit),
        lab_test(test_a_blocked_name),
        lab_test(test_an_address_of_a_blocked_name),
        lab_test(test_gone_while_dialing),
        lab_test(test_gone_at_the_last_moment),
        lab_test(test_a_reset_reaches_the_upstream),
        lab_test(test_questions_are_answered_here),
        lab_test(test_who_asks_may_be_gone_as_well),
        lab_test(test_the_end_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
