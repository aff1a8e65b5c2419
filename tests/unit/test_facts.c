/* The engine's facts in the control socket's words. */
#include "engine_rig.h"

#include "service/worker/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct facts facts;

static struct control_source source_of(struct engine_rig *rig)
{
    facts = (struct facts){rig->loop, rig->engine, NULL, loop_now_ms(rig->loop)};
    return facts_source(&facts);
}

static void test_the_state(void **state)
{
    struct engine_rig *rig = *state;
    struct control_source source = source_of(rig);
    struct control_state told;

    source.state(source.owner, &told);
    assert_string_equal(told.state, "off"); /* without a TUN */
}

/* --- counters --- */

struct wanted {
    const char *group, *name;
    uint64_t value;
    int found;
    int left; /* how many more are wanted; < 0: all */
};

static bool find_counter(void *to, const char *group, const char *name, uint64_t value)
{
    struct wanted *wanted = to;

    assert_true(*group && *name);
    if (strcmp(group, wanted->group) == 0 && strcmp(name, wanted->name) == 0) {
        wanted->value = value;
        wanted->found++;
    }
    return wanted->left < 0 || --wanted->left > 0;
}

static uint64_t counter(struct engine_rig *rig, const char *group, const char *name)
{
    struct control_source source = source_of(rig);
    struct wanted wanted = {group, name, 0, 0, -1};

    source.counters(source.owner, find_counter, &wanted);
    assert_int_equal(wanted.found, 1);
    return wanted.value;
}

static void test_counters(void **state)
{
    struct engine_rig *rig = *state;
    struct control_source source = source_of(rig);
    struct wanted first = {"flows", "tcp_opened", 0, 0, 1};

    assert_int_equal(engine_rig_connect(rig, "127.0.0.1", rig->echo.address.port), 0);
    assert_int_not_equal(engine_rig_connect(rig, "ads.example", 80), 0);
    assert_int_equal(counter(rig, "flows", "tcp_opened"), 2);
    assert_int_equal(counter(rig, "flows", "blocked"), 1);
    assert_int_equal(counter(rig, "filter", "blocked"), 1);
    assert_int_equal(counter(rig, "local", "accepted"), 2);
    assert_int_equal(counter(rig, "flows", "udp_dropped"), 0);
    source.counters(source.owner, find_counter, &first);
    assert_int_equal(first.left, 0); /* one was told, and then no more */
}

/* --- lists --- */

static bool take_upstream(void *to, const struct control_upstream *told)
{
    struct control_upstream *ret = to;
    *ret = *told;
    return false;
}

static void test_upstreams(void **state)
{
    struct engine_rig *rig = *state;
    struct control_source source = source_of(rig);
    struct control_upstream told = {0};

    source.upstreams(source.owner, take_upstream, &told);
    assert_string_equal(told.kind, "direct");
    assert_string_equal(told.server, "");
    assert_string_equal(told.health, "untried");
    assert_int_equal(engine_rig_connect(rig, "127.0.0.1", rig->echo.address.port), 0);
    source.upstreams(source.owner, take_upstream, &told);
    assert_string_equal(told.health, "healthy");
    assert_int_equal(told.dials, 1);
    assert_int_equal(told.failures, 0);
    assert_null(told.last_error);
}

struct flow_text {
    int count;
    char kind[8], door[8], state[16], upstream[64];
    uint64_t up, down;
};

static bool take_flow(void *to, const struct control_flow *told)
{
    struct flow_text *ret = to;

    ret->count++;
    strcpy(ret->kind, told->kind);
    strcpy(ret->door, told->door);
    strcpy(ret->state, told->state);
    strcpy(ret->upstream, told->upstream);
    ret->up = told->up;
    ret->down = told->down;
    return true;
}

static void test_flows(void **state)
{
    struct engine_rig *rig = *state;
    struct control_source source = source_of(rig);
    struct flow_text told = {0};

    source.flows(source.owner, take_flow, &told);
    assert_int_equal(told.count, 0);
    assert_int_equal(engine_rig_connect(rig, "127.0.0.1", rig->echo.address.port), 0);
    engine_rig_echo(rig, "four");
    source.flows(source.owner, take_flow, &told);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.kind, "tcp");
    assert_string_equal(told.door, "socks5");
    assert_string_equal(told.state, "relaying");
    assert_string_equal(told.upstream, "direct");
    assert_int_equal(told.up, 4);
    assert_int_equal(told.down, 4);
}

static bool count_refusals(void *to, const struct control_refusal *told)
{
    int *ret = to;
    assert_string_equal(told->name, "ads.example");
    return ++*ret < 2;
}

static void test_refusals(void **state)
{
    struct engine_rig *rig = *state;
    struct control_source source = source_of(rig);
    int count = 0;

    for (int i = 0; i < 3; i++)
        engine_rig_connect(rig, "ads.example", 80);
    source.refusals(source.owner, count_refusals, &count);
    assert_int_equal(count, 2);
}

/* --- filter.check --- */

static int check(struct engine_rig *rig, struct control_question question,
                 struct control_verdict *ret)
{
    struct control_source source = source_of(rig);
    return source.check(source.owner, &question, ret);
}

static void test_check(void **state)
{
    struct engine_rig *rig = *state;
    struct control_verdict verdict;

    assert_int_equal(check(rig, (struct control_question){.host = "x.ads.example"}, &verdict), 0);
    assert_string_equal(verdict.verdict, "block");
    assert_non_null(strstr(verdict.rule, "ads.example"));
    assert_true(verdict.list[0]);
    assert_int_equal(check(rig, (struct control_question){.host = "good.example"}, &verdict), 0);
    assert_string_equal(verdict.verdict, "none");
    assert_string_equal(verdict.rule, "");
    assert_int_equal(
        check(rig, (struct control_question){.url = "http://ads.example/x?y", .type = "script"},
              &verdict),
        0);
    assert_string_equal(verdict.verdict, "block");
    assert_int_equal(
        check(rig, (struct control_question){.url = "http://a.example/", .type = "nonsense"},
              &verdict),
        -EINVAL);
    assert_int_equal(counter(rig, "filter", "asked"), 0); /* looking is not asking */
}

static void test_check_without_a_filter(void **state)
{
    struct engine_rig *rig = *state;
    struct control_verdict verdict;

    assert_int_equal(engine_rig_configure(
                         rig, engine_rig_config(rig, "  - kind: direct\n", "  enabled: false\n")),
                     0);
    assert_int_equal(check(rig, (struct control_question){.host = "ads.example"}, &verdict),
                     -ENOENT);
}

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, engine_rig_open, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_the_state),
        rig_test(test_counters),
        rig_test(test_upstreams),
        rig_test(test_flows),
        rig_test(test_refusals),
        rig_test(test_check),
        rig_test(test_check_without_a_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
