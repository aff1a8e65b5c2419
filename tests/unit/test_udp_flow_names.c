/* An application's UDP socket: its questions, the names behind its peers, what may not pass. */
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

#include <cmocka.h>

enum { QUESTIONS_MAX = 256 };

#define SERVER "198.51.100.53:53"
#define FAR    "198.51.100.1:5000"

static void remember(struct udp_flow_lab *lab, const char *name)
{
    struct address address;
    address_parse_ip("198.51.100.1", &address);
    name_cache_put(lab->engine.traffic.names, &address, name, UINT64_MAX);
}

/* --- questions --- */

static void ask(struct udp_flow_lab *lab, uint16_t id, const char *name)
{
    uint8_t query[512];
    ssize_t size = dns_message_query(id, name, DNS_A, query, sizeof(query));
    assert_true(fake_dgram_deliver(lab->client, SERVER, query, (size_t)size));
}

static void test_questions_are_answered_as_if_by_the_server(void **state)
{
    struct udp_flow_lab *lab = *state;
    char from[ENDPOINT_TEXT_MAX];

    engine_lab_block(&lab->engine, "ads.example\n");
    ask(lab, 1, "ads.example");
    assert_int_equal(lab->client->sent, 1); /* at once */
    ask(lab, 2, "a.example");
    engine_lab_wait(&lab->engine, &lab->client->sent, 2);
    assert_string_equal(endpoint_format(&lab->client->kept[1].peer, from), SERVER);
    assert_int_equal(lab->client->kept[1].data[1], 2);
    assert_false(udp_flow_lab_has_flow(lab)); /* no conversation of its own */
}

static void test_junk_is_no_question(void **state)
{
    struct udp_flow_lab *lab = *state;

    assert_true(udp_flow_lab_say(lab, SERVER, "junk"));
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->client->sent, 0);
}

static void test_so_many_questions_and_no_more(void **state)
{
    struct udp_flow_lab *lab = *state;
    char name[32];

    lab->dns_peer.is_silent = true;
    for (int i = 0; i < QUESTIONS_MAX + 3; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        ask(lab, (uint16_t)i, name);
    }
    assert_int_equal(lab->engine.traffic.flows.counters.dropped, 3);
    engine_lab_settle(&lab->engine);
}

static void test_gone_before_the_answer(void **state)
{
    struct udp_flow_lab *lab = *state;

    ask(lab, 1, "a.example");
    fake_dgram_end(lab->client, -ETIMEDOUT);
    assert_true(lab->client->is_closed);
    engine_lab_settle(&lab->engine);
}

/* --- what may not pass --- */

static void test_quic_is_refused(void **state)
{
    struct udp_flow_lab *lab = *state;

    assert_false(udp_flow_lab_say(lab, "198.51.100.1:443", "quic"));
    assert_false(udp_flow_lab_has_flow(lab));
    lab->engine.traffic.refuses_quic = false;
    assert_true(udp_flow_lab_say(lab, "127.0.0.1:443", "quic"));
}

static void test_an_address_of_a_blocked_name(void **state)
{
    struct udp_flow_lab *lab = *state;

    engine_lab_block(&lab->engine, "ads.example\n");
    remember(lab, "ads.example");
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
    assert_int_equal(lab->engine.told_blocked, 1); /* the same peer is judged once */
    assert_false(udp_flow_lab_has_flow(lab));
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "x")); /* others pass, from the same socket */
    udp_flow_lab_hear(lab, 1, lab->echo_text, "x");
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
    assert_int_equal(lab->engine.told_blocked, 2);
}

static void test_another_filter_judges_again(void **state)
{
    struct udp_flow_lab *lab = *state;

    remember(lab, "ads.example");
    engine_lab_block(&lab->engine, "other.example\n");
    assert_true(udp_flow_lab_say(lab, FAR, "x"));
    engine_lab_filter(&lab->engine, "ads.example\n", "nothing.example\n");
    assert_false(udp_flow_lab_say(lab, FAR, "x"));
}

static void test_a_blocked_name(void **state)
{
    struct udp_flow_lab *lab = *state;

    engine_lab_block(&lab->engine, "ads.example\n");
    assert_false(udp_flow_lab_say(lab, "x.ads.example:5000", "x"));
}

/* --- peers that are names --- */

static void test_a_proxy_takes_names(void **state)
{
    struct udp_flow_lab *lab = *state;

    udp_flow_lab_use_proxy(lab, false);
    udp_flow_lab_say(lab, "two.example:5000", "x");
    udp_flow_lab_hear(lab, 1, "two.example:5000", "x");
    assert_int_equal(lab->dns_peer.questions, 0);
}

/* Sent is counted; two.example is 127.0.0.2 first, where nobody is. */
static void test_a_socket_of_our_own_needs_addresses(void **state)
{
    struct udp_flow_lab *lab = *state;
    char name[64];

    snprintf(name, sizeof(name), "nothing.example:%u", lab->echo.address.port);
    udp_flow_lab_say(lab, name, "lost"); /* it does not exist */
    engine_lab_wait(&lab->engine, &lab->dns_peer.questions, 2);
    engine_lab_settle(&lab->engine);
    assert_int_equal(udp_flow_lab_flow(lab)->bytes.up, 0);
    snprintf(name, sizeof(name), "two.example:%u", lab->echo.address.port);
    udp_flow_lab_say(lab, name, "x");
    for (int i = 0; i < 3000 && udp_flow_lab_flow(lab)->bytes.up == 0; i++)
        loop_run_once(lab->engine.loop, 10);
    assert_int_equal(udp_flow_lab_flow(lab)->bytes.up, 1);
}

static void test_gone_while_a_name_is_looked_up(void **state)
{
    struct udp_flow_lab *lab = *state;

    lab->dns_peer.is_silent = true;
    udp_flow_lab_say(lab, "two.example:5000", "x");
    udp_flow_lab_say(lab, "other.example:5000", "x");
    engine_lab_wait(&lab->engine, &lab->dns_peer.questions, 4);
    fake_dgram_end(lab->client, -ETIMEDOUT);
    assert_false(udp_flow_lab_has_flow(lab));
}

static void test_a_rule_puts_another_in_the_place_of_a_name(void **state)
{
    struct udp_flow_lab *lab = *state;

    engine_lab_rules(&lab->engine, "||here.example^$dnsrewrite=192.0.2.7\n"
                                   "||alias.example^$dnsrewrite=other.example\n"
                                   "||own.example^$dnsrewrite=127.0.0.1\n");
    udp_flow_lab_use_proxy(lab, false);
    udp_flow_lab_say(lab, "here.example:5000", "x");
    udp_flow_lab_hear(lab, 1, "192.0.2.7:5000", "x");
    udp_flow_lab_say(lab, "here.example:5000", "again");
    udp_flow_lab_hear(lab, 2, "192.0.2.7:5000", "again");
    udp_flow_lab_say(lab, "w.alias.example:5000", "y");
    udp_flow_lab_hear(lab, 3, "other.example:5000", "y");
    assert_false(udp_flow_lab_say(lab, "own.example:5000", "z"));
}

/* --- peers that are stand-ins --- */

static void stand_in_for(struct udp_flow_lab *lab, const char *name, uint16_t port,
                         char text[ADDRESS_TEXT_MAX])
{
    struct address address;

    if (!lab->engine.traffic.stand_ins)
        assert_int_equal(stand_ins_open(-1, &lab->engine.traffic.stand_ins), 0);
    assert_int_equal(
        stand_ins_give(lab->engine.traffic.stand_ins, name, 4, stand_ins_now_s(), &address), 0);
    address.port = port;
    address_format(&address, text);
}

static int close_stand_ins(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct stand_ins *table = lab->engine.traffic.stand_ins;
    int err = udp_flow_lab_close(state);

    stand_ins_close(table);
    return err;
}

/* The peer is asked for by the address that its name has; what it says comes from the stand-in. */
static void test_a_stand_in_answers_as_itself(void **state)
{
    struct udp_flow_lab *lab = *state;
    struct udp_echo echo = {0};
    char peer[ADDRESS_TEXT_MAX];

    udp_echo_open(&echo, lab->engine.loop, 2); /* two.example */
    stand_in_for(lab, "two.example", echo.address.port, peer);
    assert_true(udp_flow_lab_say(lab, peer, "one"));
    udp_flow_lab_hear(lab, 1, peer, "one");
    assert_int_equal(lab->dns_peer.questions, 2);
    assert_true(udp_flow_lab_say(lab, peer, "second")); /* by what is known now */
    udp_flow_lab_hear(lab, 2, peer, "second");
    assert_true(udp_flow_lab_say(lab, lab->echo_text, "other"));
    udp_flow_lab_hear(lab, 3, lab->echo_text, "other");
    assert_int_equal(lab->dns_peer.questions, 2);
    assert_string_equal(udp_flow_lab_flow(lab)->host, "two.example");
    udp_echo_close(&echo);
}

static void test_a_stand_in_of_a_name_with_another_in_its_place(void **state)
{
    struct udp_flow_lab *lab = *state;
    char peer[ADDRESS_TEXT_MAX];

    engine_lab_rules(&lab->engine, "||here.example^$dnsrewrite=192.0.2.7\n");
    udp_flow_lab_use_proxy(lab, false);
    stand_in_for(lab, "here.example", 5000, peer); /* given before the rule came */
    assert_true(udp_flow_lab_say(lab, peer, "one"));
    udp_flow_lab_hear(lab, 1, peer, "one");
    assert_true(udp_flow_lab_say(lab, peer, "second"));
    udp_flow_lab_hear(lab, 2, peer, "second");
    assert_int_equal(lab->dns_peer.questions, 0);
}

static void test_a_stand_in_of_a_blocked_name_or_of_nobody(void **state)
{
    struct udp_flow_lab *lab = *state;
    char peer[ADDRESS_TEXT_MAX];

    engine_lab_block(&lab->engine, "ads.example\n");
    stand_in_for(lab, "ads.example", 5000, peer); /* given before the list came */
    assert_false(udp_flow_lab_say(lab, peer, "x"));
    assert_false(udp_flow_lab_say(lab, "198.19.255.1:5000", "x"));
    assert_false(udp_flow_lab_has_flow(lab));
}

#define stand_in_test(fn) cmocka_unit_test_setup_teardown(fn, udp_flow_lab_open, close_stand_ins)
#define lab_test(fn)      cmocka_unit_test_setup_teardown(fn, udp_flow_lab_open, udp_flow_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_questions_are_answered_as_if_by_the_server),
        lab_test(test_junk_is_no_question),
        lab_test(test_so_many_questions_and_no_more),
        lab_test(test_gone_before_the_answer),
        lab_test(test_quic_is_refused),
        lab_test(test_an_address_of_a_blocked_name),
        lab_test(test_another_filter_judges_again),
        lab_test(test_a_blocked_name),
        lab_test(test_a_proxy_takes_names),
        lab_test(test_a_rule_puts_another_in_the_place_of_a_name),
        lab_test(test_a_socket_of_our_own_needs_addresses),
        lab_test(test_gone_while_a_name_is_looked_up),
        stand_in_test(test_a_stand_in_answers_as_itself),
        stand_in_test(test_a_stand_in_of_a_name_with_another_in_its_place),
        stand_in_test(test_a_stand_in_of_a_blocked_name_or_of_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
