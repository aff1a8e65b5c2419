/* A folder of lists: which changes are told, when, and what a queue that overflowed means. */
#include "adblock/list_watch.h"

#include "adblock/list_place.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { BEGIN_MS = 1000, CALM_MS = 500, QUEUE_MAX = 100000 };

struct fixture {
    char path[64];
    int folder;
    struct loop *loop;
    struct list_watch *watch;
    uint64_t now_ms;
    unsigned told;
};

static void on_change(void *owner)
{
    struct fixture *f = owner;
    f->told++;
}

static void put(const struct fixture *f, const char *name)
{
    int fd = openat(f->folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->path, sizeof(f->path), "/tmp/test_list_watch.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->folder = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put(f, "a");
    f->loop = loop_new();
    f->now_ms = BEGIN_MS;
    loop_fake_clock(f->loop, f->now_ms);
    assert_int_equal(list_watch_open(f->loop, f->folder, on_change, f, &f->watch), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a", "b", LIST_PLACE_PREFIX "1", LIST_PLACE_PREFIX "2"};
    list_watch_close(f->watch);
    loop_free(f->loop);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(f->folder, names[i], 0);
    close(f->folder);
    assert_int_equal(rmdir(f->path), 0);
    free(f);
    return 0;
}

static void replace(const struct fixture *f, const char *from, const char *to)
{
    assert_int_equal(renameat(f->folder, from, f->folder, to), 0);
}

/* What has happened in the folder is read; then so much time passes. */
static unsigned told_after(struct fixture *f, uint64_t wait_ms)
{
    loop_run_once(f->loop, 0);
    f->now_ms += wait_ms;
    loop_fake_clock(f->loop, f->now_ms);
    loop_run_once(f->loop, 0);
    return f->told;
}

static void test_several_are_told_once(void **state)
{
    struct fixture *f = *state;
    replace(f, "a", LIST_PLACE_PREFIX "1");
    assert_int_equal(told_after(f, CALM_MS - 1), 0);
    replace(f, LIST_PLACE_PREFIX "1", LIST_PLACE_PREFIX "2");
    assert_int_equal(told_after(f, 1), 1);
    assert_int_equal(told_after(f, 10ULL * CALM_MS), 1);
    replace(f, LIST_PLACE_PREFIX "2", LIST_PLACE_PREFIX "1");
    assert_int_equal(told_after(f, CALM_MS), 2);
}

static void test_others_are_not_told(void **state)
{
    struct fixture *f = *state;
    replace(f, "a", "b");
    put(f, LIST_PLACE_PREFIX "1"); /* in place: only a download in progress is written so */
    assert_int_equal(told_after(f, CALM_MS), 0);
}

static unsigned queue_size(void)
{
    unsigned size = QUEUE_MAX + 1;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (file && fscanf(file, "%u", &size) != 1)
        size = QUEUE_MAX + 1;
    if (file)
        fclose(file);
    return size;
}

static void test_what_was_lost_may_have_been_a_list(void **state)
{
    struct fixture *f = *state;
    unsigned size = queue_size();
    if (size > QUEUE_MAX)
        skip();
    for (unsigned i = 0; i < size; i += 2) {
        replace(f, "a", "b");
        replace(f, "b", "a");
    }
    replace(f, "a", LIST_PLACE_PREFIX "1");
    assert_int_equal(told_after(f, CALM_MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_several_are_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_are_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_lost_may_have_been_a_list, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
