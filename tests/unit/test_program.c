/* Where the other programs are found. */
#include "ui/cli/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static char *in_root(const char *path, char to[PATH_MAX])
{
    snprintf(to, PATH_MAX, "%s/%s", root, path);
    return to;
}

static int setup(void **state)
{
    static const char *const folders[] = {"bin", "libexec", "libexec/atlantic", "given"};
    char path[PATH_MAX];
    (void)state;
    strcpy(root, "/tmp/test_program.XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mkdir(in_root(folders[i], path), 0700), 0);
    unsetenv("ATLANTIC_LIBEXEC");
    return 0;
}

static int teardown(void **state)
{
    static const char *const paths[] = {
        "bin/tool",   "bin",  "libexec/atlantic/tool", "libexec/atlantic", "libexec",
        "given/tool", "given"};
    char path[PATH_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        remove(in_root(paths[i], path));
    return rmdir(root);
}

static void make(const char *name, mode_t mode)
{
    char path[PATH_MAX];
    int fd = open(in_root(name, path), O_CREAT | O_WRONLY, mode);
    assert_true(fd >= 0);
    close(fd);
}

static void assert_found(const char *expected)
{
    char self[PATH_MAX], path[PATH_MAX], real[PATH_MAX], wanted[PATH_MAX];
    in_root("bin/atlantic", self);
    int result = program_find("tool", self, path, sizeof(path));
    if (!expected) {
        assert_int_equal(result, -ENOENT);
        return;
    }
    assert_int_equal(result, 0);
    assert_non_null(realpath(path, real));
    assert_string_equal(real, in_root(expected, wanted));
}

static void test_find(void **state)
{
    char given[PATH_MAX];
    (void)state;
    assert_found(NULL);
    make("libexec/atlantic/tool", 0700);
    assert_found("libexec/atlantic/tool");
    make("bin/tool", 0600); /* no program */
    assert_found("libexec/atlantic/tool");
    assert_int_equal(chmod(in_root("bin/tool", given), 0700), 0);
    assert_found("bin/tool");
    setenv("ATLANTIC_LIBEXEC", in_root("given", given), 1);
    assert_found("bin/tool");
    make("given/tool", 0700);
    assert_found("given/tool");
}

static void test_run_without_program(void **state)
{
    char *arguments[] = {NULL};
    (void)state;
    assert_int_equal(program_run("no-such-program-of-ours", arguments), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test(test_run_without_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
