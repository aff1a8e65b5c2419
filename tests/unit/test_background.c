#include "base/loop.h"

#include "tests/unit/diary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

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
    diary_note(diary, 's');
}

static void ignore(void *owner)
{
    (void)owner;
}

static void signals_arrive_on_the_loop(void **state)
{
    struct diary diary = {0};
    struct timer timer;
    assert_int_equal(loop_on_signal(*state, SIGUSR1, on_usr1, &diary), 0);
    loop_run(*state); /* a signal handler alone does not keep it running */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_string_equal(diary.text, "");
    timer_init(&timer, *state, ignore, NULL); /* which does */
    timer_start(&timer, 30000);
    for (int i = 0; i < 300 && diary.size == 0; i++)
        loop_run_once(*state, 100);
    assert_string_equal(diary.text, "s");
    timer_stop(&timer);
}

static void on_uv_timer(uv_timer_t *handle)
{
    diary_note(handle->data, 'u');
}

static void on_uv_poll(uv_poll_t *handle, int status, int events)
{
    (void)events;
    assert_int_equal(status, 0);
    diary_note(handle->data, 'p');
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
    assert_int_equal(diary.size, 2); /* which of them is first depends on how soon it looks */
    assert_non_null(strchr(diary.text, 'p'));
    assert_non_null(strchr(diary.text, 'u'));
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&poll, NULL);
    loop_run(*state);
    close(fds[0]);
    close(fds[1]);
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(a_job_works_elsewhere_and_ends_on_the_loop),
        cmocka_unit_test(loop_free_waits_for_jobs),
        loop_test(signals_arrive_on_the_loop),
        loop_test(handles_of_libuv_work_on_the_same_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
