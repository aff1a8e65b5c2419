#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void every_code_has_a_phrase_of_its_own(void **state)
{
    (void)state;
    for (int a = ERR_EOF; a >= ERR_UNSUPPORTED; a--) {
        assert_null(strstr(err_text(a), "Unknown error"));
        for (int b = ERR_EOF; b > a; b--)
            assert_string_not_equal(err_text(a), err_text(b));
    }
    assert_string_equal(err_text(-ECONNREFUSED), strerror(ECONNREFUSED));
}

static void only_the_targets_errors_are_the_targets(void **state)
{
    (void)state;
    assert_true(err_is_target(ERR_TARGET_REFUSED));
    assert_true(err_is_target(ERR_TARGET_UNREACHABLE));
    assert_true(err_is_target(ERR_NAME));
    assert_false(err_is_target(ERR_REFUSED_BY_PROXY));
    assert_false(err_is_target(-ECONNREFUSED));
    assert_false(err_is_target(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_phrase_of_its_own),
        cmocka_unit_test(only_the_targets_errors_are_the_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
