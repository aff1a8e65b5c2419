/* atlanticd's command line. */
#include "service/supervisor/arguments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct arguments *ret, const char *a, const char *b)
{
    char *arguments[] = {"atlanticd", (char *)(size_t)a, (char *)(size_t)b, NULL};
    return arguments_parse(b ? 3 : a ? 2 : 1, arguments, ret);
}

static void has_defaults(void **state)
{
    (void)state;
    struct arguments options;
    assert_int_equal(parse(&options, NULL, NULL), 0);
    assert_int_equal(options.task, ARGUMENTS_SERVE);
    assert_null(options.config_path);
    assert_string_equal(options.run_dir, "/run/atlantic");
    assert_string_equal(options.state_dir, "/var/lib/atlantic");
    assert_false(options.turns_on);
}

static void takes_what_is_given(void **state)
{
    (void)state;
    struct arguments options;
    assert_int_equal(parse(&options, "--config=/a", "--on"), 0);
    assert_string_equal(options.config_path, "/a");
    assert_true(options.turns_on);
    assert_int_equal(parse(&options, "--lockdown", NULL), 0);
    assert_int_equal(options.task, ARGUMENTS_LOCKDOWN);
    assert_int_equal(parse(&options, "--run-dir", "/b"), 0);
    assert_string_equal(options.run_dir, "/b");
}

static void refuses_the_rest(void **state)
{
    (void)state;
    struct arguments options = {.run_dir = "untouched"};
    assert_int_equal(parse(&options, "--no-such", NULL), -EINVAL);
    assert_int_equal(parse(&options, "--config", NULL), -EINVAL);
    assert_int_equal(parse(&options, "on", NULL), -EINVAL);
    assert_string_equal(options.run_dir, "untouched");
}

static void the_help_names_every_option(void **state)
{
    (void)state;
    const char *const names[] = {"--config",   "--run-dir", "--state-dir", "--worker", "--on",
                                 "--lockdown", "--cleanup", "--help",      "--version"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(arguments_help, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(takes_what_is_given),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(the_help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
