/* One target, several upstreams on loopback: which one is asked, what is charged to it, when the
 * next one gets its chance. */
#include "dns_peer.h"
#include "engine_lab.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOCKS5_OK = 0, SOCKS5_NOT_ALLOWED = 2, SOCKS5_TARGET_REFUSED = 5 };

struct lab {
    struct engine_lab engine;
    struct loopback_server good, bad; /* SOCKS5 */
    uint8_t good_code, bad_code;
    struct loopback_server silent, echo, dns;
    struct dns_peer dns_peer;
    struct address nobody;
    int nobody_fd;

    struct connect *connect;
    struct stream *stream;
    char which[UPSTREAM_NAME_MAX + 1];
    int done, err;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    struct loop *loop;

    engine_lab_open(&lab->engine);
    loop = lab->engine.loop;
    loopback_server_open(&lab->good, loop, loopback_socks5, &lab->good_code);
    loopback_server_open(&lab->bad, loop, loopback_socks5, &lab->bad_code);
    loopback_server_open(&lab->silent, loop, NULL, NULL);
    loopback_server_open(&lab->echo, loop, loopback_echo, NULL);
    loopback_server_open(&lab->dns, loop, dns_peer_answer, &lab->dns_peer);
    lab->nobody_fd = loopback_nobody(&lab->nobody);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    connect_cancel(lab->connect);
    stream_abort(lab->stream);
    loopback_server_close(&lab->good);
    loopback_server_close(&lab->bad);
    loopback_server_close(&lab->silent);
    loopback_server_close(&lab->echo);
    loopback_server_close(&lab->dns);
    close(lab->nobody_fd);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void on_done(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    struct lab *lab = owner;

    lab->connect = NULL;
    lab->stream = stream;
    lab->err = err;
    strcpy(lab->which, upstream ? upstream->name : "");
    lab->done++;
}

static int start(struct lab *lab, const struct endpoint *target)
{
    return connect_start(&lab->engine.traffic.connector, target, on_done, lab, &lab->connect);
}

static int start_at(struct lab *lab, const struct address *target)
{
    struct endpoint endpoint = endpoint_from_address(target);
    return start(lab, &endpoint);
}

static void wait_done(struct lab *lab)
{
    engine_lab_wait(&lab->engine, &lab->done, 1);
}

static struct pool_member member(struct lab *lab, const char *name)
{
    struct pool_member members[8];
    size_t count = pool_members(lab->engine.traffic.connector.pool, members, 8);

    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].upstream->name, name) == 0)
            return members[i];
    fail();
    return members[0];
}

/* --- direct --- */

static void test_direct(void **state)
{
    struct lab *lab = *state;
    char text[4];

    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    assert_int_equal(lab->done, 0); /* never from inside the call */
    wait_done(lab);
    assert_int_equal(lab->err, 0);
    assert_string_equal(lab->which, "direct");
    assert_int_equal(stream_write_bytes(lab->stream, "ping", 4), 4);
    for (int i = 0; i < 3000 && stream_gather(lab->stream, text, 4) == 0; i++)
        loop_run_once(lab->engine.loop, 10);
    assert_memory_equal(text, "ping", 4);
}

static void test_a_targets_refusal_is_not_charged(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(start_at(lab, &lab->nobody), 0);
    wait_done(lab);
    assert_int_equal(lab->err, ERR_TARGET_REFUSED);
    assert_null(lab->stream);
    assert_int_equal(lab->engine.outcomes, 1);
    assert_int_equal(lab->engine.last_outcome, 0);
    assert_int_equal(member(lab, "direct").failures, 0);
}

/* Behind direct it may be our own lack of a way: neither good news of the upstream nor bad. */
static void test_an_unreachable_target_shows_nothing(void **state)
{
    struct lab *lab = *state;
    struct connector *connector = &lab->engine.traffic.connector;
    const struct upstream_options good = engine_lab_socks5("good", &lab->good.address);

    connector_report(connector, member(lab, "direct").upstream, ERR_TARGET_UNREACHABLE);
    assert_int_equal(lab->engine.outcomes, 0);
    engine_lab_set_upstreams(&lab->engine, &good, 1);
    connector_report(connector, member(lab, "good").upstream, ERR_TARGET_UNREACHABLE);
    assert_int_equal(lab->engine.outcomes, 1);
    assert_int_equal(lab->engine.last_outcome, 0);
}

/* --- a pool --- */

static void test_refused_goes_on_to_the_next(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("dead", &lab->nobody),
                                            engine_lab_socks5("good", &lab->good.address)};

    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, 0);
    assert_string_equal(lab->which, "good");
    assert_int_equal(lab->engine.outcomes, 2);
    assert_int_equal(member(lab, "dead").failures, 1);
    assert_int_equal(member(lab, "dead").last_err, -ECONNREFUSED);
    assert_int_equal(member(lab, "good").health, POOL_HEALTHY);
}

static void test_silent_goes_on_to_the_next(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("silent", &lab->silent.address),
                                            engine_lab_socks5("good", &lab->good.address)};

    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    engine_lab_wait_size(&lab->engine, &lab->silent.accepted, 1);
    engine_lab_pass(&lab->engine, 8000);
    wait_done(lab);
    assert_int_equal(lab->err, 0);
    assert_string_equal(lab->which, "good");
    assert_int_equal(member(lab, "silent").last_err, -ETIMEDOUT);
}

static void test_a_targets_trouble_ends_it(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("bad", &lab->bad.address),
                                            engine_lab_socks5("good", &lab->good.address)};

    lab->bad_code = SOCKS5_TARGET_REFUSED;
    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, ERR_TARGET_REFUSED);
    assert_string_equal(lab->which, "bad");
    assert_int_equal(member(lab, "bad").failures, 0);
    assert_int_equal(lab->good.accepted, 0);
}

static void test_a_servers_no_goes_on(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("bad", &lab->bad.address),
                                            engine_lab_socks5("good", &lab->good.address)};

    lab->bad_code = SOCKS5_NOT_ALLOWED;
    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, 0);
    assert_string_equal(lab->which, "good");
    assert_int_equal(member(lab, "bad").last_err, ERR_REFUSED_BY_PROXY);
}

static void test_the_last_error_is_told(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("dead", &lab->nobody),
                                            engine_lab_socks5("bad", &lab->bad.address)};

    lab->bad_code = SOCKS5_NOT_ALLOWED;
    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, ERR_REFUSED_BY_PROXY);
    assert_string_equal(lab->which, "bad");
}

static void test_attempts_are_counted(void **state)
{
    struct lab *lab = *state;
    struct upstream_options pool[CONNECT_ATTEMPTS + 2];
    static const char *const names[CONNECT_ATTEMPTS + 2] = {"a", "b", "c", "d", "e", "f"};

    for (size_t i = 0; i < CONNECT_ATTEMPTS + 2; i++)
        pool[i] = engine_lab_socks5(names[i], &lab->nobody);
    engine_lab_set_upstreams(&lab->engine, pool, CONNECT_ATTEMPTS + 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, -ECONNREFUSED);
    assert_int_equal(lab->engine.outcomes, CONNECT_ATTEMPTS);
}

static void test_patience_ends(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {engine_lab_socks5("a", &lab->silent.address),
                                            engine_lab_socks5("b", &lab->silent.address),
                                            engine_lab_socks5("c", &lab->silent.address),
                                            engine_lab_socks5("good", &lab->good.address)};

    engine_lab_set_upstreams(&lab->engine, pool, 4);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    for (size_t i = 1; i <= 3; i++) {
        engine_lab_wait_size(&lab->engine, &lab->silent.accepted, i);
        engine_lab_pass(&lab->engine, 8000);
    }
    wait_done(lab);
    assert_int_equal(lab->err, -ETIMEDOUT);
    assert_string_equal(lab->which, "c");
    assert_int_equal(lab->good.accepted, 0);
}

static void test_nobody_to_ask(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options dead = engine_lab_socks5("dead", &lab->nobody);

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    assert_int_equal(start_at(lab, &lab->echo.address), ERR_NO_UPSTREAM);
    engine_lab_set_upstreams(&lab->engine, &dead, 1);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(start_at(lab, &lab->echo.address), ERR_NO_UPSTREAM); /* it rests */
    assert_int_equal(lab->done, 1);
}

static void test_a_block_is_final(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {{.name = "block", .kind = UPSTREAM_BLOCK},
                                            engine_lab_socks5("good", &lab->good.address)};

    engine_lab_set_upstreams(&lab->engine, pool, 2);
    assert_int_equal(start_at(lab, &lab->echo.address), 0);
    wait_done(lab);
    assert_int_equal(lab->err, ERR_BLOCKED);
    assert_int_equal(lab->good.accepted, 0);
}

/* --- names --- */

static void test_names_are_looked_up_for_direct(void **state)
{
    struct lab *lab = *state;
    struct endpoint target;

    engine_lab_set_dns(&lab->engine, &lab->dns.address, 1);
    endpoint_parse("two.example:1", 0, &target);
    target.address.port = lab->echo.address.port;
    assert_int_equal(start(lab, &target), 0);
    wait_done(lab);
    assert_int_equal(lab->err, 0); /* 127.0.0.2 refused, 127.0.0.1 took it */
    assert_int_equal(lab->echo.accepted, 1);
}

static void test_names_that_do_not_exist(void **state)
{
    struct lab *lab = *state;
    struct endpoint target;

    endpoint_parse("nothing.example:80", 0, &target);
    assert_int_equal(start(lab, &target), ERR_NO_UPSTREAM); /* and nobody to ask for names */
    engine_lab_set_dns(&lab->engine, &lab->dns.address, 1);
    assert_int_equal(start(lab, &target), 0);
    wait_done(lab);
    assert_int_equal(lab->err, ERR_NAME);
}

static void test_names_are_passed_on_as_they_are(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options good = engine_lab_socks5("good", &lab->good.address);
    struct endpoint target;

    engine_lab_set_dns(&lab->engine, &lab->dns.address, 1);
    engine_lab_set_upstreams(&lab->engine, &good, 1);
    endpoint_parse("nothing.example:80", 0, &target);
    assert_int_equal(start(lab, &target), 0);
    wait_done(lab);
    assert_int_equal(lab->err, 0);
    assert_int_equal(lab->dns_peer.questions, 0);
}

/* --- cancel, after any number of turns --- */

static void cancel_after(struct lab *lab, const struct endpoint *target, int turns)
{
    lab->done = 0;
    assert_int_equal(start(lab, target), 0);
    for (int i = 0; i < turns; i++)
        loop_run_once(lab->engine.loop, 0);
    if (lab->done)
        assert_int_equal(lab->err, 0);
    connect_cancel(lab->connect);
    lab->connect = NULL;
    stream_abort(lab->stream);
    lab->stream = NULL;
    engine_lab_settle(&lab->engine);
    assert_true(lab->done <= 1);
}

static void test_cancel_at_any_moment(void **state)
{
    struct lab *lab = *state;
    const struct upstream_options pool[] = {{.name = "direct", .kind = UPSTREAM_DIRECT},
                                            engine_lab_socks5("good", &lab->good.address)};
    struct endpoint target;

    engine_lab_set_dns(&lab->engine, &lab->dns.address, 1);
    endpoint_parse("two.example:1", 0, &target);
    target.address.port = lab->echo.address.port;
    for (int turns = 0; turns < 14; turns++) {
        engine_lab_set_upstreams(&lab->engine, pool, 1); /* look up, dial one, dial the other */
        cancel_after(lab, &target, turns);
        engine_lab_set_upstreams(&lab->engine, pool + 1, 1); /* connect, greet, ask */
        cancel_after(lab, &target, turns);
    }
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_direct),
        lab_test(test_a_targets_refusal_is_not_charged),
        lab_test(test_an_unreachable_target_shows_nothing),
        lab_test(test_refused_goes_on_to_the_next),
        lab_test(test_silent_goes_on_to_the_next),
        lab_test(test_a_targets_trouble_ends_it),
        lab_test(test_a_servers_no_goes_on),
        lab_test(test_the_last_error_is_told),
        lab_test(test_attempts_are_counted),
        lab_test(test_patience_ends),
        lab_test(test_nobody_to_ask),
        lab_test(test_a_block_is_final),
        lab_test(test_names_are_looked_up_for_direct),
        lab_test(test_names_that_do_not_exist),
        lab_test(test_names_are_passed_on_as_they_are),
        lab_test(test_cancel_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
