/* The timer by the wall clock. That a set clock is told cannot be shown without setting one. */
#include "base/wall_timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void count(void *owner)
{
    ++*(int *)owner;
}

static void test_due_when_the_clock_says_so(void **state)
{
    struct loop *loop = loop_new();
    struct wall_timer *timer;
    int told = 0;

    (void)state;
    assert_int_equal(wall_timer_open(loop, count, &told, &timer), 0);
    assert_int_equal(wall_timer_start(timer, time(NULL) + 1000), 0);
    loop_run_once(loop, 20);
    assert_int_equal(told, 0);
    assert_int_equal(wall_timer_start(timer, time(NULL) - 1000), 0); /* over: at once */
    for (int i = 0; i < 3000 && told == 0; i++)
        loop_run_once(loop, 10);
    assert_int_equal(told, 1);
    loop_run_once(loop, 20);
    assert_int_equal(told, 1);
    assert_int_equal(wall_timer_start(timer, -5), 0);
    wall_timer_stop(timer);
    loop_run_once(loop, 20);
    assert_int_equal(told, 1);
    wall_timer_close(timer);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_due_when_the_clock_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
