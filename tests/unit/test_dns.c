/* The resolver that applications see, against a DNS server of our own on loopback. */
#include "dns_peer.h"
#include "engine_lab.h"

#include "base/err.h"
#include "service/engine/dns_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lab {
    struct engine_lab engine;
    struct dns *dns;
    struct loopback_server server;
    struct dns_peer peer;
    /* The asker. */
    uint8_t answer[DNS_MESSAGE_MAX];
    size_t size;
    int answers;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    engine_lab_open(&lab->engine);
    loopback_server_open(&lab->server, lab->engine.loop, dns_peer_answer, &lab->peer);
    engine_lab_set_dns(&lab->engine, &lab->server.address, 1);
    lab->dns = lab->engine.traffic.dns;
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    loopback_server_close(&lab->server);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void on_answer(void *owner, const uint8_t *answer, size_t size)
{
    struct lab *lab = owner;
    memcpy(lab->answer, answer, size);
    lab->size = size;
    lab->answers++;
}

/* Ask as an application would, and wait for `answers` to be reached. */
static void ask(struct lab *lab, const uint8_t *query, size_t size, bool is_stream)
{
    struct dns_asker asker = {NULL, is_stream, on_answer, lab};
    struct dns_wait *wait;
    ssize_t got = dns_ask(lab->dns, query, size, &asker, lab->answer,
                          is_stream ? sizeof(lab->answer) : DNS_UDP_OURS, &wait);

    assert_true(got >= 0);
    if (got > 0) {
        lab->size = (size_t)got;
        lab->answers++;
    }
}

static void wait_for(struct lab *lab, int answers)
{
    engine_lab_wait(&lab->engine, &lab->answers, answers);
}

static size_t make_query(uint16_t id, const char *name, uint16_t qtype, uint8_t to[512])
{
    ssize_t size = dns_message_query(id, name, qtype, to, 512);
    assert_true(size > 0);
    return (size_t)size;
}

static int rcode_of(const struct lab *lab)
{
    return lab->answer[3] & 15;
}

/* --- what it promises --- */

static void test_answers_and_keeps(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(0x1234, "a.example", DNS_A, query);
    struct address address;

    ask(lab, query, size, false);
    wait_for(lab, 1);
    assert_int_equal(lab->answer[0] << 8 | lab->answer[1], 0x1234);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
    query[0] = 0x77;
    query[13] = 'A'; /* another spelling of the name is echoed, RFC 5452 */
    ask(lab, query, size, false);
    assert_int_equal(lab->answers, 2); /* at once */
    assert_int_equal(lab->answer[0], 0x77);
    assert_int_equal(lab->answer[13], 'A');
    assert_int_equal(lab->peer.questions, 1);
    address_parse_ip("192.0.2.1", &address);
    assert_string_equal(name_cache_find(lab->engine.traffic.names, &address, lab->engine.now_ms),
                        "a.example");
}

static void test_alike_questions_are_asked_once(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    for (int i = 0; i < 5; i++)
        ask(lab, query, size, false);
    wait_for(lab, 5);
    assert_int_equal(lab->peer.questions, 1);
}

static void test_long_answers_are_cut_for_datagrams_only(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "big.example", DNS_A, query);

    for (int round = 0; round < 2; round++) { /* from the server, then from the cache */
        ask(lab, query, size, false);
        wait_for(lab, 2 * round + 1);
        assert_true(lab->answer[2] & 2); /* TC */
        ask(lab, query, size, true);
        wait_for(lab, 2 * round + 2);
        assert_false(lab->answer[2] & 2);
        assert_true(lab->size > DNS_PEER_BIG * 16);
    }
}

static void test_a_failing_server_is_servfail(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    lab->server.on_bytes = loopback_slam;
    ask(lab, query, size, false);
    wait_for(lab, 1);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    assert_int_equal(lab->server.accepted, 2); /* a kept one may have been closed just now */
    lab->server.on_bytes = dns_peer_answer;
    ask(lab, query, size, false); /* RFC 9520: not again at once */
    wait_for(lab, 2);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    assert_int_equal(lab->server.accepted, 2);
    assert_int_equal(dns_stats(lab->dns).known_failures, 1);
    engine_lab_pass(&lab->engine, 1000);
    ask(lab, query, size, false);
    wait_for(lab, 3);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
}

/* What a server cannot resolve is asked less and less often. */
static void test_a_broken_name_is_left_alone(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "broken.example", DNS_A, query);

    lab->peer.rcode = DNS_SERVFAIL;
    ask(lab, query, size, false);
    wait_for(lab, 1);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    int questions = lab->peer.questions;
    engine_lab_pass(&lab->engine, 4000);
    for (int i = 0; i < 10; i++)
        ask(lab, query, size, false);
    wait_for(lab, 11);
    assert_int_equal(lab->peer.questions, questions);
    engine_lab_pass(&lab->engine, 1000);
    lab->peer.rcode = 0;
    ask(lab, query, size, false);
    wait_for(lab, 12);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
}

static void test_nobody_waits_for_nothing(void **state)
{
    struct lab *lab = *state;
    struct dns_asker asker = {NULL, false, on_answer, lab};
    struct dns_wait *wait;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    assert_int_equal(dns_ask(lab->dns, query, size, &asker, lab->answer, DNS_UDP_OURS, &wait), 0);
    dns_wait_cancel(wait);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->answers, 0);
    assert_int_equal(dns_ask(lab->dns, "junk", 4, &asker, lab->answer, 512, &wait) < 0, 1);
}

static void on_looked_up(void *owner, int err, const struct address *addresses, size_t count)
{
    struct lab *lab = owner;

    lab->answers++;
    lab->size = count;
    if (err == 0)
        assert_int_equal(addresses[0].family, 4);
    else
        assert_int_equal(err, ERR_NAME);
}

static void test_lookup(void **state)
{
    struct lab *lab = *state;
    struct dns_lookup *lookup;

    for (int round = 1; round <= 2; round++) {
        assert_int_equal(dns_lookup_start(lab->dns, "a.example", on_looked_up, lab, &lookup), 0);
        assert_int_equal(lab->answers, round - 1); /* never from inside the call */
        wait_for(lab, round);
        assert_int_equal(lab->size, 2);
    }
    assert_int_equal(dns_lookup_start(lab->dns, "nothing.example", on_looked_up, lab, &lookup), 0);
    wait_for(lab, 3);
    assert_int_equal(lab->size, 0);
    assert_int_equal(dns_lookup_start(lab->dns, "b.example", on_looked_up, lab, &lookup), 0);
    dns_lookup_cancel(lookup);
}

static void test_another_configuration(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    ask(lab, query, size, false);
    assert_int_equal(dns_configure(lab->dns, &lab->engine.dns), 0);
    assert_int_equal(lab->answers, 1);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    ask(lab, query, size, false);
    wait_for(lab, 2);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
}

/* --- the filter --- */

static void ask_name(struct lab *lab, const char *name)
{
    uint8_t query[512];
    int before = lab->answers;

    ask(lab, query, make_query(9, name, DNS_A, query), false);
    wait_for(lab, before + 1);
}

static struct dns_answer parse(const struct lab *lab, const char *name)
{
    struct dns_question question;
    struct dns_answer answer;
    uint8_t query[512];
    size_t size = make_query(9, name, DNS_A, query);

    assert_int_equal(dns_message_parse_question(query, size, &question), 0);
    assert_int_equal(dns_message_parse_answer(lab->answer, lab->size, &question, &answer), 0);
    return answer;
}

static void test_a_blocked_name_is_not_asked(void **state)
{
    struct lab *lab = *state;

    engine_lab_block(&lab->engine, "ads.example\n");
    ask_name(lab, "x.ads.example");
    assert_int_equal(lab->peer.questions, 0);
    assert_int_equal(parse(lab, "x.ads.example").address_count, 1);
    assert_int_equal(parse(lab, "x.ads.example").addresses[0].ip[0], 0);
    assert_int_equal(lab->engine.told_blocked, 1);
    assert_int_equal(dns_stats(lab->dns).policy.blocked, 1);
}

static void test_a_blocked_alias_blocks(void **state)
{
    struct lab *lab = *state;
    struct address hidden;

    engine_lab_block(&lab->engine, "ads.example\n");
    for (int round = 1; round <= 2; round++) { /* what is kept is judged again */
        ask_name(lab, "alias.example");
        assert_int_equal(parse(lab, "alias.example").addresses[0].ip[0], 0);
        assert_int_equal(lab->engine.told_blocked, round);
    }
    assert_int_equal(lab->peer.questions, 1);
    address_parse_ip("192.0.2.7", &hidden);
    assert_null(name_cache_find(lab->engine.traffic.names, &hidden, lab->engine.now_ms));
}

static void test_an_exception_speaks_for_the_aliases_too(void **state)
{
    struct lab *lab = *state;

    engine_lab_filter(&lab->engine, "ads.example\n", "alias.example\n");
    ask_name(lab, "alias.example");
    assert_int_equal(parse(lab, "alias.example").addresses[0].ip[0], 192);
}

static void test_the_filter_changed(void **state)
{
    struct lab *lab = *state;

    ask_name(lab, "alias.example");
    engine_lab_block(&lab->engine, "ads.example\n");
    ask_name(lab, "alias.example");
    assert_int_equal(parse(lab, "alias.example").addresses[0].ip[0], 0);
}

/* 0.0.0.0 would be this very host. */
static void test_what_stands_for_nowhere_is_no_address(void **state)
{
    struct lab *lab = *state;
    struct dns_lookup *lookup;

    assert_int_equal(dns_lookup_start(lab->dns, "nowhere.example", on_looked_up, lab, &lookup), 0);
    wait_for(lab, 1);
    assert_int_equal(lab->size, 0);
}

/* Two who ask alike but for a flag: each hears his own back. */
static void test_an_answer_fits_its_asker(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    for (int round = 0; round < 2; round++) {
        query[2] = round == 0 ? 1 : 0; /* RD */
        ask(lab, query, size, false);
        wait_for(lab, round + 1);
        assert_int_equal(lab->answer[2] & 1, query[2] & 1);
        assert_int_equal(lab->answer[3] & 0x80, 0x80); /* RA */
    }
    assert_int_equal(lab->peer.questions, 1);
}

/* --- beyond its time --- */

static uint32_t ttl_after(struct lab *lab, int answers)
{
    uint8_t query[512];
    struct dns_question question;
    struct dns_answer answer;
    size_t size = make_query(1, "a.example", DNS_A, query);

    ask(lab, query, size, false);
    wait_for(lab, answers);
    assert_int_equal(dns_message_parse_question(query, size, &question), 0);
    assert_int_equal(dns_message_parse_answer(lab->answer, lab->size, &question, &answer), 0);
    assert_int_equal(answer.address_count, 1);
    return answer.ttl_s;
}

static void test_stale_where_the_server_fails(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(ttl_after(lab, 1), 60);
    engine_lab_pass(&lab->engine, 61000);
    lab->peer.rcode = DNS_SERVFAIL;
    assert_int_equal(ttl_after(lab, 2), ANSWER_STALE_TTL_S);
    int questions = lab->peer.questions;
    assert_int_equal(ttl_after(lab, 3), ANSWER_STALE_TTL_S);
    assert_int_equal(lab->peer.questions, questions); /* the server is left alone for a while */
    assert_int_equal(dns_stats(lab->dns).stale, 2);
    lab->peer.rcode = 0;
    engine_lab_pass(&lab->engine, 31000);
    assert_int_equal(ttl_after(lab, 4), 60);
}

static void test_stale_where_nobody_can_be_asked(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(ttl_after(lab, 1), 60);
    engine_lab_pass(&lab->engine, 61000); /* the connection was idle and is closed */
    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    assert_int_equal(ttl_after(lab, 2), ANSWER_STALE_TTL_S);
    assert_int_equal(dns_stats(lab->dns).stale, 1);
}

static void test_stale_where_the_server_is_slow(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    assert_int_equal(ttl_after(lab, 1), 60);
    engine_lab_pass(&lab->engine, 61000);
    lab->peer.is_silent = true;
    ask(lab, query, size, false);
    engine_lab_pass(&lab->engine, 1700);
    assert_int_equal(lab->answers, 1);
    engine_lab_pass(&lab->engine, 100);
    assert_int_equal(lab->answers, 2);
    assert_int_equal(ttl_after(lab, 3), ANSWER_STALE_TTL_S); /* others do not wait at all */
    engine_lab_pass(&lab->engine, 10000); /* the question is given up, for nobody */
    assert_int_equal(dns_stats(lab->dns).failed, 1);
}

static void test_prefetch(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(ttl_after(lab, 1), 60);
    engine_lab_pass(&lab->engine, 57000);
    assert_int_equal(ttl_after(lab, 2), 3);
    assert_int_equal(ttl_after(lab, 3), 3);
    engine_lab_wait(&lab->engine, &lab->peer.questions, 2);
    for (int i = 0; i < 100 && ttl_after(lab, lab->answers + 1) < 60; i++)
        engine_lab_settle(&lab->engine); /* the answer is on its way */
    assert_int_equal(ttl_after(lab, lab->answers + 1), 60);
    assert_int_equal(lab->peer.questions, 2);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_answers_and_keeps),
        lab_test(test_alike_questions_are_asked_once),
        lab_test(test_long_answers_are_cut_for_datagrams_only),
        lab_test(test_a_failing_server_is_servfail),
        lab_test(test_a_broken_name_is_left_alone),
        lab_test(test_nobody_waits_for_nothing),
        lab_test(test_lookup),
        lab_test(test_another_configuration),
        lab_test(test_a_blocked_name_is_not_asked),
        lab_test(test_a_blocked_alias_blocks),
        lab_test(test_an_exception_speaks_for_the_aliases_too),
        lab_test(test_the_filter_changed),
        lab_test(test_what_stands_for_nowhere_is_no_address),
        lab_test(test_an_answer_fits_its_asker),
        lab_test(test_stale_where_the_server_fails),
        lab_test(test_stale_where_nobody_can_be_asked),
        lab_test(test_stale_where_the_server_is_slow),
        lab_test(test_prefetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
