#include "proxy/pool.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 100000, MEMBERS = 3 };

static struct upstream_options member(const char *name)
{
    struct upstream_options options = {.name = name, .kind = UPSTREAM_SOCKS5};
    assert_int_equal(endpoint_parse("192.0.2.1:1080", 0, &options.server), 0);
    return options;
}

static struct pool *pool_of(size_t count)
{
    const struct upstream_options all[MEMBERS] = {member("a"), member("b"), member("c")};
    struct pool *pool = pool_new();
    pool_set_seed(pool, 7);
    assert_int_equal(pool_set(pool, all, count), 0);
    return pool;
}

/* Pick and let go: the pool's reference keeps it valid. */
static struct upstream *pick(struct pool *pool, uint64_t now_ms)
{
    struct upstream *upstream = NULL;
    if (pool_pick(pool, false, NULL, 0, now_ms, &upstream) == 0)
        upstream_unref(upstream);
    return upstream;
}

static struct pool_member member_at(struct pool *pool, size_t index)
{
    struct pool_member members[MEMBERS];
    assert_true(pool_members(pool, members, MEMBERS) > index);
    return members[index];
}

static void test_round_robin(void **state)
{
    struct pool *pool = pool_of(3);
    char order[7] = "";
    (void)state;
    for (int i = 0; i < 6; i++)
        order[i] = pick(pool, START_MS)->name[0];
    assert_string_equal(order, "abcabc");
    pool_free(pool);
}

static void test_empty(void **state)
{
    struct pool *pool = pool_of(0);
    struct upstream *upstream;
    (void)state;
    assert_int_equal(pool_pick(pool, false, NULL, 0, START_MS, &upstream), -ENOENT);
    assert_false(pool_is_available(pool, START_MS));
    pool_free(pool);
    pool_free(NULL);
}

static void test_tried_ones_are_passed_over(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *tried[2], *upstream;
    (void)state;
    tried[0] = pick(pool, START_MS);
    tried[1] = pick(pool, START_MS);
    assert_int_equal(pool_pick(pool, false, tried, 1, START_MS, &upstream), 0);
    assert_ptr_equal(upstream, tried[1]);
    upstream_unref(upstream);
    assert_int_equal(pool_pick(pool, false, tried, 2, START_MS, &upstream), -ENOENT);
    pool_free(pool);
}

static void test_udp(void **state)
{
    struct upstream_options list[3] = {member("http"), member("plain"), member("udp")};
    struct pool *pool = pool_new();
    struct upstream *upstream;
    (void)state;
    list[0].kind = UPSTREAM_HTTP;
    list[2].has_udp = true;
    assert_int_equal(pool_set(pool, list, 2), 0);
    assert_int_equal(pool_pick(pool, true, NULL, 0, START_MS, &upstream), -ENOENT);
    assert_int_equal(pool_set(pool, list, 3), 0);
    assert_int_equal(pool_pick(pool, true, NULL, 0, START_MS, &upstream), 0);
    assert_string_equal(upstream->name, "udp");
    upstream_unref(upstream);
    pool_free(pool);
}

static void test_three_failures_in_a_row_rest_it(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS), *b = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, -ETIMEDOUT, START_MS);
    pool_report(pool, a, -ETIMEDOUT, START_MS);
    pool_report(pool, a, 0, START_MS); /* ends the row */
    pool_report(pool, a, -ETIMEDOUT, START_MS);
    pool_report(pool, a, -ETIMEDOUT, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_HEALTHY);
    pool_report(pool, a, ERR_PROTOCOL, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_RESTING);
    assert_int_equal(member_at(pool, 0).last_err, ERR_PROTOCOL);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(pick(pool, START_MS), b);
    pool_free(pool);
}

static void test_a_refusing_server_rests_at_once(void **state)
{
    struct pool *pool = pool_of(1);
    struct upstream *a = pick(pool, START_MS), *upstream;
    (void)state;
    pool_report(pool, a, -ECONNREFUSED, START_MS);
    assert_int_equal(pool_pick(pool, false, NULL, 0, START_MS, &upstream), -EAGAIN);
    assert_false(pool_is_available(pool, START_MS));
    uint64_t retry = pool_retry_at_ms(pool);
    assert_true(retry > START_MS && retry <= START_MS + 1000);
    assert_true(pool_is_available(pool, retry));
    pool_free(pool);
}

static void test_the_targets_errors_are_not_charged(void **state)
{
    struct pool *pool = pool_of(1);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    for (int i = 0; i < 20; i++)
        pool_report(pool, a, i % 2 ? ERR_TARGET_REFUSED : ERR_TARGET_UNREACHABLE, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_HEALTHY);
    assert_int_equal(member_at(pool, 0).failures, 0);
    for (int i = 0; i < 20; i++)
        pool_report(pool, a, -EMFILE, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_HEALTHY);
    pool_free(pool);
}

static void test_refusals_by_policy_need_ten(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    for (int i = 0; i < 9; i++)
        pool_report(pool, a, ERR_REFUSED_BY_PROXY, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_UNTRIED);
    pool_report(pool, a, ERR_REFUSED_BY_PROXY, START_MS);
    assert_int_equal(member_at(pool, 0).health, POOL_RESTING);
    pool_free(pool);
}

static void test_half_of_many_failed(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    for (int i = 0; i < 9; i++)
        pool_report(pool, a, i % 2 ? -ECONNRESET : 0, START_MS + (uint64_t)i);
    assert_int_equal(member_at(pool, 0).health, POOL_HEALTHY);
    pool_report(pool, a, -ECONNRESET, START_MS + 10);
    assert_int_equal(member_at(pool, 0).health, POOL_RESTING);
    pool_free(pool);
}

static void test_a_wrong_login_rests_a_minute(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, ERR_AUTH, START_MS);
    assert_int_equal(member_at(pool, 0).retry_at_ms, START_MS + 60000);
    pool_forgive(pool, START_MS);
    assert_int_equal(member_at(pool, 0).retry_at_ms, START_MS + 60000);
    pool_free(pool);
}

static void test_one_trial_at_a_time_then_closed(void **state)
{
    struct pool *pool = pool_of(1);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, -ECONNREFUSED, START_MS);
    uint64_t now = pool_retry_at_ms(pool);
    assert_ptr_equal(pick(pool, now), a);
    assert_null(pick(pool, now)); /* the trial is under way */
    pool_report(pool, a, 0, now);
    assert_int_equal(member_at(pool, 0).health, POOL_RESTING);
    assert_ptr_equal(pick(pool, now), a);
    assert_null(pick(pool, now));
    pool_report(pool, a, 0, now);
    assert_int_equal(member_at(pool, 0).health, POOL_HEALTHY);
    assert_ptr_equal(pick(pool, now), a);
    assert_ptr_equal(pick(pool, now), a);
    pool_free(pool);
}

static void test_a_trial_that_is_never_reported(void **state)
{
    struct pool *pool = pool_of(1);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, -ECONNREFUSED, START_MS);
    uint64_t now = pool_retry_at_ms(pool);
    assert_ptr_equal(pick(pool, now), a);
    assert_null(pick(pool, now + 9999));
    assert_ptr_equal(pick(pool, now + 10000), a);
    pool_free(pool);
}

/* The rest doubles at most with each trip, and is drawn from all of that range. */
static void test_rests_grow_to_the_cap(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS);
    uint64_t now = START_MS, longest = 0, shortest = UINT64_MAX;
    (void)state;
    for (unsigned trip = 0; trip < 200; trip++) {
        pool_report(pool, a, -ECONNREFUSED, now);
        uint64_t rest = member_at(pool, 0).retry_at_ms - now;
        uint64_t most = trip < 6 ? (uint64_t)1000 << trip : 60000;
        assert_true(rest > 0 && rest <= most);
        if (trip >= 6 && rest > longest)
            longest = rest;
        if (trip >= 6 && rest < shortest)
            shortest = rest;
        now += rest;
        while (pick(pool, now) != a)
            ;
    }
    assert_true(longest > 50000 && shortest < 10000);
    pool_free(pool);
}

static void test_late_news_changes_nothing(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, -ECONNREFUSED, START_MS);
    uint64_t retry = member_at(pool, 0).retry_at_ms;
    for (int i = 0; i < 50; i++)
        pool_report(pool, a, -ECONNREFUSED, START_MS + 1);
    assert_int_equal(member_at(pool, 0).retry_at_ms, retry);
    pool_free(pool);
}

static void test_forgiven_when_the_network_changes(void **state)
{
    struct pool *pool = pool_of(1);
    struct upstream *a = pick(pool, START_MS);
    (void)state;
    pool_report(pool, a, -ENETUNREACH, START_MS);
    assert_null(pick(pool, START_MS));
    pool_forgive(pool, START_MS);
    assert_ptr_equal(pick(pool, START_MS), a);
    pool_free(pool);
}

static void test_a_reload_keeps_what_is_the_same(void **state)
{
    struct pool *pool = pool_of(2);
    struct upstream *a = pick(pool, START_MS), *b = pick(pool, START_MS);
    struct upstream_options list[3] = {member("b"), member("a"), member("c")};
    (void)state;
    pool_report(pool, a, -ECONNREFUSED, START_MS);
    list[0].user = "changed";
    upstream_ref(b);
    assert_int_equal(pool_set(pool, list, 3), 0);
    assert_ptr_not_equal(member_at(pool, 0).upstream, b);
    assert_ptr_equal(member_at(pool, 1).upstream, a);
    assert_int_equal(member_at(pool, 1).health, POOL_RESTING);
    pool_report(pool, b, -ECONNREFUSED, START_MS); /* no longer a member */
    assert_int_equal(member_at(pool, 0).health, POOL_UNTRIED);
    upstream_unref(b);
    list[2].name = "a";
    assert_int_equal(pool_set(pool, list, 3), -EINVAL);
    list[2].name = "";
    assert_int_equal(pool_set(pool, list, 3), -EINVAL);
    assert_ptr_equal(member_at(pool, 1).upstream, a);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_robin),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_tried_ones_are_passed_over),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_three_failures_in_a_row_rest_it),
        cmocka_unit_test(test_a_refusing_server_rests_at_once),
        cmocka_unit_test(test_the_targets_errors_are_not_charged),
        cmocka_unit_test(test_refusals_by_policy_need_ten),
        cmocka_unit_test(test_half_of_many_failed),
        cmocka_unit_test(test_a_wrong_login_rests_a_minute),
        cmocka_unit_test(test_one_trial_at_a_time_then_closed),
        cmocka_unit_test(test_a_trial_that_is_never_reported),
        cmocka_unit_test(test_rests_grow_to_the_cap),
        cmocka_unit_test(test_late_news_changes_nothing),
        cmocka_unit_test(test_forgiven_when_the_network_changes),
        cmocka_unit_test(test_a_reload_keeps_what_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
