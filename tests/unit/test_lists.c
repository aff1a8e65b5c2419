#include "adblock/lists.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct lists *lists;
    int changes;
    char path[64], error[512];
};

static void on_change(void *owner)
{
    ((struct fixture *)owner)->changes++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->path, "/tmp/test_lists.XXXXXX");
    close(mkstemp(f->path));
    f->loop = loop_new();
    f->lists = lists_new(f->loop, on_change, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lists_free(f->lists);
    loop_run(f->loop);
    loop_free(f->loop);
    unlink(f->path);
    free(f);
    return 0;
}

/* A set of one list with one name. */
static int set_name(struct fixture *f, const char *name)
{
    struct lists_source source = {
        .name = "mine", .category = "ads", .path = f->path, .format = FILTER_DOMAINS};
    struct lists_options options = {.sources = &source, .count = 1};
    FILE *file = fopen(f->path, "w");
    fprintf(file, "%s\n", name);
    fclose(file);
    return lists_set(f->lists, &options, f->error, sizeof(f->error));
}

static bool is_blocked(struct fixture *f, const char *host)
{
    struct verdict verdict;
    struct filter_name name = {.host = host};
    filter_ask_name(lists_filter(f->lists), &name, &verdict);
    return verdict_is_block(&verdict);
}

static void test_the_first_set_is_in_force_at_once(void **state)
{
    struct fixture *f = *state;
    assert_null(lists_filter(f->lists));
    assert_int_equal(set_name(f, "a.example"), 0);
    assert_true(is_blocked(f, "www.a.example"));
    assert_false(is_blocked(f, "b.example"));
    assert_int_equal(f->changes, 0); /* never from inside the call */
    loop_run(f->loop);
    assert_int_equal(f->changes, 1);
}

static void test_another_set_takes_over_later(void **state)
{
    struct fixture *f = *state;
    set_name(f, "a.example");
    loop_run(f->loop);
    assert_int_equal(set_name(f, "b.example"), 0);
    assert_true(is_blocked(f, "a.example"));
    loop_run(f->loop);
    assert_true(is_blocked(f, "b.example"));
    assert_false(is_blocked(f, "a.example"));
    assert_int_equal(f->changes, 2);
}

static void test_the_newest_wins(void **state)
{
    struct fixture *f = *state;
    set_name(f, "a.example");
    set_name(f, "b.example");
    set_name(f, "c.example");
    set_name(f, "d.example");
    loop_run(f->loop);
    assert_true(is_blocked(f, "d.example"));
    assert_false(is_blocked(f, "b.example") || is_blocked(f, "c.example"));
    assert_int_equal(f->changes, 2); /* those that were overtaken never took over */
}

static void test_an_unreadable_list_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct lists_source sources[] = {
        {.name = "mine", .category = "ads", .path = f->path, .format = FILTER_DOMAINS},
        {.name = "gone", .category = "ads", .path = "/nonexistent", .format = FILTER_DOMAINS}};
    struct lists_options options = {.sources = sources, .count = 2};
    set_name(f, "a.example");
    assert_int_equal(lists_check(&options, f->error, sizeof(f->error)), -ENOENT);
    assert_non_null(strstr(f->error, "gone"));
    assert_int_equal(lists_set(f->lists, &options, f->error, sizeof(f->error)), -ENOENT);
    loop_run(f->loop);
    assert_true(is_blocked(f, "a.example"));
    assert_int_equal(f->changes, 1);
    assert_null(lists_problem(f->lists));
}

static void test_allow_and_deny(void **state)
{
    struct fixture *f = *state;
    static const char *const allow[] = {"doubleclick.net"}, *const deny[] = {"mine.example"};
    struct lists_source source = {.name = "built-in", .category = "ads", .format = FILTER_DOMAINS};
    struct lists_options options = {&source, 1, allow, 1, deny, 1};
    assert_int_equal(lists_set(f->lists, &options, f->error, sizeof(f->error)), 0);
    assert_false(is_blocked(f, "ad.doubleclick.net"));
    assert_true(is_blocked(f, "www.mine.example"));
    assert_true(is_blocked(f, "adnxs.com"));
}

static void test_nothing_at_all(void **state)
{
    struct fixture *f = *state;
    struct lists_options options = {0};
    assert_int_equal(lists_set(f->lists, &options, f->error, sizeof(f->error)), 0);
    assert_non_null(lists_filter(f->lists));
    assert_false(is_blocked(f, "a.example"));
}

static void test_freed_while_compiling(void **state)
{
    struct fixture *f = *state;
    set_name(f, "a.example");
    set_name(f, "b.example");
    set_name(f, "c.example");
    lists_free(f->lists);
    f->lists = NULL;
    loop_run(f->loop);
    assert_int_equal(f->changes, 0);
}

static void test_formats(void **state)
{
    (void)state;
    enum filter_format format = FILTER_RPZ;
    assert_int_equal(lists_parse_format("xml", &format), -EINVAL);
    assert_int_equal(format, FILTER_RPZ);
    assert_int_equal(lists_parse_format("auto", &format), 0);
    assert_int_equal(format, FILTER_AUTO);
    assert_int_equal(lists_parse_format("adblock", &format), 0);
    assert_int_equal(format, FILTER_ADBLOCK);
}

#define lists_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lists_test(test_the_first_set_is_in_force_at_once),
        lists_test(test_another_set_takes_over_later),
        lists_test(test_the_newest_wins),
        lists_test(test_an_unreadable_list_changes_nothing),
        lists_test(test_allow_and_deny),
        lists_test(test_nothing_at_all),
        lists_test(test_freed_while_compiling),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
