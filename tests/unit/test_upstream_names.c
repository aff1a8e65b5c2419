/* Proxies that are known by name: looked up, admitted, looked up again when the answer ages. */
#include "admission_lab.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { REFRESH_MS = 5 * 60 * 1000, RETRY_MS = 5000 };

static void test_a_name_is_looked_up_first(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "proxy.example:1080", false);

    lab->answers[0] = "192.0.2.1";
    lab->answers[1] = "192.0.2.2";
    admission_lab_start(lab, &list, 1);
    assert_false(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    admission_lab_wait(lab, &lab->ready, 1);
    assert_int_equal(admission_lab_upstream(lab, 0)->address_count, 2);
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.2", 1080));
}

static void test_addresses_age(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "proxy.example:1080", false);

    lab->answers[0] = "192.0.2.1";
    lab->answers[1] = "192.0.2.2";
    admission_lab_start(lab, &list, 1);
    admission_lab_wait(lab, &lab->ready, 1);
    lab->answers[0] = "192.0.2.3";
    admission_lab_pass(lab, REFRESH_MS - 1);
    assert_int_equal(lab->ready, 1);
    admission_lab_pass(lab, 1);
    admission_lab_wait(lab, &lab->ready, 2);
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.2", 1080));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.3", 1080));
    assert_int_equal(admission_lab_upstream(lab, 0)->address_count, 2);
}

/* The root half keeps a set: what one no longer wants may still be another's. */
static void test_what_two_share_outlives_one(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list[] = {
        admission_lab_proxy("a", "proxy.example:1080", true),
        admission_lab_proxy("b", "192.0.2.1:1080", false),
        admission_lab_proxy("c", "192.0.2.1:1081", true),
    };

    lab->answers[0] = "192.0.2.1";
    admission_lab_start(lab, list, 3);
    admission_lab_wait(lab, &lab->ready, 3);
    lab->answers[0] = "192.0.2.3";
    admission_lab_pass(lab, REFRESH_MS);
    admission_lab_wait(lab, &lab->ready, 4);
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 1080)); /* b's */
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 0));    /* c's */
    assert_true(admission_lab_is_admitted(lab, "192.0.2.3", 0));
    admission_lab_start(lab, list, 2);
    assert_false(admission_lab_is_admitted(lab, "192.0.2.1", 0)); /* b has no use for it */
}

/* A resolver that fails once must not take the upstream away. */
static void test_a_failed_refresh_keeps_what_there_is(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "proxy.example:1080", false);
    int before;

    lab->answers[0] = "192.0.2.1";
    admission_lab_start(lab, &list, 1);
    admission_lab_wait(lab, &lab->ready, 1);
    lab->answers[0] = NULL;
    before = lab->questions;
    admission_lab_pass(lab, REFRESH_MS);
    for (int i = 0; i < 3000 && lab->questions < before + 2; i++)
        loop_run_once(lab->loop, 10);
    for (int i = 0; i < 10; i++)
        loop_run_once(lab->loop, 1);
    assert_true(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    assert_int_equal(lab->failed, 0);
    lab->answers[0] = "192.0.2.2";
    admission_lab_pass(lab, RETRY_MS);
    admission_lab_wait(lab, &lab->ready, 2);
}

static void test_a_name_that_does_not_exist_is_tried_again(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "proxy.example:1080", false);

    admission_lab_start(lab, &list, 1);
    admission_lab_wait(lab, &lab->failed, 1);
    assert_int_equal(lab->failed_err, ERR_NAME);
    lab->answers[0] = "192.0.2.1";
    admission_lab_pass(lab, RETRY_MS);
    admission_lab_wait(lab, &lab->ready, 1);
}

static void test_a_reload_keeps_what_was_looked_up(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list = admission_lab_proxy("a", "proxy.example:1080", false);

    lab->answers[0] = "192.0.2.1";
    admission_lab_start(lab, &list, 1);
    admission_lab_wait(lab, &lab->ready, 1);
    admission_lab_start(lab, &list, 1);
    assert_true(upstream_is_dialable(admission_lab_upstream(lab, 0)));
    assert_true(admission_lab_is_admitted(lab, "192.0.2.1", 1080));
    assert_int_equal(lab->withdrawals, 0);
}

/* Under the address sanitizer: whatever is under way is neither leaked nor called. */
static void test_the_end_of_a_look_up_that_nobody_answers(void **state)
{
    struct admission_lab *lab = *state;
    const struct upstream_options list[] = {admission_lab_proxy("a", "proxy.example:1080", false),
                                            admission_lab_proxy("b", "other.example:1080", false)};

    lab->is_silent = true;
    admission_lab_start(lab, list, 2);
    admission_lab_wait(lab, &lab->questions, 4);
    admission_lab_start(lab, list, 2); /* a reload while they wait; then the end of all */
    loop_run_once(lab->loop, 0);
    assert_int_equal(lab->failed, 0);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, admission_lab_open, admission_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_a_name_is_looked_up_first),
        lab_test(test_addresses_age),
        lab_test(test_what_two_share_outlives_one),
        lab_test(test_a_failed_refresh_keeps_what_there_is),
        lab_test(test_a_name_that_does_not_exist_is_tried_again),
        lab_test(test_a_reload_keeps_what_was_looked_up),
        lab_test(test_the_end_of_a_look_up_that_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
