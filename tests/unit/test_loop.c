#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* Notes the order of calls as letters. */
struct diary {
    char text[64];
    size_t size;
};

static void note(struct diary *diary, char letter)
{
    assert_true(diary->size + 1 < sizeof(diary->text));
    diary->text[diary->size++] = letter;
}

struct entry {
    struct diary *diary;
    struct loop *loop;
    struct timer timer;
    struct deferred deferred;
    struct entry *victim; /* stopped or cancelled by the callback */
    int again;            /* how often it starts itself again */
    char letter;
};

static void on_timer(void *owner)
{
    struct entry *entry = owner;
    note(entry->diary, entry->letter);
    if (entry->victim)
        timer_stop(&entry->victim->timer);
    if (entry->again-- > 0)
        timer_start(&entry->timer, 0);
}

static void on_deferred(void *owner)
{
    struct entry *entry = owner;
    note(entry->diary, entry->letter);
    if (entry->victim)
        deferred_cancel(&entry->victim->deferred);
    if (entry->again-- > 0)
        deferred_schedule(&entry->deferred);
}

static void entry_init(struct entry *entry, struct loop *loop, struct diary *diary, char letter)
{
    *entry = (struct entry){.diary = diary, .loop = loop, .letter = letter};
    timer_init(&entry->timer, loop, on_timer, entry);
    deferred_init(&entry->deferred, loop, on_deferred, entry);
}

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

static void timers_fire_in_order_of_their_time(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entries[3];
    const uint64_t delays[] = {30, 10, 20};
    loop_fake_clock(loop, 1000);
    for (int i = 0; i < 3; i++) {
        entry_init(&entries[i], loop, &diary, (char)('a' + i));
        assert_int_equal(timer_start(&entries[i].timer, delays[i]), 0);
    }
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "");
    loop_fake_clock(loop, 1019);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "b");
    loop_fake_clock(loop, 1030);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "bca");
    assert_false(timer_is_active(&entries[0].timer));
}

static void a_timer_moves_when_started_again(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'a');
    timer_start(&entry.timer, 10);
    timer_start(&entry.timer, 50);
    loop_fake_clock(loop, 49);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "");
    timer_start(&entry.timer, 0);
    assert_string_equal(diary.text, ""); /* never from timer_start */
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
}

static void a_timer_callback_may_stop_another_that_is_due(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    loop_fake_clock(loop, 0);
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    first.victim = &second;
    timer_start(&first.timer, 1);
    timer_start(&second.timer, 2);
    loop_fake_clock(loop, 5);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
    assert_false(timer_is_active(&second.timer));
}

static void a_timer_that_restarts_itself_does_not_hold_the_loop(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'a');
    entry.again = 2;
    timer_start(&entry.timer, 0);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
    loop_run_once(loop, 0);
    loop_run_once(loop, 0);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "aaa");
}

static void many_timers_keep_their_order(void **state)
{
    enum { COUNT = 1000 };
    static struct timer timers[COUNT];
    static struct diary diary;
    struct loop *loop = *state;
    struct entry entry;
    uint32_t random = 1;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'x');
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        timer_init(&timers[i], loop, on_timer, &entry);
        timer_start(&timers[i], 1 + random % 5000);
    }
    for (int i = 0; i < COUNT; i += 2)
        timer_stop(&timers[i]);
    for (uint64_t now = 0; now <= 5000; now += 100) {
        loop_fake_clock(loop, now);
        diary.size = 0;
        for (int turn = 0; turn < 2; turn++)
            loop_run_once(loop, 0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(timer_is_active(&timers[i]), i % 2 && timers[i].due_at_ms > now);
    }
}

static void deferred_calls_come_once_and_in_order(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    deferred_schedule(&first.deferred);
    deferred_schedule(&second.deferred);
    deferred_schedule(&first.deferred);
    assert_string_equal(diary.text, "");
    loop_run_once(loop, 1000);
    assert_string_equal(diary.text, "ab");
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "ab");
}

static void run_returns_when_deferred_calls_were_the_last(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, loop, &diary, 'a');
    for (int i = 0; i < 3; i++) {
        deferred_schedule(&entry.deferred);
        loop_run(loop);
    }
    assert_string_equal(diary.text, "aaa");
}

static void a_deferred_call_may_cancel_another_of_its_pass(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    first.victim = &second;
    deferred_schedule(&first.deferred);
    deferred_schedule(&second.deferred);
    loop_run(loop);
    assert_string_equal(diary.text, "a");
    deferred_cancel(&second.deferred); /* twice is harmless */
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
        note(&end->diary, 'r');
    if (events & WATCH_WRITE)
        note(&end->diary, 'w');
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

static void endless_deferral_does_not_starve_descriptors(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    struct pipe_end end;
    entry_init(&entry, loop, &diary, 'a');
    entry.again = 40;
    deferred_schedule(&entry.deferred);
    pipe_end_open(&end, loop);
    watch_set(end.watch, WATCH_READ);
    end.stops = true;
    assert_int_equal(write(end.fds[1], "x", 1), 1);
    loop_run(loop);
    assert_string_equal(end.diary.text, "r");
    assert_true(diary.size < 40);
    deferred_cancel(&entry.deferred);
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

static void a_paused_watch_does_not_spin_on_a_hang_up(void **state)
{
    struct pipe_end end;
    pipe_end_open(&end, *state);
    close(end.fds[1]);
    uint64_t before_ms = uv_hrtime() / 1000000;
    /* One report of the hang-up may end a wait early, a second may not. */
    struct timer timer;
    struct entry entry;
    struct diary diary = {0};
    entry_init(&entry, *state, &diary, 't');
    timer_init(&timer, *state, on_timer, &entry);
    timer_start(&timer, 20);
    int turns = 0;
    for (; timer_is_active(&timer); turns++)
        loop_run_once(*state, 1000);
    assert_true(turns <= 3);
    assert_true(uv_hrtime() / 1000000 - before_ms >= 19);
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
    note(&ends[0].diary, 'x');
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

struct errand {
    struct loop *loop;
    pthread_t worker;
    bool is_done;
};

static void errand_work(void *owner)
{
    struct errand *errand = owner;
    errand->worker = pthread_self();
}

static void errand_done(void *owner)
{
    struct errand *errand = owner;
    errand->is_done = true;
}

static void a_job_works_elsewhere_and_ends_on_the_loop(void **state)
{
    struct errand errand = {.loop = *state, .worker = pthread_self()};
    assert_int_equal(loop_run_job(*state, errand_work, errand_done, &errand), 0);
    assert_false(errand.is_done);
    loop_run(*state);
    assert_true(errand.is_done);
    assert_false(pthread_equal(errand.worker, pthread_self()));
}

static void loop_free_waits_for_jobs(void **state)
{
    struct loop *loop = loop_new();
    struct errand errand = {.loop = loop};
    (void)state;
    assert_int_equal(loop_run_job(loop, errand_work, errand_done, &errand), 0);
    loop_free(loop);
    assert_true(errand.is_done);
}

static void on_usr1(void *owner, int number)
{
    struct diary *diary = owner;
    assert_int_equal(number, SIGUSR1);
    note(diary, 's');
}

static void signals_arrive_on_the_loop(void **state)
{
    struct diary diary = {0};
    struct entry entry;
    struct diary timers = {0};
    assert_int_equal(loop_on_signal(*state, SIGUSR1, on_usr1, &diary), 0);
    loop_run(*state); /* a signal handler alone does not keep it running */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_string_equal(diary.text, "");
    entry_init(&entry, *state, &timers, 't');
    timer_start(&entry.timer, 1000);
    for (int i = 0; i < 10 && diary.size == 0; i++)
        loop_run_once(*state, 100);
    assert_string_equal(diary.text, "s");
    timer_stop(&entry.timer);
}

static void on_uv_timer(uv_timer_t *handle)
{
    note(handle->data, 'u');
}

static void on_uv_poll(uv_poll_t *handle, int status, int events)
{
    (void)events;
    assert_int_equal(status, 0);
    note(handle->data, 'p');
    uv_poll_stop(handle);
}

static void handles_of_libuv_work_on_the_same_loop(void **state)
{
    struct diary diary = {0};
    uv_timer_t timer = {.data = &diary};
    uv_poll_t poll = {.data = &diary};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    uv_timer_init(loop_uv(*state), &timer);
    uv_timer_start(&timer, on_uv_timer, 10, 0);
    uv_poll_init(loop_uv(*state), &poll, fds[0]);
    uv_poll_start(&poll, UV_WRITABLE, on_uv_poll);
    loop_run(*state);
    assert_string_equal(diary.text, "pu");
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&poll, NULL);
    loop_run(*state);
    close(fds[0]);
    close(fds[1]);
}

static void a_real_timer_is_not_early_and_ends_loop_run(void **state)
{
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, *state, &diary, 't');
    loop_run_once(*state, 0);
    uint64_t started_ms = loop_now_ms(*state);
    timer_start(&entry.timer, 15);
    loop_run(*state);
    assert_string_equal(diary.text, "t");
    assert_true(loop_now_ms(*state) >= started_ms + 15);
}

static void stop_before_run_returns_at_once(void **state)
{
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, *state, &diary, 't');
    timer_start(&entry.timer, 1000 * 1000);
    loop_stop(*state);
    loop_run(*state);
    timer_stop(&entry.timer);
    loop_run(*state);
    assert_string_equal(diary.text, "");
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(timers_fire_in_order_of_their_time),
        loop_test(a_timer_moves_when_started_again),
        loop_test(a_timer_callback_may_stop_another_that_is_due),
        loop_test(a_timer_that_restarts_itself_does_not_hold_the_loop),
        loop_test(many_timers_keep_their_order),
        loop_test(deferred_calls_come_once_and_in_order),
        loop_test(run_returns_when_deferred_calls_were_the_last),
        loop_test(a_deferred_call_may_cancel_another_of_its_pass),
        loop_test(endless_deferral_does_not_starve_descriptors),
        loop_test(a_watch_is_level_triggered_and_can_be_paused),
        loop_test(a_paused_watch_does_not_spin_on_a_hang_up),
        loop_test(a_watch_may_close_itself_and_others),
        loop_test(no_call_comes_after_watch_close),
        loop_test(watch_open_refuses_what_cannot_be_watched),
        loop_test(a_job_works_elsewhere_and_ends_on_the_loop),
        cmocka_unit_test(loop_free_waits_for_jobs),
        loop_test(signals_arrive_on_the_loop),
        loop_test(handles_of_libuv_work_on_the_same_loop),
        loop_test(a_real_timer_is_not_early_and_ends_loop_run),
        loop_test(stop_before_run_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
