#include "proxy/basic_auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_build(void **state)
{
    char value[64];
    (void)state;
    /* RFC 7617 sec. 2 */
    assert_int_equal(basic_auth_build(value, sizeof(value), "Aladdin", "open sesame"), 34);
    assert_string_equal(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_int_equal(basic_auth_build(value, sizeof(value), "a", "bc"), 14);
    assert_string_equal(value, "Basic YTpiYw==");
    assert_true(basic_auth_build(value, sizeof(value), "a", "b") > 0);
    assert_string_equal(value, "Basic YTpi");
    assert_int_equal(basic_auth_build(value, sizeof(value), "a:b", "c"), -EINVAL);
    assert_int_equal(basic_auth_build(value, 14, "a", "bc"), -ENOSPC);
    assert_int_equal(basic_auth_build(value, 15, "a", "bc"), 14);
}

static bool check(const char *value)
{
    return basic_auth_check(value, strlen(value), "Aladdin", "open sesame");
}

static void test_check(void **state)
{
    (void)state;
    assert_true(check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_true(check("basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_false(check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZR=="));
    assert_false(check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ="));
    assert_false(check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==="));
    assert_false(check("Basic "));
    assert_false(check("Basic"));
    assert_false(check(""));
    assert_false(check("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
