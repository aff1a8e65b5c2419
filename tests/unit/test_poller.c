#include "base/loop.h"

#include "tests/unit/diary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int setup(void **state)
{
    *state = loop_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

struct pipe_end {
    struct loop *loop;
    struct watch *watch;
    struct diary diary;
    int fds[2];
    bool closes;
    bool stops;
};

static void on_ready(void *owner, int events, int err)
{
    struct pipe_end *end = owner;
    assert_int_equal(err, 0);
    if (events & WATCH_READ)
        diary_note(&end->diary, 'r');
    if (events & WATCH_WRITE)
        diary_note(&end->diary, 'w');
    if (end->closes) {
        watch_close(end->watch);
        end->watch = NULL;
    }
    if (end->stops)
        loop_stop(end->loop);
}

static void pipe_end_open(struct pipe_end *end, struct loop *loop)
{
    *end = (struct pipe_end){.loop = loop};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, end->fds), 0);
    assert_int_equal(watch_open(loop, end->fds[0], on_ready, end, &end->watch), 0);
}

static void pipe_end_close(struct pipe_end *end)
{
    watch_close(end->watch);
    close(end->fds[0]);
    close(end->fds[1]);
}

struct nag {
    struct deferred deferred;
    int left, calls;
};

static void on_nag(void *owner)
{
    struct nag *nag = owner;
    nag->calls++;
    if (nag->left-- > 0)
        deferred_schedule(&nag->deferred);
}

static void endless_deferral_does_not_starve_descriptors(void **state)
{
    struct nag nag = {.left = 40};
    struct pipe_end end;
    deferred_init(&nag.deferred, *state, on_nag, &nag);
    deferred_schedule(&nag.deferred);
    pipe_end_open(&end, *state);
    watch_set(end.watch, WATCH_READ);
    end.stops = true;
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    loop_run(*state);
    assert_string_equal(end.diary.text, "r");
    assert_true(nag.calls < 40);
    deferred_cancel(&nag.deferred);
    pipe_end_close(&end);
}

static void a_watch_may_wait_from_the_start(void **state)
{
    struct pipe_end end;
    pipe_end_open(&end, *state);
    watch_close(end.watch);
    end.watch = NULL;
    assert_int_equal(watch_open_for(*state, end.fds[0], WATCH_READ, on_ready, &end, &end.watch), 0);
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    loop_run_once(*state, 100);
    assert_string_equal(end.diary.text, "r");
    watch_set(end.watch, 0);
    loop_run_once(*state, 0);
    assert_string_equal(end.diary.text, "r");
    pipe_end_close(&end);
}

static void a_watch_is_level_triggered_and_can_be_paused(void **state)
{
    struct pipe_end end;
    pipe_end_open(&end, *state);
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    loop_run_once(*state, 0);
    assert_string_equal(end.diary.text, "");
    watch_set(end.watch, WATCH_READ);
    loop_run_once(*state, 0);
    loop_run_once(*state, 0);
    assert_string_equal(end.diary.text, "rr");
    watch_set(end.watch, 0);
    loop_run_once(*state, 0);
    watch_set(end.watch, WATCH_WRITE);
    loop_run_once(*state, 0);
    assert_string_equal(end.diary.text, "rrw");
    watch_set(end.watch, WATCH_READ | WATCH_WRITE);
    loop_run_once(*state, 0);
    assert_string_equal(end.diary.text, "rrwrw");
    pipe_end_close(&end);
}

static void on_time(void *owner)
{
    (void)owner;
}

static void a_paused_watch_does_not_spin_on_a_hang_up(void **state)
{
    struct pipe_end end;
    pipe_end_open(&end, *state);
    close(end.fds[1]);
    /* The report of the hang-up may end a wait early, and so may a signal; spinning is thousands.
     */
    struct timer timer;
    timer_init(&timer, *state, on_time, NULL);
    timer_start(&timer, 20);
    int turns = 0;
    for (; timer_is_active(&timer); turns++)
        loop_run_once(*state, 1000);
    assert_true(turns < 100);
    assert_string_equal(end.diary.text, "");
    watch_set(end.watch, WATCH_READ); /* still there for who asks later */
    loop_run_once(*state, 1000);
    assert_string_equal(end.diary.text, "r");
    end.fds[1] = -1;
    pipe_end_close(&end);
}

static void a_watch_may_close_itself_and_others(void **state)
{
    struct pipe_end ends[2];
    for (int i = 0; i < 2; i++) {
        pipe_end_open(&ends[i], *state);
        watch_set(ends[i].watch, WATCH_WRITE);
        ends[i].closes = true;
    }
    loop_run(*state); /* returns because nothing is left */
    assert_string_equal(ends[0].diary.text, "w");
    assert_string_equal(ends[1].diary.text, "w");
    for (int i = 0; i < 2; i++)
        pipe_end_close(&ends[i]);
}

static void on_ready_close_other(void *owner, int events, int err)
{
    struct pipe_end *ends = owner;
    (void)events;
    (void)err;
    diary_note(&ends[0].diary, 'x');
    for (int i = 0; i < 2; i++) {
        watch_close(ends[i].watch);
        ends[i].watch = NULL;
    }
}

static void no_call_comes_after_watch_close(void **state)
{
    struct pipe_end ends[2] = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i].fds), 0);
        assert_int_equal(
            watch_open(*state, ends[i].fds[0], on_ready_close_other, ends, &ends[i].watch), 0);
        watch_set(ends[i].watch, WATCH_WRITE); /* both are ready in the same turn */
    }
    loop_run_once(*state, 0);
    loop_run_once(*state, 0);
    assert_string_equal(ends[0].diary.text, "x");
    for (int i = 0; i < 2; i++)
        pipe_end_close(&ends[i]);
}

static void watch_open_refuses_what_cannot_be_watched(void **state)
{
    struct watch *untouched = (struct watch *)state;
    struct watch *watch = untouched;
    int plain = memfd_create("plain", 0);
    assert_true(plain >= 0);
    assert_int_equal(watch_open(*state, plain, on_ready, NULL, &watch), -EPERM);
    assert_int_equal(watch_open(*state, -1, on_ready, NULL, &watch), -EBADF);
    assert_ptr_equal(watch, untouched);
    close(plain);
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(endless_deferral_does_not_starve_descriptors),
        loop_test(a_watch_may_wait_from_the_start),
        loop_test(a_watch_is_level_triggered_and_can_be_paused),
        loop_test(a_paused_watch_does_not_spin_on_a_hang_up),
        loop_test(a_watch_may_close_itself_and_others),
        loop_test(no_call_comes_after_watch_close),
        loop_test(watch_open_refuses_what_cannot_be_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
