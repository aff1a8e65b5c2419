/* When what is in force: over midnight, by days, on the days when the clocks change. */
#include "service/engine/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_schedule schedules[3];
static struct config_filter filter = {.schedules = schedules};

/* Central European time with its rule, whatever the machine has. */
static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    memset(schedules, 0, sizeof(schedules));
    filter.schedules_count = 1;
    return 0;
}

static time_t at(int month, int day, int hour, int minute)
{
    struct tm tm = {.tm_year = 126,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_isdst = -1};
    return mktime(&tm);
}

static bool is_on(time_t now)
{
    return schedule_is_in_force(&filter, NULL, NULL, now);
}

static void test_without_schedules(void **state)
{
    (void)state;
    filter.schedules_count = 0;
    assert_true(is_on(at(1, 1, 0, 0)));
    assert_true(schedule_next_edge(&filter, at(1, 1, 0, 0)) == SCHEDULE_NEVER);
}

static void test_within_a_day(void **state)
{
    unsigned days[] = {1, 2}; /* Monday, Tuesday */

    (void)state;
    schedules[0] = (struct config_schedule){
        .days = days, .days_count = 2, .from_min = 480, .to_min = 1050, .is_on = true};
    assert_false(is_on(at(1, 5, 7, 59))); /* a Monday */
    assert_true(is_on(at(1, 5, 8, 0)));
    assert_true(is_on(at(1, 5, 17, 29)));
    assert_false(is_on(at(1, 5, 17, 30)));
    assert_false(is_on(at(1, 7, 12, 0)));
    assert_int_equal(schedule_next_edge(&filter, at(1, 5, 7, 59)), at(1, 5, 8, 0));
    assert_int_equal(schedule_next_edge(&filter, at(1, 5, 8, 0)), at(1, 5, 17, 30));
    assert_int_equal(schedule_next_edge(&filter, at(1, 6, 17, 30)), at(1, 12, 8, 0));
}

/* The day is the one on which it begins. */
static void test_over_midnight(void **state)
{
    unsigned days[] = {5}; /* Friday */

    (void)state;
    schedules[0] = (struct config_schedule){
        .days = days, .days_count = 1, .from_min = 22 * 60, .to_min = 6 * 60};
    assert_true(is_on(at(1, 9, 5, 0)));
    assert_true(is_on(at(1, 9, 21, 59)));
    assert_false(is_on(at(1, 9, 22, 0)));
    assert_false(is_on(at(1, 10, 5, 59)));
    assert_true(is_on(at(1, 10, 6, 0)));
    assert_true(is_on(at(1, 10, 23, 0)));
    assert_int_equal(schedule_next_edge(&filter, at(1, 9, 22, 0)), at(1, 10, 6, 0));
    assert_int_equal(schedule_next_edge(&filter, at(1, 10, 6, 0)), at(1, 16, 22, 0));
}

/* In 2026 on March 29 two o'clock is three, on October 25 three o'clock is two. */
static void test_the_clocks_change(void **state)
{
    (void)state;
    schedules[0] = (struct config_schedule){.from_min = 22 * 60, .to_min = 6 * 60, .is_on = true};
    assert_int_equal(schedule_next_edge(&filter, at(3, 28, 22, 0)) - at(3, 28, 22, 0), 7 * 3600);
    assert_int_equal(schedule_next_edge(&filter, at(10, 24, 22, 0)) - at(10, 24, 22, 0), 9 * 3600);
    assert_true(is_on(at(3, 29, 5, 59)));
    assert_false(is_on(at(3, 29, 6, 0)));
    assert_true(is_on(at(10, 25, 6, 0) - 1));
    assert_false(is_on(at(10, 25, 6, 0)));
    /* A whole day is one also when it has 23 or 25 hours, and there is always a next edge. */
    schedules[0].from_min = 0;
    schedules[0].to_min = 24 * 60;
    for (int hour = 0; hour < 24; hour++) {
        assert_true(is_on(at(3, 29, hour, 30)));
        assert_true(is_on(at(10, 25, hour, 30)));
        assert_true(schedule_next_edge(&filter, at(10, 25, hour, 30)) > at(10, 25, hour, 30));
    }
}

static void test_categories_and_lists(void **state)
{
    char *social[] = {"social"}, *mine[] = {"mine"};

    (void)state;
    filter.schedules_count = 3;
    schedules[0] = (struct config_schedule){.categories = social,
                                            .categories_count = 1,
                                            .from_min = 480,
                                            .to_min = 1020,
                                            .is_on = true};
    schedules[1] = (struct config_schedule){.categories = social,
                                            .categories_count = 1,
                                            .from_min = 1200,
                                            .to_min = 1260,
                                            .is_on = true};
    schedules[2] = (struct config_schedule){.categories = social,
                                            .categories_count = 1,
                                            .lists = mine,
                                            .lists_count = 1,
                                            .from_min = 720,
                                            .to_min = 780};
    assert_true(schedule_is_in_force(&filter, "social", "x", at(1, 5, 9, 0)));
    assert_false(schedule_is_in_force(&filter, "social", "x", at(1, 5, 12, 30)));
    assert_false(schedule_is_in_force(&filter, "social", "x", at(1, 5, 18, 0)));
    assert_true(schedule_is_in_force(&filter, "social", "x", at(1, 5, 20, 30)));
    assert_true(schedule_is_in_force(&filter, "ads", "x", at(1, 5, 12, 30)));
    assert_false(schedule_is_in_force(&filter, "ads", "mine", at(1, 5, 12, 30)));
    assert_true(is_on(at(1, 5, 12, 30))); /* nobody spoke of the whole */
}

#define lab_test(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_without_schedules),    lab_test(test_within_a_day),
        lab_test(test_over_midnight),        lab_test(test_the_clocks_change),
        lab_test(test_categories_and_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
