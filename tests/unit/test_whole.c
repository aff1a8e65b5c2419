/* Pieces of a file: at their places, in as many calls as the kernel likes, and what goes wrong. */
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What the kernel does next: one errno or one short count a call, then as it likes. */
static int fails_with;
static size_t takes_at_most;

static bool has_failed(void)
{
    errno = fails_with;
    fails_with = 0;
    return errno != 0;
}

static size_t part_of(size_t size)
{
    return size < takes_at_most ? size : takes_at_most;
}

ssize_t __real_pread(int fd, void *to, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t size, off_t at)
{
    return has_failed() ? -1 : __real_pread(fd, to, part_of(size), at);
}

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
    return has_failed() ? -1 : __real_pwrite(fd, data, part_of(size), at);
}

static int set_up(void **state)
{
    static int fd;
    FILE *file = tmpfile();

    assert_non_null(file);
    fd = dup(fileno(file));
    fclose(file);
    fails_with = 0;
    takes_at_most = SIZE_MAX;
    *state = &fd;
    return 0;
}

static int tear_down(void **state)
{
    return close(*(int *)*state);
}

static void test_at_its_place(void **state)
{
    int fd = *(int *)*state;
    char got[8] = "";

    assert_int_equal(whole_write(fd, "world", 5, 3), 0);
    assert_int_equal(whole_write(fd, "abc", 3, 0), 0);
    assert_int_equal(whole_read(fd, got, 4, 2), 4);
    assert_memory_equal(got, "cwor", 4);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void test_ends_with_the_file(void **state)
{
    int fd = *(int *)*state;
    char got[8] = "";

    assert_int_equal(whole_read(fd, got, sizeof(got), 0), 0);
    assert_int_equal(whole_write(fd, "world", 5, 0), 0);
    assert_int_equal(whole_read(fd, got, sizeof(got), 2), 3);
    assert_string_equal(got, "rld");
    assert_int_equal(whole_read(fd, got, sizeof(got), 5), 0);
    assert_int_equal(whole_read(fd, got, 0, 0), 0);
    assert_int_equal(whole_write(fd, got, 0, 0), 0);
}

static void test_goes_on_after_a_part(void **state)
{
    int fd = *(int *)*state;
    char got[8] = "";

    takes_at_most = 2;
    assert_int_equal(whole_write(fd, "world", 5, 0), 0);
    assert_int_equal(whole_read(fd, got, 5, 0), 5);
    assert_string_equal(got, "world");
}

static void test_goes_on_after_a_signal(void **state)
{
    int fd = *(int *)*state;
    char got[8] = "";

    fails_with = EINTR;
    assert_int_equal(whole_write(fd, "world", 5, 0), 0);
    fails_with = EINTR;
    assert_int_equal(whole_read(fd, got, 5, 0), 5);
    assert_string_equal(got, "world");
}

static void test_says_what_is_wrong(void **state)
{
    int fd = *(int *)*state;
    char got[8] = "";

    fails_with = ENOSPC;
    assert_int_equal(whole_write(fd, "world", 5, 0), -ENOSPC);
    takes_at_most = 0;
    assert_int_equal(whole_write(fd, "world", 5, 0), -EIO);
    fails_with = EISDIR;
    assert_int_equal(whole_read(fd, got, 5, 0), -EISDIR);
    assert_int_equal(whole_read(-1, got, 5, 0), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_with_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_what_is_wrong, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
