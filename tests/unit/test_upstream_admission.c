/* Upstreams and the fence: nothing is dialed before the host has said yes; what is no longer wanted
 * is withdrawn, and what is shared is not. */
#include "admission_lab.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_nothing_is_dialable_before_the_answer(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "192.0.2.1:1080", false);

    lab->answers_late = true;
    admission_lab_start(lab, &list, 1);
    assert_false(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    admission_lab_answer(lab, 2, 0); /* the bootstrap resolver, and the server */
    assert_true(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    assert_int_equal(lab->ready, 1);
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 0));
}

static void test_a_refusal_is_told(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "192.0.2.1:1080", false);

    lab->refusal = -EACCES;
    admission_lab_start(lab, &list, 1);
    assert_false(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    assert_int_equal(lab->failed, 1);
    assert_int_equal(lab->ready, 0);
}

static void test_udp_is_asked_for_where_it_is_offered(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "192.0.2.1:1080", true);

    admission_lab_start(lab, &list, 1);
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 0));
    admission_lab_start(lab, NULL, 0);
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 0));
}

static void test_direct_and_block_need_nothing(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list[] = {{.name = "d", .kind = UPSTREAM_DIRECT},
                                            {.name = "b", .kind = UPSTREAM_BLOCK}};

    admission_lab_start(lab, list, 2);
    assert_int_equal(lab->admitted_count, 1); /* the bootstrap resolver */
}

/* Two accounts at one provider: one server. */
static void test_what_two_share_outlives_one(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list[] = {admission_lab_proxy("a", "192.0.2.1:1080", true),
                                            admission_lab_proxy("b", "192.0.2.1:1080", true),
                                            admission_lab_proxy("c", "192.0.2.1:1081", true)};

    admission_lab_start(lab, list, 3);
    admission_lab_start(lab, list, 1);
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 1081));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 0));
}

/* A reload that changes nothing takes nothing away for a moment. */
static void test_the_same_again(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "192.0.2.1:1080", true);

    admission_lab_start(lab, &list, 1);
    lab->answers_late = true;
    admission_lab_start(lab, &list, 1);
    assert_int_equal(lab->withdrawals, 0);
    assert_true(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    admission_lab_answer(lab, lab->unanswered_count, 0);
    assert_true(upstream_is_dialable(admission_lab_upstream(lab, 0)));
}

/* Both wait for the same address; the second answer about it is not one about another. */
static void test_each_answer_counts_once(void **state)
{
    struct admission_lab *lab = *state;
    struct address pinned_a[2], pinned_b[2];
    struct config_upstream wanted[2] = {
        {.name = (char *)"a", .addresses = pinned_a, .addresses_count = 2},
        {.name = (char *)"b", .addresses = pinned_b, .addresses_count = 2}};
    const struct upstream_options list[] = {admission_lab_proxy("a", "192.0.2.9:1080", false),
                                            admission_lab_proxy("b", "192.0.2.9:1080", false)};

    address_parse_ip("192.0.2.1", &pinned_a[0]);
    address_parse_ip("192.0.2.2", &pinned_a[1]);
    address_parse_ip("192.0.2.1", &pinned_b[0]);
    address_parse_ip("192.0.2.3", &pinned_b[1]);
    lab->config.upstreams = wanted;
    lab->config.upstreams_count = 2;
    lab->answers_late = true;
    admission_lab_start(lab, list, 2);
    admission_lab_answer(lab, 4, 0); /* the resolver, a's two, the first of b's */
    assert_int_equal(admission_lab_upstream(lab, 0)->address_count, 2);
    assert_int_equal(lab->ready, 1);
    admission_lab_answer(lab, 1, 0);
    assert_int_equal(admission_lab_upstream(lab, 1)->address_count, 2);
    assert_int_equal(lab->ready, 2);
}

static void test_late_answers_to_what_is_gone(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options a = admission_lab_proxy("a", "192.0.2.1:1080", false),
                                  b = admission_lab_proxy("b", "192.0.2.2:1080", false);

    lab->answers_late = true;
    admission_lab_start(lab, &a, 1);
    admission_lab_start(lab, &b, 1);
    admission_lab_answer(lab, 2, 0); /* the first configuration's */
    assert_int_equal(lab->ready, 0);
    admission_lab_answer(lab, 2, 0);
    assert_int_equal(lab->ready, 1);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, admission_lab_open, admission_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_nothing_is_dialable_before_the_answer),
        lab_test(test_a_refusal_is_told),
        lab_test(test_udp_is_asked_for_where_it_is_offered),
        lab_test(test_direct_and_block_need_nothing),
        lab_test(test_what_two_share_outlives_one),
        lab_test(test_the_same_again),
        lab_test(test_each_answer_counts_once),
        lab_test(test_late_answers_to_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
