/* Datagrams for the service manager. */
#include "service/supervisor/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void says_it_at_an_abstract_address(void **state)
{
    (void)state;
    char name[64], text[64] = "";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(name, sizeof(name), "@test_notify.%d", (int)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)size - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)size);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);

    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("STATUS=on: 7");
    assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), 12);
    assert_memory_equal(text, "STATUS=on: 7", 12);
    notify_forget();
    notify_send("READY=1");
    assert_true(recv(fd, text, sizeof(text), MSG_DONTWAIT) < 0);
    close(fd);
}

static void the_watchdog_is_fed_twice_in_its_time(void **state)
{
    (void)state;
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "60000000", 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    notify_forget();
    assert_int_equal(notify_watchdog_ms(), 0);
}

static void a_wrong_address_is_no_harm(void **state)
{
    (void)state;
    char endless[300];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[0] = '/';
    endless[sizeof(endless) - 1] = '\0';
    const char *const wrong[] = {"", "relative", "/does/not/exist", endless};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        notify_send("READY=1");
    }
    notify_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_it_at_an_abstract_address),
        cmocka_unit_test(the_watchdog_is_fed_twice_in_its_time),
        cmocka_unit_test(a_wrong_address_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
