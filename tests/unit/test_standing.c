/* States and reasons, from the bare facts. */
#include "service/supervisor/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct standing_facts facts, const char *state, const char *reason)
{
    struct standing standing = standing_of(&facts);
    assert_string_equal(standing.state, state);
    assert_string_equal(standing.reason, reason);
}

static struct standing_facts ready(enum ipc_state report, const char *reason)
{
    return (struct standing_facts){.is_armed = true,
                                   .host_trouble = "",
                                   .worker_is_ready = true,
                                   .worker_trouble = "",
                                   .has_report = true,
                                   .report = report,
                                   .report_reason = reason};
}

static void open_is_off_whatever_the_worker_says(void **state)
{
    (void)state;
    struct standing_facts facts = ready(IPC_ON, "fine");
    facts.is_armed = false;
    expect(facts, "off", "");
}

static void the_workers_report_is_the_state(void **state)
{
    (void)state;
    expect(ready(IPC_CONNECTING, "dialing"), "connecting", "dialing");
    expect(ready(IPC_ON, ""), "on", "");
    expect(ready(IPC_BLOCKED, "no upstream"), "blocked", "no upstream");
    expect(ready(IPC_FAILING, "407"), "failing", "407");
}

static void without_a_report_it_connects(void **state)
{
    (void)state;
    struct standing_facts facts = ready(IPC_ON, "");
    facts.has_report = false;
    expect(facts, "connecting", "looking for an upstream");
    facts.worker_is_ready = false;
    expect(facts, "connecting", "the worker is starting");
}

static void deaths_in_a_row_are_a_failure(void **state)
{
    (void)state;
    struct standing_facts facts = {
        .is_armed = true, .host_trouble = "", .worker_trouble = "it died", .worker_deaths = 1};
    expect(facts, "connecting", "it died");
    facts.worker_deaths = STANDING_DEATHS;
    expect(facts, "failing", "it died");
}

static void trouble_of_the_host_blocks(void **state)
{
    (void)state;
    struct standing_facts facts = ready(IPC_ON, "");
    facts.host_trouble = "no TUN";
    expect(facts, "blocked", "no TUN");
    facts.is_stopping = true;
    expect(facts, "blocked", "the service is stopping");
}

static void what_is_worse_counts(void **state)
{
    (void)state;
    const struct standing ascending[] = {
        {"on", ""}, {"connecting", ""}, {"failing", ""}, {"blocked", ""}};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(standing_is_worse(&ascending[i], &ascending[j]), i > j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_is_off_whatever_the_worker_says),
        cmocka_unit_test(the_workers_report_is_the_state),
        cmocka_unit_test(without_a_report_it_connects),
        cmocka_unit_test(deaths_in_a_row_are_a_failure),
        cmocka_unit_test(trouble_of_the_host_blocks),
        cmocka_unit_test(what_is_worse_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
