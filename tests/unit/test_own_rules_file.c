/* The file of a user's own rules: replaced whole, and watched. */
#include "service/engine/own_rules_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct lab {
    struct loop *loop;
    char path[64];
    int dir_fd;
    struct kept_file *file, *other;
    int changes, other_changes;
};

static void count(void *owner)
{
    ++*(int *)owner;
}

static struct kept_file *open_file(struct lab *lab, int dir_fd, int *changes)
{
    struct kept_file *file;

    assert_int_equal(kept_file_open(lab->loop, dir_fd, OWN_RULES_FILE_NAME, count, changes, &file),
                     0);
    return file;
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/own-rules-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lab->loop = loop_new();
    lab->file = open_file(lab, lab->dir_fd, &lab->changes);
    lab->other = open_file(lab, lab->dir_fd, &lab->other_changes);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    kept_file_close(lab->file);
    kept_file_close(lab->other);
    loop_free(lab->loop);
    unlinkat(lab->dir_fd, "rules", 0);
    close(lab->dir_fd);
    rmdir(lab->path);
    free(lab);
    return 0;
}

static void test_what_one_writes_the_other_reads(void **state)
{
    struct lab *lab = *state;
    struct own_rules rules = {.paused_until_s = 77}, read;

    assert_int_equal(own_rules_file_read(lab->file, &read), -ENOENT);
    assert_int_equal(own_rules_put(&rules, "a.example", true, OWN_RULES_FOR_EVER), 0);
    assert_int_equal(own_rules_file_write(lab->file, &rules), 0);
    for (int i = 0; i < 3000 && (!lab->changes || !lab->other_changes); i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(lab->other_changes, 1);
    assert_int_equal(lab->changes, 1);
    assert_int_equal(own_rules_file_read(lab->other, &read), 0);
    assert_int_equal(read.paused_until_s, 77);
    assert_int_equal(read.count, 1);
    assert_string_equal(read.rules[0].name, "a.example");
    own_rules_done(&rules);
    own_rules_done(&read);
}

static void test_a_write_that_fails_leaves_the_old_one(void **state)
{
    struct lab *lab = *state;
    struct own_rules rules = {.paused_until_s = 77}, read;

    assert_int_equal(own_rules_file_write(lab->file, &rules), 0);
    assert_int_equal(mkdirat(lab->dir_fd, "rules.new", 0700), 0); /* in the way */
    rules.paused_until_s = 99;
    assert_true(own_rules_file_write(lab->file, &rules) < 0);
    assert_int_equal(unlinkat(lab->dir_fd, "rules.new", AT_REMOVEDIR), 0);
    assert_int_equal(own_rules_file_read(lab->file, &read), 0);
    assert_int_equal(read.paused_until_s, 77);
}

static void test_damaged(void **state)
{
    struct lab *lab = *state;
    struct own_rules read;
    int fd = openat(lab->dir_fd, "rules", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "nonsense", 8), 8);
    close(fd);
    assert_int_equal(own_rules_file_read(lab->file, &read), -EBADMSG);
}

static void test_nothing_is_kept_without_a_folder(void **state)
{
    struct lab *lab = *state;
    struct own_rules rules = {.paused_until_s = 77};

    kept_file_close(lab->file);
    lab->file = open_file(lab, -1, &lab->changes);
    assert_int_equal(own_rules_file_write(lab->file, &rules), 0);
    assert_int_equal(own_rules_file_read(lab->file, &rules), -ENOENT);
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_what_one_writes_the_other_reads),
        lab_test(test_a_write_that_fails_leaves_the_old_one),
        lab_test(test_damaged),
        lab_test(test_nothing_is_kept_without_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
