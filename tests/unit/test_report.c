/* The worker's own words, made fit to be shown. */
#include "service/supervisor/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void takes_what_is_said_without_control_characters(void **state)
{
    (void)state;
    struct report report = {0};
    struct ipc_message message = {
        .kind = IPC_REPORT, .value = IPC_BLOCKED, .name = "ho\x1bme", .text = "no\nREADY=1\x7f"};
    assert_int_equal(report_take(&report, &message), 0);
    assert_true(report.is_known);
    assert_int_equal(report.state, IPC_BLOCKED);
    assert_string_equal(report.upstream, "ho me");
    assert_string_equal(report.reason, "no READY=1 ");
}

static void refuses_a_state_that_does_not_exist(void **state)
{
    (void)state;
    struct report report = {0};
    const int32_t wrong[] = {-1, IPC_FAILING + 1, INT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct ipc_message message = {.kind = IPC_REPORT, .value = wrong[i]};
        assert_int_equal(report_take(&report, &message), -EBADMSG);
        assert_false(report.is_known);
    }
}

static void its_own_word_counts_more_than_how_it_ended(void **state)
{
    (void)state;
    struct report report = {.is_known = true, .upstream = "home"};
    struct ipc_message message = {.kind = IPC_FAILED, .text = "no list"};
    report_take_failure(&report, &message);
    report_worker_is_gone(&report, "the worker exited with status 3");
    assert_string_equal(report.trouble, "the worker cannot start: no list");
    assert_false(report.is_known);
    assert_string_equal(report.upstream, "");
}

static void trouble_lasts_until_the_next_one_is_ready(void **state)
{
    (void)state;
    struct report report = {0};
    report_worker_is_gone(&report, "the worker was killed");
    report_worker_is_new(&report);
    assert_string_equal(report.trouble, "the worker was killed");
    report_worker_is_ready(&report);
    assert_string_equal(report.trouble, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_said_without_control_characters),
        cmocka_unit_test(refuses_a_state_that_does_not_exist),
        cmocka_unit_test(its_own_word_counts_more_than_how_it_ended),
        cmocka_unit_test(trouble_lasts_until_the_next_one_is_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
