/* When lists are asked for, and what is kept of it. The downloads themselves: test_fetch. */
#include "adblock/list_updates.h"

#include "adblock/list_place.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A port that nobody listens on refuses at once. */
static const char *const urls[] = {"http://127.0.0.1:1/one", "http://127.0.0.1:1/two"};

struct fixture {
    struct loop *loop;
    struct list_updates *updates;
    char folder[64];
    int fd;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct fetch_options options = {0};
    strcpy(f->folder, "/tmp/test_list_updates.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->fd = open(f->folder, O_RDONLY | O_DIRECTORY);
    f->loop = loop_new();
    f->updates = list_updates_new(f->loop, f->fd, &options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    list_updates_free(f->updates);
    loop_free(f->loop);
    list_place_sweep(f->fd, NULL, 0);
    unlinkat(f->fd, "lists.diary", 0);
    close(f->fd);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

static void set(struct fixture *f, size_t count, uint32_t every_s)
{
    const struct list_updates_wish wish = {urls, count, every_s};
    assert_int_equal(list_updates_set(f->updates, &wish), 0);
}

static struct list_update_status status(const struct fixture *f, const char *url)
{
    struct list_update_status ret;
    assert_int_equal(list_updates_status(f->updates, url, &ret), 0);
    return ret;
}

static void fail_once(struct fixture *f, const char *url)
{
    unsigned before = status(f, url).failures;
    assert_int_equal(list_updates_start(f->updates, url), 0);
    for (int i = 0; i < 3000 && status(f, url).failures == before; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(status(f, url).failures, before + 1);
}

static void test_pauses(void **state)
{
    (void)state;
    enum { DAY = 86400 };
    assert_int_equal(list_updates_pause_s(DAY, 0, 0), DAY * 3 / 4);
    assert_in_range(list_updates_pause_s(DAY, 0, UINT32_MAX), DAY * 5 / 4 - 2, DAY * 5 / 4);
    assert_in_range(list_updates_pause_s(DAY, 1, 0), 20, 30);
    assert_true(list_updates_pause_s(DAY, 4, 0) > list_updates_pause_s(DAY, 3, 0));
    assert_true(list_updates_pause_s(DAY, 1000, UINT32_MAX) <= 6 * 3600 * 5 / 4);
    assert_true(list_updates_pause_s(60, 10, UINT32_MAX) <= 75); /* never rarer than asked for */
    assert_true(list_updates_pause_s(0, 1, 0) > 0);
}

static void test_a_failure_is_told_and_kept(void **state)
{
    struct fixture *f = *state;
    set(f, 1, 86400);
    fail_once(f, urls[0]);
    struct list_update_status before = status(f, urls[0]);
    assert_non_null(strstr(before.error, urls[0]));
    assert_int_equal(before.checked_s, 0);
    assert_int_equal(before.changed_s, 0);
    assert_false(before.is_running);
    /* The next process. */
    const struct fetch_options options = {0};
    char error[256];
    snprintf(error, sizeof(error), "%s", before.error);
    list_updates_free(f->updates);
    f->updates = list_updates_new(f->loop, f->fd, &options);
    set(f, 1, 86400);
    assert_int_equal(status(f, urls[0]).failures, before.failures);
    assert_string_equal(status(f, urls[0]).error, error);
}

static void test_the_way_is_open_again(void **state)
{
    struct fixture *f = *state;
    set(f, 1, 86400);
    fail_once(f, urls[0]);
    assert_true(status(f, urls[0]).due_s > 0);
    list_updates_hurry(f->updates);
    assert_int_equal(status(f, urls[0]).due_s, 0);
}

static void test_unknown_and_removed(void **state)
{
    struct fixture *f = *state;
    char path[LIST_PLACE_PATH_MAX];
    struct list_update_status ret;
    set(f, 2, 86400);
    list_place_path(f->fd, list_place_key(urls[1]), path);
    fclose(fopen(path, "w"));
    assert_int_equal(list_updates_start(f->updates, "http://other.example/"), -ENOENT);
    set(f, 1, 86400);
    assert_int_equal(list_updates_status(f->updates, urls[1], &ret), -ENOENT);
    assert_int_equal(access(path, F_OK), -1);
}

#define updates_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses),
        updates_test(test_a_failure_is_told_and_kept),
        updates_test(test_the_way_is_open_again),
        updates_test(test_unknown_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
