/* How we stand towards the upstreams: what is reported, when it is tried again. */
#include "engine_lab.h"

#include "base/err.h"
#include "service/engine/health.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct lab {
    struct engine_lab engine;
    struct health health;
    struct loopback_server proxy, first, second; /* two targets */
    uint8_t proxy_code;
    struct address nobody;
    int nobody_fd;
    /* The last report. */
    int reports;
    enum health_state state;
    char reason[HEALTH_REASON_MAX], upstream[UPSTREAM_NAME_MAX + 1];
};

static void on_report(void *owner, enum health_state state, const char *reason,
                      const char *upstream)
{
    struct lab *lab = owner;

    lab->reports++;
    lab->state = state;
    strcpy(lab->reason, reason);
    strcpy(lab->upstream, upstream);
}

static void on_outcome(void *owner, int err)
{
    struct lab *lab = owner;
    health_note(&lab->health, err);
}

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    struct connector *connector = &lab->engine.traffic.connector;
    struct endpoint targets[2];

    engine_lab_open(&lab->engine);
    pool_set_seed(connector->pool, 1);
    connector->on_outcome = on_outcome;
    connector->owner = lab;
    loopback_server_open(&lab->proxy, lab->engine.loop, loopback_socks5, &lab->proxy_code);
    loopback_server_open(&lab->first, lab->engine.loop, NULL, NULL);
    loopback_server_open(&lab->second, lab->engine.loop, NULL, NULL);
    lab->nobody_fd = loopback_nobody(&lab->nobody);
    targets[0] = endpoint_from_address(&lab->first.address);
    targets[1] = endpoint_from_address(&lab->second.address);
    health_init(&lab->health, connector, on_report, lab);
    health_set_targets(&lab->health, targets, 2);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    health_stop(&lab->health);
    loopback_server_close(&lab->proxy);
    loopback_server_close(&lab->first);
    loopback_server_close(&lab->second);
    close(lab->nobody_fd);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void use(struct lab *lab, const char *name, const struct address *server)
{
    const struct upstream_options proxy = engine_lab_socks5(name, server);
    engine_lab_set_upstreams(&lab->engine, &proxy, 1);
}

static void start(struct lab *lab)
{
    health_start(&lab->health);
    assert_int_equal(lab->state, HEALTH_CONNECTING);
    assert_int_equal(lab->reports, 1);
}

static void wait_state(struct lab *lab, enum health_state state)
{
    for (int i = 0; i < 3000 && lab->state != state; i++)
        loop_run_once(lab->engine.loop, 10);
    assert_int_equal(lab->state, state);
}

/* --- well --- */

static void test_one_probe_is_enough(void **state)
{
    struct lab *lab = *state;

    start(lab);
    wait_state(lab, HEALTH_ON);
    assert_string_equal(lab->upstream, "direct");
    engine_lab_pass(&lab->engine, 100000);
    assert_int_equal(lab->first.accepted + lab->second.accepted, 1);
    assert_int_equal(lab->reports, 2);
}

static void test_a_flow_that_worked_is_as_good(void **state)
{
    struct lab *lab = *state;

    use(lab, "dead", &lab->nobody);
    start(lab);
    wait_state(lab, HEALTH_FAILING);
    health_note(&lab->health, 0);
    assert_int_equal(lab->state, HEALTH_ON);
    engine_lab_pass(&lab->engine, 100000);
    assert_int_equal(lab->state, HEALTH_ON); /* and no probe says otherwise */
}

/* The upstream works; that the target does not is not for us to tell. */
static void test_a_targets_trouble_shows_a_working_proxy(void **state)
{
    struct lab *lab = *state;

    lab->proxy_code = 5;
    use(lab, "proxy", &lab->proxy.address);
    start(lab);
    wait_state(lab, HEALTH_ON);
}

/* --- ill --- */

static void test_refused_is_failing_until_it_works(void **state)
{
    struct lab *lab = *state;
    uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};

    use(lab, "dead", &lab->nobody);
    start(lab);
    wait_state(lab, HEALTH_FAILING);
    assert_string_equal(lab->upstream, "dead");
    assert_string_equal(lab->reason, "dead: Connection refused");
    for (size_t i = 0; i < 3; i++) {
        engine_lab_pass(&lab->engine, waits[i] - 1);
        engine_lab_pass(&lab->engine, 1);
    }
    assert_int_equal(lab->reports, 2); /* the same again is no news */
    for (size_t i = 3; i < sizeof(waits) / sizeof(*waits); i++)
        engine_lab_pass(&lab->engine, waits[i]);
    use(lab, "proxy", &lab->proxy.address);
    engine_lab_pass(&lab->engine, 30000);
    wait_state(lab, HEALTH_ON);
    assert_string_equal(lab->upstream, "proxy");
}

static void refuse_login(struct loopback_peer *peer)
{
    loopback_say(peer, "\5\377", 2); /* RFC 1928 sec. 3: none of these methods */
    loopback_use_up(peer, peer->size);
}

static void test_a_login_that_is_wrong_needs_a_person(void **state)
{
    struct lab *lab = *state;

    lab->proxy.on_bytes = refuse_login;
    use(lab, "proxy", &lab->proxy.address);
    start(lab);
    wait_state(lab, HEALTH_BLOCKED);
    assert_non_null(strstr(lab->reason, err_text(ERR_AUTH)));
}

static void test_so_does_an_upstream_that_blocks(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options block = {.name = "block", .kind = UPSTREAM_BLOCK};

    engine_lab_set_upstreams(&lab->engine, &block, 1);
    start(lab);
    wait_state(lab, HEALTH_BLOCKED);
    assert_string_equal(lab->upstream, "block");
}

static void test_and_none_at_all(void **state)
{
    struct lab *lab = *state;

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    start(lab);
    wait_state(lab, HEALTH_BLOCKED);
    assert_string_equal(lab->upstream, "");
}

static void test_another_one_carries_on(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options list[] = {engine_lab_socks5("dead", &lab->nobody),
                                            engine_lab_socks5("proxy", &lab->proxy.address)};

    engine_lab_set_upstreams(&lab->engine, list, 2);
    start(lab);
    wait_state(lab, HEALTH_ON);
    assert_string_equal(lab->upstream, "proxy");
    health_note(&lab->health, -ECONNREFUSED);
    assert_int_equal(lab->state, HEALTH_ON);
}

static void test_the_only_one_dies(void **state)
{
    struct lab *lab = *state;
    struct pool *pool = lab->engine.traffic.connector.pool;
    struct pool_member member;

    use(lab, "proxy", &lab->proxy.address);
    start(lab);
    wait_state(lab, HEALTH_ON);
    pool_members(pool, &member, 1);
    pool_report(pool, member.upstream, -ECONNREFUSED, lab->engine.now_ms);
    health_note(&lab->health, -ECONNREFUSED);
    assert_int_equal(lab->state, HEALTH_FAILING);
    for (int i = 0; i < 10 && lab->state != HEALTH_ON; i++)
        engine_lab_pass(&lab->engine, 5000); /* its rest ends; a probe finds out */
    assert_int_equal(lab->state, HEALTH_ON);
}

/* --- nothing to do --- */

static void test_who_looks_finds_out(void **state)
{
    struct lab *lab = *state;

    use(lab, "proxy", &lab->proxy.address);
    start(lab);
    wait_state(lab, HEALTH_ON);
    size_t probes = lab->proxy.accepted;
    health_look(&lab->health); /* known well enough */
    engine_lab_pass(&lab->engine, 9000);
    health_look(&lab->health);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->proxy.accepted, probes);
    engine_lab_pass(&lab->engine, 2000);
    health_look(&lab->health);
    health_look(&lab->health);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, probes + 1);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->state, HEALTH_ON);
    engine_lab_pass(&lab->engine, 100000); /* and nothing more while nobody looks */
    assert_int_equal(lab->proxy.accepted, probes + 1);
}

static void test_a_dead_one_is_noticed_without_traffic(void **state)
{
    struct lab *lab = *state;

    use(lab, "proxy", &lab->proxy.address);
    start(lab);
    wait_state(lab, HEALTH_ON);
    loopback_server_close(&lab->proxy);
    engine_lab_pass(&lab->engine, 60000);
    assert_int_equal(lab->state, HEALTH_ON); /* nobody asked */
    health_look(&lab->health);
    wait_state(lab, HEALTH_FAILING);
    loopback_server_open(&lab->proxy, lab->engine.loop, loopback_socks5, &lab->proxy_code);
}

/* --- from outside --- */

static void test_a_complaint_stays_until_something_better_is_known(void **state)
{
    struct lab *lab = *state;
    struct upstream_options unresolved = engine_lab_socks5("far", &lab->proxy.address);

    unresolved.needs_admission = true;
    engine_lab_set_upstreams(&lab->engine, &unresolved, 1);
    start(lab);
    health_complain(&lab->health, "far", ERR_NAME);
    assert_int_equal(lab->state, HEALTH_FAILING);
    assert_string_equal(lab->upstream, "far");
    engine_lab_pass(&lab->engine, 5000);
    assert_non_null(strstr(lab->reason, err_text(ERR_NAME))); /* not "no upstream" */
    use(lab, "proxy", &lab->proxy.address);
    health_retry(&lab->health); /* at once */
    wait_state(lab, HEALTH_ON);
    health_complain(&lab->health, "far", ERR_NAME);
    assert_int_equal(lab->state, HEALTH_ON);
}

static void test_targets_take_turns(void **state)
{
    struct lab *lab = *state;

    for (int i = 0; i < 4; i++) {
        lab->reports = 0;
        start(lab);
        wait_state(lab, HEALTH_ON);
    }
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->first.accepted, 2);
    assert_int_equal(lab->second.accepted, 2);
}

static void test_nothing_after_the_end(void **state)
{
    struct lab *lab = *state;

    for (int turns = 0; turns < 6; turns++) {
        lab->reports = 0;
        use(lab, turns % 2 ? "proxy" : "dead", turns % 2 ? &lab->proxy.address : &lab->nobody);
        start(lab);
        for (int i = 0; i < turns; i++)
            loop_run_once(lab->engine.loop, 0);
        health_stop(&lab->health);
        lab->reports = 0;
        engine_lab_pass(&lab->engine, 100000);
        health_note(&lab->health, -ECONNREFUSED);
        health_complain(&lab->health, "x", ERR_NAME);
        health_retry(&lab->health);
        assert_int_equal(lab->reports, 0);
    }
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_one_probe_is_enough),
        lab_test(test_a_flow_that_worked_is_as_good),
        lab_test(test_a_targets_trouble_shows_a_working_proxy),
        lab_test(test_refused_is_failing_until_it_works),
        lab_test(test_a_login_that_is_wrong_needs_a_person),
        lab_test(test_so_does_an_upstream_that_blocks),
        lab_test(test_and_none_at_all),
        lab_test(test_another_one_carries_on),
        lab_test(test_the_only_one_dies),
        lab_test(test_who_looks_finds_out),
        lab_test(test_a_dead_one_is_noticed_without_traffic),
        lab_test(test_a_complaint_stays_until_something_better_is_known),
        lab_test(test_targets_take_turns),
        lab_test(test_nothing_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
