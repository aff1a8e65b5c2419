/* The registry of conversations: limits, order, what is counted where. */
#include "base/err.h"
#include "base/log.h"
#include "service/engine/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lab {
    struct loop *loop;
    struct flows flows;
    struct tally a, b; /* of the upstreams of these names */
    struct address client;
    struct endpoint target;
};

static struct tally *find_tally(void *owner, const char *upstream)
{
    struct lab *lab = owner;
    return strcmp(upstream, "a") == 0 ? &lab->a : &lab->b;
}

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    lab->loop = loop_new();
    loop_fake_clock(lab->loop, 5000);
    flows_init(&lab->flows, lab->loop, find_tally, lab);
    lab->flows.max[FLOW_TCP] = 2;
    lab->flows.max[FLOW_UDP] = 1;
    lab->flows.destinations.limit = 2;
    address_parse("192.0.2.1:4000", &lab->client);
    endpoint_parse("198.51.100.7:443", 0, &lab->target);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    flows_done(&lab->flows);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

static int enter(struct lab *lab, struct flow *flow, enum flow_kind kind)
{
    return flow_init(flow, &lab->flows, kind, "tun", &lab->client, &lab->target);
}

static void test_limits_are_per_kind(void **state)
{
    struct lab *lab = *state;
    struct flow tcp[3], udp[2];

    assert_int_equal(enter(lab, &tcp[0], FLOW_TCP), 0);
    assert_int_equal(enter(lab, &tcp[1], FLOW_TCP), 0);
    assert_int_equal(enter(lab, &tcp[2], FLOW_TCP), ERR_LIMIT);
    assert_int_equal(enter(lab, &udp[0], FLOW_UDP), 0);
    assert_int_equal(enter(lab, &udp[1], FLOW_UDP), ERR_LIMIT);
    assert_int_equal(lab->flows.live[FLOW_TCP], 2);
    assert_int_equal(lab->flows.counters.opened[FLOW_TCP], 2);
    assert_int_equal(lab->flows.counters.refused_at_limit[FLOW_TCP], 1);
    assert_int_equal(lab->flows.counters.refused_at_limit[FLOW_UDP], 1);
    flow_done(&tcp[0]);
    assert_int_equal(enter(lab, &tcp[2], FLOW_TCP), 0); /* room again */
    assert_int_equal(lab->flows.counters.opened[FLOW_TCP], 3);
    flow_done(&tcp[1]);
    flow_done(&tcp[2]);
    flow_done(&udp[0]);
    assert_int_equal(lab->flows.live[FLOW_TCP] + lab->flows.live[FLOW_UDP], 0);
    assert_true(list_is_empty(&lab->flows.all));
}

static void test_one_destination_leaves_room_for_others(void **state)
{
    struct lab *lab = *state;
    struct flow flows[3], udp;

    lab->flows.max[FLOW_TCP] = 100;
    assert_int_equal(enter(lab, &flows[0], FLOW_TCP), 0);
    assert_int_equal(enter(lab, &flows[1], FLOW_TCP), 0);
    assert_int_equal(enter(lab, &flows[2], FLOW_TCP), ERR_LIMIT);
    assert_int_equal(lab->flows.counters.refused_per_destination, 1);
    assert_int_equal(lab->flows.counters.refused_at_limit[FLOW_TCP], 0);
    assert_int_equal(lab->flows.live[FLOW_TCP], 2);
    assert_int_equal(enter(lab, &udp, FLOW_UDP), 0); /* a socket of many destinations */
    endpoint_parse("198.51.100.8:443", 0, &lab->target);
    assert_int_equal(enter(lab, &flows[2], FLOW_TCP), 0);
    for (int i = 0; i < 3; i++)
        flow_done(&flows[i]);
    flow_done(&udp);
}

/* A limit that was lowered by a reload: what goes on goes on. */
static void test_a_lower_limit_ends_nothing(void **state)
{
    struct lab *lab = *state;
    struct flow flows[3];

    enter(lab, &flows[0], FLOW_TCP);
    enter(lab, &flows[1], FLOW_TCP);
    lab->flows.max[FLOW_TCP] = 1;
    assert_int_equal(enter(lab, &flows[2], FLOW_TCP), ERR_LIMIT);
    flow_done(&flows[0]);
    assert_int_equal(enter(lab, &flows[2], FLOW_TCP), ERR_LIMIT);
    flow_done(&flows[1]);
    assert_int_equal(enter(lab, &flows[2], FLOW_TCP), 0);
    flow_done(&flows[2]);
}

static void test_oldest_first_with_ids_of_their_own(void **state)
{
    struct lab *lab = *state;
    struct flow first, second;

    enter(lab, &first, FLOW_TCP);
    loop_fake_clock(lab->loop, 6000);
    enter(lab, &second, FLOW_UDP);
    assert_ptr_equal(lab->flows.all.next, &first.node);
    assert_true(second.id > first.id);
    assert_int_equal(first.started_at_ms, 5000);
    assert_int_equal(second.started_at_ms, 6000);
    flow_done(&first);
    assert_ptr_equal(lab->flows.all.next, &second.node);
    flow_done(&second);
}

static void test_the_first_name_stays(void **state)
{
    struct lab *lab = *state;
    struct flow flow;

    enter(lab, &flow, FLOW_TCP);
    assert_null(flow.host);
    flow_set_host(&flow, "");
    assert_null(flow.host);
    flow_set_host(&flow, "a.example");
    flow_set_host(&flow, "b.example");
    assert_string_equal(flow.host, "a.example");
    flow_done(&flow);

    endpoint_parse("named.example:443", 0, &lab->target);
    enter(lab, &flow, FLOW_TCP);
    assert_string_equal(flow.host, "named.example");
    flow_done(&flow);
}

/* What an upstream carried is its own, also when the conversation moved on to another. */
static void test_each_upstream_has_its_tally(void **state)
{
    const struct upstream_options options[] = {{.name = "a", .kind = UPSTREAM_DIRECT},
                                               {.name = "b", .kind = UPSTREAM_DIRECT}};
    struct lab *lab = *state;
    struct upstream *a, *b;
    struct flow flow;

    assert_int_equal(upstream_new(&options[0], &a), 0);
    assert_int_equal(upstream_new(&options[1], &b), 0);
    enter(lab, &flow, FLOW_UDP);
    flow_set_upstream(&flow, a);
    assert_int_equal(a->refs, 2);
    assert_int_equal(lab->a.requests, 0); /* tried is not taken */
    flow_set_relaying(&flow);
    flow_count(&flow, 10, 1);
    flow_set_upstream(&flow, b);
    assert_int_equal(a->refs, 1);
    flow_set_relaying(&flow);
    flow_count(&flow, 5, 7);
    assert_int_equal(lab->a.requests, 1);
    assert_int_equal(lab->a.bytes.up, 10);
    assert_int_equal(lab->a.bytes.down, 1);
    assert_int_equal(lab->b.requests, 1);
    assert_int_equal(lab->b.bytes.up, 5);
    assert_int_equal(lab->b.bytes.down, 7);
    assert_int_equal(flow.bytes.up, 15);
    assert_int_equal(flow.bytes.down, 8);
    flow_set_upstream(&flow, b); /* the same again */
    assert_int_equal(b->refs, 2);
    flow_done(&flow);
    assert_int_equal(b->refs, 1);
    upstream_unref(a);
    upstream_unref(b);
}

static void test_names_are_told_only_when_allowed(void **state)
{
    struct lab *lab = *state;
    char text[FLOW_TEXT_MAX];
    struct flow named, bare;

    enter(lab, &bare, FLOW_TCP);
    flow_set_host(&bare, "secret.example");
    endpoint_parse("hidden.example:443", 0, &lab->target);
    enter(lab, &named, FLOW_TCP);
    log_setup(LOG_WARNING, false);
    assert_string_equal(flow_format(&bare, text), "target=198.51.100.7:443");
    assert_null(strstr(flow_format(&named, text), "hidden"));
    log_setup(LOG_WARNING, true);
    assert_string_equal(flow_format(&bare, text), "target=198.51.100.7:443 host=secret.example");
    assert_non_null(strstr(flow_format(&named, text), "target=hidden.example:443"));
    log_setup(LOG_WARNING, false);
    flow_done(&bare);
    flow_done(&named);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_limits_are_per_kind),
        lab_test(test_one_destination_leaves_room_for_others),
        lab_test(test_a_lower_limit_ends_nothing),
        lab_test(test_oldest_first_with_ids_of_their_own),
        lab_test(test_the_first_name_stays),
        lab_test(test_each_upstream_has_its_tally),
        lab_test(test_names_are_told_only_when_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
