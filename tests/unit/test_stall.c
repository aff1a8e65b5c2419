#include "proxy/stall.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp_pair.h"

#include <cmocka.h>

enum { PERIOD_MS = 5000, LIMIT_MS = 2 * PERIOD_MS };

static void test_silence_with_bytes_on_their_way(void **state)
{
    struct tcp_info info = {.tcpi_unacked = 1, .tcpi_last_ack_recv = PERIOD_MS};
    (void)state;
    assert_true(stall_is_silent(&info, PERIOD_MS));
    info.tcpi_last_ack_recv = PERIOD_MS - 1;
    assert_false(stall_is_silent(&info, PERIOD_MS));
}

static void test_silence_with_nothing_on_its_way(void **state)
{
    const struct tcp_info info = {.tcpi_last_ack_recv = PERIOD_MS};
    (void)state;
    assert_false(stall_is_silent(&info, PERIOD_MS));
}

/* The kernel doubles the time between probes, up to two minutes. */
static void test_a_shut_window_is_judged_by_unanswered_probes(void **state)
{
    struct tcp_info info = {.tcpi_last_ack_recv = 120000, .tcpi_probes = 1};
    (void)state;
    assert_false(stall_is_silent(&info, PERIOD_MS));
    info.tcpi_probes = 3;
    assert_true(stall_is_silent(&info, PERIOD_MS));
}

static void count(void *owner)
{
    ++*(int *)owner;
}

/* A real pair whose far end does not read: the kernel acknowledges until the window is shut. */
static void test_a_reader_that_stopped_is_not_gone(void **state)
{
    struct loop *loop = loop_new();
    struct stall stall;
    int fd, peer, gone = 0;
    static char block[65536];
    (void)state;
    loop_fake_clock(loop, 1000);
    tcp_pair(&fd, &peer);
    stall_init(&stall, loop, fd, LIMIT_MS, count, &gone);
    while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
        ;
    stall_wrote(&stall);
    for (uint64_t now = 1000; now < 20 * PERIOD_MS; now += PERIOD_MS) {
        loop_fake_clock(loop, now);
        loop_run_once(loop, 0);
        assert_true(timer_is_active(&stall.timer));
    }
    assert_int_equal(gone, 0);
    stall_done(&stall);
    close(fd);
    close(peer);
    loop_free(loop);
}

static void test_watches_only_while_bytes_are_outstanding(void **state)
{
    struct loop *loop = loop_new();
    struct stall stall;
    int fd, peer, gone = 0;
    char byte;
    (void)state;
    loop_fake_clock(loop, 1000);
    tcp_pair(&fd, &peer);
    stall_init(&stall, loop, fd, LIMIT_MS, count, &gone);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    stall_wrote(&stall);
    assert_true(timer_is_active(&stall.timer));
    assert_int_equal(recv(peer, &byte, 1, MSG_WAITALL), 1);
    loop_fake_clock(loop, 1000 + PERIOD_MS);
    loop_run_once(loop, 0);
    assert_false(timer_is_active(&stall.timer));
    stall_init(&stall, loop, fd, 0, count, &gone);
    stall_wrote(&stall);
    assert_false(timer_is_active(&stall.timer));
    assert_int_equal(gone, 0);
    stall_done(&stall);
    close(fd);
    close(peer);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_with_bytes_on_their_way),
        cmocka_unit_test(test_silence_with_nothing_on_its_way),
        cmocka_unit_test(test_a_shut_window_is_judged_by_unanswered_probes),
        cmocka_unit_test(test_a_reader_that_stopped_is_not_gone),
        cmocka_unit_test(test_watches_only_while_bytes_are_outstanding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
