/* The power protocol's words and answers. */
#include "service/supervisor/power.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void knows_its_words(void **state)
{
    (void)state;
    enum power_request request = POWER_STATUS;
    assert_int_equal(power_parse("on", 2, &request), 0);
    assert_int_equal(request, POWER_ON);
    assert_int_equal(power_parse("config-check", 12, &request), 0);
    assert_int_equal(request, POWER_CONFIG_CHECK);
}

static void refuses_everything_else(void **state)
{
    (void)state;
    enum power_request request = POWER_RELOAD;
    assert_int_equal(power_parse("", 0, &request), -EINVAL);
    assert_int_equal(power_parse("o", 1, &request), -EINVAL);
    assert_int_equal(power_parse("offf", 4, &request), -EINVAL);
    assert_int_equal(power_parse("ON", 2, &request), -EINVAL);
    assert_int_equal(power_parse("on ", 3, &request), -EINVAL);
    assert_int_equal(request, POWER_RELOAD);
}

static struct power_status sample(void)
{
    return (struct power_status){.state = "on",
                                 .reason = "",
                                 .upstream = "home",
                                 .tun = "atlantic-tun0",
                                 .worker_pid = 42,
                                 .uptime_s = 7,
                                 .since = 1000,
                                 .is_armed = true,
                                 .is_wished = true,
                                 .worker_count = 1};
}

static void answers_in_lines(void **state)
{
    (void)state;
    struct power_status status = sample();
    char *text = power_format(&status, NULL);
    assert_string_equal(text, "state=on\nreason=\nupstream=home\nworker_pid=42\nuptime_s=7\n"
                              "fence=armed\ntun=atlantic-tun0\nwish=on\nsince=1000\n"
                              "version=" ATLANTIC_VERSION "\nworkers=1\nworkers_why=\n\n");
    free(text);
}

static void several_workers_have_a_line_each(void **state)
{
    (void)state;
    struct power_status status = sample();
    const struct power_worker workers[] = {{"on", "", 42}, {"connecting", "it was\nkilled", 0}};
    status.worker_count = 2;
    status.workers = workers;
    char *text = power_format(&status, NULL);
    assert_non_null(strstr(text, "\nworkers=2\nworkers_why=\nworker.1=42 on\n"
                                 "worker.2=0 connecting it was\\nkilled\n\n"));
    free(text);
}

static void escapes_what_would_break_a_line(void **state)
{
    (void)state;
    struct power_status status = sample();
    status.reason = "a\nb\\c\x01\x7f";
    char *text = power_format(&status, "no\n\nstate=off");
    assert_memory_equal(text, "error=no\\n\\nstate=off\nstate=on\n", 31);
    assert_non_null(strstr(text, "\nreason=a\\nb\\\\c\\x01\\x7f\n"));
    assert_ptr_equal(strstr(text, "\n\n"), text + strlen(text) - 2);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_words),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(answers_in_lines),
        cmocka_unit_test(several_workers_have_a_line_each),
        cmocka_unit_test(escapes_what_would_break_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
