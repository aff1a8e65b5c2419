#include "proxy/connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { START_MS = 1000, TIMEOUT_MS = 3000, NOT_DONE = 1 };

struct fixture {
    struct loop *loop;
    struct connector *connector;
    int silent, filler[2]; /* a listener whose queue is full: connecting to it takes for ever */
    int open;              /* one that answers, at another address with the same port */
    struct address at_silent, at_open, at_nobody;
    int done, fd, err;
};

static const struct connector_options options = {.timeout_ms = TIMEOUT_MS};

static int open_listener(struct address *at, int backlog)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(at, &name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, (struct sockaddr *)&name, &size);
    address_from_sockaddr((struct sockaddr *)&name, at);
    return fd;
}

static void fill_queue(struct fixture *f)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(&f->at_silent, &name);
    for (int i = 0; i < 2; i++) {
        f->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(f->filler[i], (struct sockaddr *)&name, size);
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    loop_fake_clock(f->loop, START_MS);
    f->at_silent = f->at_open = f->at_nobody = (struct address){.family = 4, .ip = {127, 0, 0, 1}};
    f->silent = open_listener(&f->at_silent, 0);
    fill_queue(f);
    f->at_open.ip[3] = 2;
    f->open = open_listener(&f->at_open, 8);
    f->at_nobody.ip[3] = 3;
    f->at_nobody.port = f->at_open.port;
    f->fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    connector_cancel(f->connector);
    if (f->fd >= 0)
        close(f->fd);
    close(f->silent);
    close(f->open);
    close(f->filler[0]);
    close(f->filler[1]);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_done(void *owner, int fd, int err)
{
    struct fixture *f = owner;
    assert_true((err == 0) == (fd >= 0));
    f->done++;
    f->fd = fd;
    f->err = err;
    f->connector = NULL;
}

static void start(struct fixture *f, const struct address *addresses, size_t count)
{
    assert_int_equal(
        connector_start(f->loop, &options, addresses, count, on_done, f, &f->connector), 0);
    assert_int_equal(f->done, 0);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 20 && !f->done; i++)
        loop_run_once(f->loop, 1);
}

static void test_connects(void **state)
{
    struct fixture *f = *state;
    start(f, &f->at_open, 1);
    turn(f);
    assert_int_equal(f->err, 0);
    assert_int_equal(send(f->fd, "x", 1, MSG_DONTWAIT), 1);
}

static void test_who_speaks_first_is_heard(void **state)
{
    static const struct connector_options eager = {.timeout_ms = TIMEOUT_MS, .speaks_first = true};
    struct fixture *f = *state;
    char heard;
    assert_int_equal(connector_start(f->loop, &eager, &f->at_open, 1, on_done, f, &f->connector),
                     0);
    turn(f);
    assert_int_equal(f->err, 0);
    assert_int_equal(send(f->fd, "x", 1, MSG_DONTWAIT), 1);
    int server = accept(f->open, NULL, NULL);
    assert_int_equal(recv(server, &heard, 1, 0), 1);
    close(server);
}

static void test_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    const struct address both[] = {f->at_nobody, f->at_nobody};
    start(f, both, 2);
    turn(f);
    assert_int_equal(f->err, -ECONNREFUSED);
}

static void test_the_second_answers_at_once_if_the_first_refuses(void **state)
{
    struct fixture *f = *state;
    const struct address both[] = {f->at_nobody, f->at_open};
    start(f, both, 2);
    turn(f);
    assert_int_equal(f->err, 0);
}

static void test_the_second_after_the_firsts_time(void **state)
{
    struct fixture *f = *state;
    const struct address both[] = {f->at_silent, f->at_open};
    start(f, both, 2);
    turn(f);
    loop_fake_clock(f->loop, START_MS + TIMEOUT_MS - 1);
    turn(f);
    assert_int_equal(f->done, 0);
    loop_fake_clock(f->loop, START_MS + TIMEOUT_MS);
    turn(f);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->err, 0);
}

static void test_silence(void **state)
{
    struct fixture *f = *state;
    start(f, &f->at_silent, 1);
    turn(f);
    loop_fake_clock(f->loop, START_MS + TIMEOUT_MS);
    turn(f);
    assert_int_equal(f->err, -ETIMEDOUT);
}

static void test_no_address(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(connector_start(f->loop, &options, NULL, 0, on_done, f, &f->connector),
                     -EINVAL);
}

static void test_cancelled_while_waiting(void **state)
{
    struct fixture *f = *state;
    start(f, &f->at_silent, 1);
    turn(f);
    connector_cancel(f->connector);
    f->connector = NULL;
    loop_fake_clock(f->loop, START_MS + TIMEOUT_MS);
    turn(f);
    assert_int_equal(f->done, 0);
    connector_cancel(NULL);
}

#define connector_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        connector_test(test_connects),
        connector_test(test_who_speaks_first_is_heard),
        connector_test(test_refused_everywhere),
        connector_test(test_the_second_answers_at_once_if_the_first_refuses),
        connector_test(test_the_second_after_the_firsts_time),
        connector_test(test_silence),
        connector_test(test_no_address),
        connector_test(test_cancelled_while_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
