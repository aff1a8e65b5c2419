/* Whether a pinged target is there, as a proxy on loopback says of it. */
#include "engine_lab.h"

#include "base/err.h"
#include "service/engine/echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TURNS_MAX = 3000, TURN_WAIT_MS = 10, PENDING = 1, PORTS_ASKED = 2 };

struct lab {
    struct engine_lab engine;
    struct loopback_server proxy;
    uint8_t proxy_code;
    struct echo echo;
    struct address target;
    int results, err;
};

static void on_result(void *owner, const struct address *target, int err)
{
    struct lab *lab = owner;

    assert_true(address_is_equal(target, &lab->target));
    lab->results++;
    lab->err = err;
}

static int open_lab(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    struct upstream_options proxy;

    engine_lab_open(&lab->engine);
    loopback_server_open(&lab->proxy, lab->engine.loop, loopback_socks5, &lab->proxy_code);
    proxy = engine_lab_socks5("proxy", &lab->proxy.address);
    engine_lab_set_upstreams(&lab->engine, &proxy, 1);
    echo_init(&lab->echo, &lab->engine.traffic, on_result, lab);
    address_parse_ip("198.51.100.1", &lab->target);
    *state = lab;
    return 0;
}

static int close_lab(void **state)
{
    struct lab *lab = *state;

    echo_stop(&lab->echo);
    assert_int_equal(lab->echo.count, 0);
    loopback_server_close(&lab->proxy);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void ask(struct lab *lab)
{
    lab->results = 0;
    lab->err = PENDING;
    echo_ask(&lab->echo, &lab->target);
    for (int i = 0; i < TURNS_MAX && lab->results == 0; i++)
        loop_run_once(lab->engine.loop, TURN_WAIT_MS);
    assert_int_equal(lab->results, 1);
    assert_int_equal(lab->echo.count, 0);
}

static void test_a_connection_shows_it(void **state)
{
    struct lab *lab = *state;

    ask(lab);
    assert_int_equal(lab->err, 0);
}

static void test_its_own_refusal_shows_it(void **state)
{
    struct lab *lab = *state;

    lab->proxy_code = 5; /* RFC 1928 sec. 6: connection refused */
    ask(lab);
    assert_int_equal(lab->err, 0);
}

static void test_no_way_there(void **state)
{
    struct lab *lab = *state;

    lab->proxy_code = 4; /* host unreachable */
    ask(lab);
    assert_int_equal(lab->err, ERR_TARGET_UNREACHABLE);
    assert_int_equal(lab->proxy.accepted, PORTS_ASKED);
}

static void test_questions_about_one_target_are_one(void **state)
{
    struct lab *lab = *state;

    echo_ask(&lab->echo, &lab->target);
    echo_ask(&lab->echo, &lab->target);
    assert_int_equal(lab->echo.count, 1);
    assert_int_equal(lab->results, 0);
    echo_stop(&lab->echo);
    engine_lab_pass(&lab->engine, 1000);
    assert_int_equal(lab->results, 0);
}

static void test_a_blocked_name_is_not_looked_for(void **state)
{
    struct lab *lab = *state;

    engine_lab_block(&lab->engine, "ads.example\n");
    name_cache_put(lab->engine.traffic.names, &lab->target, "ads.example", UINT64_MAX);
    ask(lab);
    assert_int_equal(lab->err, ERR_BLOCKED);
    assert_int_equal(lab->proxy.accepted, 0);
}

static void test_too_many_targets(void **state)
{
    struct lab *lab = *state;
    int i;

    for (i = 1; i < 255 && lab->results == 0; i++) {
        char text[32];
        snprintf(text, sizeof(text), "198.51.100.%d", i);
        address_parse_ip(text, &lab->target);
        echo_ask(&lab->echo, &lab->target);
    }
    assert_int_equal(lab->err, ERR_LIMIT);
    assert_int_equal(lab->echo.count, i - 2);
}

static void test_without_an_upstream(void **state)
{
    struct lab *lab = *state;

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    ask(lab);
    assert_int_equal(lab->err, ERR_NO_UPSTREAM);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, open_lab, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_a_connection_shows_it),
        lab_test(test_its_own_refusal_shows_it),
        lab_test(test_no_way_there),
        lab_test(test_questions_about_one_target_are_one),
        lab_test(test_a_blocked_name_is_not_looked_for),
        lab_test(test_too_many_targets),
        lab_test(test_without_an_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
