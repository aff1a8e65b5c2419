/* Several DNS servers as one: who is asked, in which order, for how long. */
#include "dns_peer.h"
#include "engine_lab.h"

#include "base/err.h"
#include "service/engine/resolver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUERY_ID = 0x1234, SERVERS = 2 };

struct lab {
    struct engine_lab engine;
    struct loopback_server servers[SERVERS];
    struct dns_peer peers[SERVERS];
    struct config_dns_server config_servers[SERVERS];
    struct config_dns config;
    struct resolver *resolver;
    struct resolver_query *query;
    int done, err, rcode;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    engine_lab_open(&lab->engine);
    for (int i = 0; i < SERVERS; i++) {
        loopback_server_open(&lab->servers[i], lab->engine.loop, dns_peer_answer, &lab->peers[i]);
        lab->config_servers[i].server = endpoint_from_address(&lab->servers[i].address);
    }
    lab->config = (struct config_dns){
        .servers = lab->config_servers, .servers_count = SERVERS, .timeout_ms = 4000};
    lab->resolver = resolver_new(&lab->engine.traffic.connector, &lab->config);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    resolver_free(lab->resolver);
    for (int i = 0; i < SERVERS; i++)
        loopback_server_close(&lab->servers[i]);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void on_done(void *owner, int err, uint8_t *answer, size_t size,
                    const struct endpoint *server)
{
    struct lab *lab = owner;

    lab->query = NULL;
    lab->done++;
    lab->err = err;
    assert_true((server != NULL) == (err == 0));
    if (err < 0)
        return;
    assert_true(size > 12);
    assert_int_equal(answer[0] << 8 | answer[1], QUERY_ID);
    lab->rcode = answer[3] & 15;
}

static int start(struct lab *lab)
{
    uint8_t query[512];
    ssize_t size = dns_message_query(QUERY_ID, "a.example", DNS_A, query, sizeof(query));
    return resolver_start(lab->resolver, query, (size_t)size, on_done, lab, &lab->query);
}

static void wait_done(struct lab *lab, int wanted)
{
    engine_lab_wait(&lab->engine, &lab->done, wanted);
}

static void resolve(struct lab *lab)
{
    int before = lab->done;
    assert_int_equal(start(lab), 0);
    wait_done(lab, before + 1);
}

static void test_the_first_is_asked(void **state)
{
    struct lab *lab = *state;

    resolve(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->peers[0].questions, 1);
    assert_int_equal(lab->peers[1].questions, 0);
}

static void test_a_closed_one_is_left_at_once(void **state)
{
    struct lab *lab = *state;

    lab->servers[0].on_bytes = loopback_slam;
    resolve(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->peers[1].questions, 1);
    lab->servers[0].on_bytes = dns_peer_answer;
    resolve(lab); /* the one that answered last is asked first from now on */
    assert_int_equal(lab->peers[0].questions, 0);
    assert_int_equal(lab->peers[1].questions, 2);
}

static void test_a_silent_one_is_left_at_half_time(void **state)
{
    struct lab *lab = *state;

    lab->peers[0].is_silent = true;
    assert_int_equal(start(lab), 0);
    engine_lab_wait(&lab->engine, &lab->peers[0].questions, 1);
    engine_lab_pass(&lab->engine, 1999);
    assert_int_equal(lab->peers[1].questions, 0);
    engine_lab_pass(&lab->engine, 1);
    wait_done(lab, 1);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->peers[1].questions, 1);
}

static void test_one_deadline_for_all(void **state)
{
    struct lab *lab = *state;

    lab->peers[0].is_silent = lab->peers[1].is_silent = true;
    assert_int_equal(start(lab), 0);
    engine_lab_wait(&lab->engine, &lab->peers[0].questions, 1);
    engine_lab_pass(&lab->engine, 2000);
    engine_lab_wait(&lab->engine, &lab->peers[1].questions, 1);
    engine_lab_pass(&lab->engine, 1999);
    assert_int_equal(lab->done, 0);
    engine_lab_pass(&lab->engine, 1);
    wait_done(lab, 1);
    assert_int_equal(lab->err, -ETIMEDOUT);
}

/* The only server, behind an upstream that takes what we say and lost the way there. */
static void test_a_dead_connection_is_not_asked_for_ever(void **state)
{
    struct lab *lab = *state;

    resolver_free(lab->resolver);
    lab->config.servers_count = 1;
    lab->resolver = resolver_new(&lab->engine.traffic.connector, &lab->config);
    resolve(lab);
    lab->peers[0].is_silent = true;
    assert_int_equal(start(lab), 0);
    engine_lab_wait(&lab->engine, &lab->peers[0].questions, 2);
    engine_lab_pass(&lab->engine, 4000);
    wait_done(lab, 2);
    assert_int_equal(lab->err, -ETIMEDOUT);
    lab->peers[0].is_silent = false;
    resolve(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->servers[0].accepted, 2);
}

static void test_one_that_cannot_is_not_the_last_word(void **state)
{
    struct lab *lab = *state;

    lab->peers[0].rcode = DNS_SERVFAIL;
    resolve(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->rcode, DNS_NOERROR);
    lab->peers[1].rcode = DNS_REFUSED;
    resolve(lab); /* the second first; nobody can */
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->rcode, DNS_SERVFAIL);
    assert_int_equal(lab->peers[0].questions, 2);
    assert_int_equal(lab->peers[1].questions, 2);
}

static void test_a_name_that_is_not_there_is_an_answer(void **state)
{
    struct lab *lab = *state;

    lab->peers[0].rcode = DNS_NXDOMAIN;
    resolve(lab);
    assert_int_equal(lab->rcode, DNS_NXDOMAIN);
    assert_int_equal(lab->peers[1].questions, 0);
}

/* A connection that was kept may have been closed just now: each is tried twice. */
static void test_all_closed(void **state)
{
    struct lab *lab = *state;

    lab->servers[0].on_bytes = lab->servers[1].on_bytes = loopback_slam;
    resolve(lab);
    assert_true(lab->err < 0);
    assert_int_equal(lab->servers[0].accepted, 2);
    assert_int_equal(lab->servers[1].accepted, 2);
}

static void test_nobody_to_carry_it(void **state)
{
    struct lab *lab = *state;

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    assert_int_equal(start(lab), ERR_NO_UPSTREAM);
    assert_int_equal(lab->done, 0);
}

static void test_cancel_at_any_moment(void **state)
{
    struct lab *lab = *state;

    lab->servers[0].on_bytes = loopback_slam; /* so that it goes on to the next */
    for (int turns = 0; turns < 12; turns++) {
        lab->done = 0;
        assert_int_equal(start(lab), 0);
        for (int i = 0; i < turns; i++)
            loop_run_once(lab->engine.loop, 0);
        resolver_cancel(lab->query);
        lab->query = NULL;
        engine_lab_settle(&lab->engine);
        assert_true(lab->done <= 1);
    }
}

static void race(struct lab *lab)
{
    resolver_free(lab->resolver);
    lab->config.strategy = CONFIG_DNS_RACE;
    lab->resolver = resolver_new(&lab->engine.traffic.connector, &lab->config);
}

static void test_a_slow_one_has_company_soon(void **state)
{
    struct lab *lab = *state;

    race(lab);
    lab->peers[0].is_silent = true;
    assert_int_equal(start(lab), 0);
    engine_lab_wait(&lab->engine, &lab->peers[0].questions, 1);
    engine_lab_pass(&lab->engine, 199); /* twice what is assumed at first */
    assert_int_equal(lab->peers[1].questions, 0);
    engine_lab_pass(&lab->engine, 1);
    wait_done(lab, 1);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->peers[1].questions, 1);
}

/* Time stands still, so every answer makes its server faster. */
static void test_the_fastest_is_asked_first(void **state)
{
    struct lab *lab = *state;

    race(lab);
    lab->servers[0].on_bytes = loopback_slam;
    resolve(lab); /* the first fails: it is slower from now on */
    lab->servers[0].on_bytes = dns_peer_answer;
    resolve(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->peers[0].questions, 0);
    assert_int_equal(lab->peers[1].questions, 2);
}

static void test_now_and_then_two_are_asked(void **state)
{
    struct lab *lab = *state;

    race(lab);
    for (int i = 0; i < 64; i++) {
        resolve(lab);
        engine_lab_pass(&lab->engine, 0);
    }
    assert_int_equal(lab->peers[0].questions, 64);
    assert_in_range(lab->peers[1].questions, 1, 2);
}

static void test_a_race_has_a_deadline_too(void **state)
{
    struct lab *lab = *state;

    race(lab);
    lab->peers[0].is_silent = lab->peers[1].is_silent = true;
    assert_int_equal(start(lab), 0);
    for (int i = 0; i < 39; i++)
        engine_lab_pass(&lab->engine, 100);
    assert_int_equal(lab->done, 0);
    engine_lab_pass(&lab->engine, 100);
    wait_done(lab, 1);
    assert_int_equal(lab->err, -ETIMEDOUT);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_the_first_is_asked),
        lab_test(test_a_closed_one_is_left_at_once),
        lab_test(test_a_silent_one_is_left_at_half_time),
        lab_test(test_one_deadline_for_all),
        lab_test(test_a_dead_connection_is_not_asked_for_ever),
        lab_test(test_one_that_cannot_is_not_the_last_word),
        lab_test(test_a_name_that_is_not_there_is_an_answer),
        lab_test(test_all_closed),
        lab_test(test_nobody_to_carry_it),
        lab_test(test_cancel_at_any_moment),
        lab_test(test_a_slow_one_has_company_soon),
        lab_test(test_the_fastest_is_asked_first),
        lab_test(test_now_and_then_two_are_asked),
        lab_test(test_a_race_has_a_deadline_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
