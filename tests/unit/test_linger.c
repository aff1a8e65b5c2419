#include "proxy/linger.h"

#include "tcp_pair.h"

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

struct fixture {
    struct loop *loop;
    int fd, peer;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    loop_fake_clock(f->loop, 1000);
    tcp_pair(&f->fd, &f->peer);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    close(f->peer);
    free(f);
    return 0;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void assert_answer_and_end(struct fixture *f)
{
    char got[16];
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 6);
    assert_int_equal(recv(f->peer, got, sizeof(got), 0), 0);
}

static void test_nothing_unread_nothing_to_wait_for(void **state)
{
    struct fixture *f = *state;
    send_text(f->fd, "answer");
    linger_close(f->loop, f->fd);
    assert_answer_and_end(f);
    loop_run(f->loop); /* returns: nobody lingers */
}

static void test_the_answer_arrives_while_the_peer_still_sends(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "ignored");
    send_text(f->fd, "answer");
    linger_close(f->loop, f->fd);
    for (int i = 0; i < 10; i++) {
        send_text(f->peer, "ignored");
        loop_run_once(f->loop, 0);
    }
    assert_answer_and_end(f);
    shutdown(f->peer, SHUT_WR);
    loop_run(f->loop); /* returns when it has seen the end */
}

static void test_not_for_ever(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "ignored");
    linger_close(f->loop, f->fd);
    loop_run_once(f->loop, 0);
    send_text(f->peer, "still there");
    loop_fake_clock(f->loop, 4000);
    loop_run(f->loop);
}

static void test_not_for_ever_much(void **state)
{
    struct fixture *f = *state;
    static char much[65536];
    ssize_t sent = 0;
    send_text(f->peer, "ignored");
    linger_close(f->loop, f->fd);
    for (int i = 0; i < 1000 && sent >= 0; i++) {
        sent = send(f->peer, much, sizeof(much), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            sent = 0;
        loop_run_once(f->loop, 0);
    }
    assert_int_equal(sent, -1); /* told that nobody reads it */
}

static void test_ends_with_the_loop(void **state)
{
    struct fixture *f = *state;
    send_text(f->peer, "ignored");
    linger_close(f->loop, f->fd);
    loop_run_once(f->loop, 0);
}

#define linger_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        linger_test(test_nothing_unread_nothing_to_wait_for),
        linger_test(test_the_answer_arrives_while_the_peer_still_sends),
        linger_test(test_not_for_ever),
        linger_test(test_not_for_ever_much),
        linger_test(test_ends_with_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
