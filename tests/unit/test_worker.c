/* The parts of the worker's life that need no process: pauses, and how an end is told. The rest is
 * in tests/net/supervisor.py, with processes. */
#include "service/supervisor/process.h"
#include "service/supervisor/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void pauses_double_to_half_a_minute(void **state)
{
    (void)state;
    const uint64_t expected[] = {200, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    for (unsigned deaths = 0; deaths < sizeof(expected) / sizeof(expected[0]); deaths++)
        assert_int_equal(worker_pause_ms(deaths), expected[deaths]);
    assert_int_equal(worker_pause_ms(4000000000u), 30000);
}

static void an_end_is_told_in_words(void **state)
{
    (void)state;
    char text[96];
    assert_string_equal(process_describe_end(3 << 8, text, sizeof(text)), "exited with status 3");
    assert_string_equal(process_describe_end(9, text, sizeof(text)),
                        "was killed by signal 9 (Killed)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_to_half_a_minute),
        cmocka_unit_test(an_end_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
