#include "adblock/list_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char path[64], error[512];
    struct lists_source source;
    struct lists_options options;
};

static void write_list(const struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->path, "/tmp/test_list_plan.XXXXXX");
    close(mkstemp(f->path));
    write_list(f, "a.example\n");
    f->source = (struct lists_source){
        .name = "mine", .category = "ads", .path = f->path, .format = FILTER_DOMAINS};
    f->options = (struct lists_options){.sources = &f->source, .count = 1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    free(f);
    return 0;
}

static uint64_t fingerprint(struct fixture *f)
{
    struct list_plan *plan = NULL;
    assert_int_equal(list_plan_new(&f->options, -1, &plan, f->error, sizeof(f->error)), 0);
    uint64_t ret = plan->fingerprint[0] ^ plan->fingerprint[1];
    list_plan_free(plan);
    return ret;
}

static void test_same_is_same(void **state)
{
    struct fixture *f = *state;
    assert_true(fingerprint(f) == fingerprint(f));
}

static void test_every_difference_shows(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"b.example", "c.example"};
    uint64_t seen[8];
    size_t count = 0;
    seen[count++] = fingerprint(f);
    f->source.name = "yours";
    seen[count++] = fingerprint(f);
    f->source.category = "trackers";
    seen[count++] = fingerprint(f);
    f->source.format = FILTER_HOSTS;
    seen[count++] = fingerprint(f);
    f->options.allow = names;
    f->options.allow_count = 1;
    seen[count++] = fingerprint(f);
    f->options.allow_count = 0;
    f->options.deny = names;
    f->options.deny_count = 1;
    seen[count++] = fingerprint(f);
    f->options.deny_count = 2;
    seen[count++] = fingerprint(f);
    f->source.path = NULL;
    f->source.text = "a.example\n";
    seen[count++] = fingerprint(f);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

/* The same size, and the clock that a program may set put back. */
static void test_a_changed_file_shows(void **state)
{
    struct fixture *f = *state;
    struct stat before;
    uint64_t former = fingerprint(f);
    assert_int_equal(stat(f->path, &before), 0);
    usleep(20 * 1000); /* beyond the granularity of the kernel's clock */
    write_list(f, "b.example\n");
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
    assert_true(fingerprint(f) != former);
}

static void test_a_download_may_be_missing(void **state)
{
    struct fixture *f = *state;
    struct list_plan *plan;
    f->source.path = "/nonexistent/list";
    assert_int_equal(list_plan_new(&f->options, -1, &plan, f->error, sizeof(f->error)), -ENOENT);
    assert_non_null(strstr(f->error, "mine"));
    f->source.url = "https://lists.example/one";
    fingerprint(f);
}

static void test_web_pages_and_bad_names_are_told(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"a b"};
    struct list_plan *plan;
    f->options.deny = bad;
    f->options.deny_count = 1;
    assert_int_equal(list_plan_new(&f->options, -1, &plan, f->error, sizeof(f->error)), -EINVAL);
    assert_non_null(strstr(f->error, "deny"));
    f->options.deny_count = 0;
    write_list(f, "<!DOCTYPE html><html>gone</html>\n");
    assert_int_equal(list_plan_new(&f->options, -1, &plan, f->error, sizeof(f->error)), -EINVAL);
    assert_non_null(strstr(f->error, "web page"));
}

#define plan_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(test_same_is_same),
        plan_test(test_every_difference_shows),
        plan_test(test_a_changed_file_shows),
        plan_test(test_a_download_may_be_missing),
        plan_test(test_web_pages_and_bad_names_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
