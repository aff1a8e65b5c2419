/* Conversations with the kernel that break off. Needs no root: listing devices is allowed. */
#include "service/supervisor/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

static int count_one(const struct nlmsghdr *message, void *owner)
{
    (void)message;
    ++*(int *)owner;
    return MNL_CB_OK;
}

/* As libmnl does where the kernel says that the list changed while it was told. */
static int break_off(const struct nlmsghdr *message, void *owner)
{
    count_one(message, owner);
    errno = EINTR;
    return MNL_CB_ERROR;
}

static int list_devices(struct netlink *netlink, mnl_cb_t fn, int *ret_count)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    *ret_count = 0;
    return netlink_dump(netlink,
                        netlink_message(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &header),
                        fn, ret_count);
}

static int ask_for_device(struct netlink *netlink, int index, int *ret_count)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    struct nlmsghdr *message =
        netlink_message(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &header);
    ((struct ifinfomsg *)header)->ifi_index = index;
    *ret_count = 0;
    return netlink_ask(netlink, message, count_one, ret_count);
}

static void test_a_list_that_broke_off(void **state)
{
    struct netlink *netlink;
    int count, all;

    (void)state;
    assert_int_equal(netlink_open(NETLINK_ROUTE, &netlink), 0);
    assert_int_equal(list_devices(netlink, count_one, &all), 0);
    assert_true(all > 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(list_devices(netlink, break_off, &count), -EINTR);
        assert_int_equal(count, 1);
        assert_int_equal(ask_for_device(netlink, 1, &count), 0); /* lo */
        assert_int_equal(count, 1);
        assert_int_equal(list_devices(netlink, count_one, &count), 0);
        assert_int_equal(count, all);
    }
    netlink_close(netlink);
}

static bool is_deaf; /* the next answer is not heard: no memory for it */

ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *socket, void *to, size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *to, size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *to, size_t size)
{
    if (!is_deaf)
        return __real_mnl_socket_recvfrom(socket, to, size);
    is_deaf = false;
    errno = ENOBUFS;
    return -1;
}

/* What nobody heard is not the answer to the question after the next one. */
static void test_an_answer_that_was_not_heard(void **state)
{
    struct netlink *netlink;
    int count;

    (void)state;
    assert_int_equal(netlink_open(NETLINK_ROUTE, &netlink), 0);
    is_deaf = true;
    assert_int_equal(ask_for_device(netlink, 1, &count), -ENOBUFS);
    assert_true(ask_for_device(netlink, 1, &count) <= 0);
    assert_int_equal(ask_for_device(netlink, 1, &count), 0);
    assert_int_equal(count, 1);
    netlink_close(netlink);
}

static void test_a_refusal_ends_it(void **state)
{
    struct netlink *netlink;
    int count;

    (void)state;
    assert_int_equal(netlink_open(NETLINK_ROUTE, &netlink), 0);
    assert_int_equal(ask_for_device(netlink, INT32_MAX, &count), -ENODEV);
    assert_int_equal(ask_for_device(netlink, 1, &count), 0);
    assert_int_equal(count, 1);
    netlink_close(netlink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_that_broke_off),
        cmocka_unit_test(test_an_answer_that_was_not_heard),
        cmocka_unit_test(test_a_refusal_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
