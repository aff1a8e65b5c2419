/* Listening sockets that outlive the worker. */
#include "service/supervisor/doors.h"

#include "tests/unit/socket_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct doors open_one(struct address *address)
{
    struct config_local local = {.listen = address, .listen_count = 1};
    struct doors doors;
    struct doors_error error;
    assert_int_equal(doors_open(&local, NULL, &doors, &error), 0);
    assert_int_equal(doors.count, 1);
    return doors;
}

static struct address loopback(void)
{
    struct address address;
    assert_int_equal(address_parse_ip("127.0.0.1", &address), 0); /* port 0 */
    return address;
}

static void a_port_in_use_is_told_and_nothing_stays_open(void **state)
{
    (void)state;
    struct address any = loopback();
    struct doors doors = open_one(&any), second = {.count = 77};
    struct address both[2] = {any, socket_name(doors.fds[0])};
    struct config_local local = {.listen = both, .listen_count = 2};
    struct doors_error error;
    int next = dup(0);
    close(next);
    assert_int_equal(doors_open(&local, NULL, &second, &error), -EADDRINUSE);
    assert_non_null(strstr(error.text, "cannot listen on 127.0.0.1:"));
    assert_int_equal(second.count, 77);
    int again = dup(0);
    assert_int_equal(again, next);
    close(again);
    doors_close(&doors);
}

static void a_door_that_stays_is_taken_over(void **state)
{
    (void)state;
    struct address any = loopback();
    struct doors doors = open_one(&any), second;
    struct address same = socket_name(doors.fds[0]);
    doors.addresses[0] = same;
    struct config_local local = {.listen = &same, .listen_count = 1};
    struct doors_error error;
    assert_int_equal(doors_open(&local, &doors, &second, &error), 0);
    doors_close(&doors);
    struct address now = socket_name(second.fds[0]);
    assert_true(address_is_equal(&now, &same));
    doors_close(&second);
}

static void there_are_no_more_than_can_be_passed(void **state)
{
    (void)state;
    struct address many[IPC_FDS_MAX + 1];
    for (size_t i = 0; i <= IPC_FDS_MAX; i++)
        many[i] = loopback();
    struct config_local local = {.listen = many, .listen_count = IPC_FDS_MAX + 1};
    struct doors doors;
    struct doors_error error;
    assert_true(doors_open(&local, NULL, &doors, &error) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_in_use_is_told_and_nothing_stays_open),
        cmocka_unit_test(a_door_that_stays_is_taken_over),
        cmocka_unit_test(there_are_no_more_than_can_be_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
