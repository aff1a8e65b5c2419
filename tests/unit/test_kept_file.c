/* A file that is replaced whole: what is read back, what a crash leaves, and who is told. */
#include "base/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT = 16 };

struct lab {
    struct loop *loop;
    char path[64];
    int dir_fd, changes;
    struct kept_file *file;
};

static void count(void *owner)
{
    ++*(int *)owner;
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/kept-file-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lab->loop = loop_new();
    assert_int_equal(
        kept_file_open(lab->loop, lab->dir_fd, "thing", count, &lab->changes, &lab->file), 0);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    static const char *const names[] = {"thing", "thing.new", "thing.damaged", "thing2"};

    kept_file_close(lab->file);
    loop_free(lab->loop);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(lab->dir_fd, names[i], 0);
    close(lab->dir_fd);
    assert_int_equal(rmdir(lab->path), 0);
    free(lab);
    return 0;
}

static void put(struct lab *lab, const char *name, const char *text)
{
    int fd = openat(lab->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void assert_text(struct lab *lab, const char *expected)
{
    size_t size;
    char *text;

    assert_int_equal(kept_file_read(lab->file, LIMIT, &text, &size), 0);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(text, expected, size);
    free(text);
}

static void assert_no_text(struct lab *lab, int expected)
{
    char *text = NULL;
    size_t size = 77;

    assert_int_equal(kept_file_read(lab->file, LIMIT, &text, &size), expected);
    assert_null(text);
    assert_int_equal(size, 77);
}

static void assert_changes(struct lab *lab, int expected)
{
    for (int i = 0; i < 3000 && lab->changes < expected; i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(lab->changes, expected);
}

static void test_it_is_replaced_whole(void **state)
{
    struct lab *lab = *state;

    assert_no_text(lab, -ENOENT);
    assert_int_equal(kept_file_write(lab->file, "a longer text", 13), 0);
    assert_text(lab, "a longer text");
    assert_int_equal(kept_file_write(lab->file, "short", 5), 0);
    assert_text(lab, "short");
    assert_int_equal(faccessat(lab->dir_fd, "thing.new", F_OK, 0), -1);
}

static void test_half_a_new_one_does_not_count(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(kept_file_write(lab->file, "old", 3), 0);
    put(lab, "thing.new", "half of a much longer"); /* killed while it was written */
    assert_text(lab, "old");
    assert_int_equal(kept_file_write(lab->file, "new", 3), 0);
    assert_text(lab, "new");
}

static void test_a_write_that_fails_leaves_the_old_one(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(kept_file_write(lab->file, "old", 3), 0);
    assert_int_equal(mkdirat(lab->dir_fd, "thing.new", 0700), 0); /* in the way */
    assert_true(kept_file_write(lab->file, "new", 3) < 0);
    assert_int_equal(unlinkat(lab->dir_fd, "thing.new", AT_REMOVEDIR), 0);
    assert_text(lab, "old");
}

static void test_what_is_too_long_is_damaged(void **state)
{
    struct lab *lab = *state;

    put(lab, "thing", "0123456789abcdef");
    assert_text(lab, "0123456789abcdef");
    put(lab, "thing", "0123456789abcdefg");
    assert_no_text(lab, -EBADMSG);
    assert_int_equal(kept_file_put_aside(lab->file), 0);
    assert_no_text(lab, -ENOENT);
    assert_int_equal(faccessat(lab->dir_fd, "thing.damaged", F_OK, 0), 0);
    assert_int_equal(kept_file_put_aside(lab->file), -ENOENT);
}

static void test_every_change_is_told_once(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(kept_file_write(lab->file, "one", 3), 0);
    assert_changes(lab, 1);
    put(lab, "thing2", "another file");
    unlinkat(lab->dir_fd, "thing2", 0);
    assert_int_equal(kept_file_write(lab->file, "two", 3), 0);
    assert_changes(lab, 2);
    unlinkat(lab->dir_fd, "thing", 0);
    assert_changes(lab, 3);
}

static void test_nothing_is_kept_without_a_folder(void **state)
{
    struct lab *lab = *state;

    kept_file_close(lab->file);
    assert_int_equal(kept_file_open(lab->loop, -1, "thing", count, &lab->changes, &lab->file), 0);
    assert_int_equal(kept_file_write(lab->file, "one", 3), 0);
    assert_no_text(lab, -ENOENT);
    assert_int_equal(kept_file_put_aside(lab->file), -ENOENT);
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_it_is_replaced_whole),
        lab_test(test_half_a_new_one_does_not_count),
        lab_test(test_a_write_that_fails_leaves_the_old_one),
        lab_test(test_what_is_too_long_is_damaged),
        lab_test(test_every_change_is_told_once),
        lab_test(test_nothing_is_kept_without_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
