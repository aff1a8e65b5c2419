/* Whose a socket is, asked of the kernel: of our own, on loopback. */
#include "service/supervisor/netlink.h"
#include "service/supervisor/socket_owner.h"

#include "tests/unit/socket_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int open_netlink(void **state)
{
    return netlink_open(NETLINK_SOCK_DIAG, (struct netlink **)state);
}

static int close_netlink(void **state)
{
    netlink_close(*state);
    return 0;
}

static int open_socket(int family, int type, const char *at)
{
    struct sockaddr_storage name;
    struct address address;
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(address_parse_ip(at, &address), 0);
    unsigned size = address_to_sockaddr(&address, &name);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    return fd;
}

static void connect_to(int fd, int other)
{
    struct address address = socket_name(other);
    struct sockaddr_storage name;
    unsigned size = address_to_sockaddr(&address, &name);

    assert_int_equal(connect(fd, (struct sockaddr *)&name, size), 0);
}

static void assert_owned(struct netlink *diag, const struct socket_wanted *wanted, int fd)
{
    struct socket_owner owner;
    struct stat facts;

    assert_int_equal(fstat(fd, &facts), 0);
    assert_int_equal(socket_owner_find(diag, wanted, &owner), 0);
    assert_int_equal(owner.inode, facts.st_ino);
    assert_int_equal(owner.user, geteuid());
}

static void check_tcp(struct netlink *diag, int family, const char *at)
{
    int listener = open_socket(family, SOCK_STREAM, at), client, server;
    struct socket_owner owner;

    assert_int_equal(listen(listener, 1), 0);
    client = open_socket(family, SOCK_STREAM, at);
    connect_to(client, listener);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    struct socket_wanted wanted = {socket_name(client), socket_name(listener), IPPROTO_TCP};
    assert_owned(diag, &wanted, client);
    assert_owned(diag, &(struct socket_wanted){wanted.peer, wanted.local, IPPROTO_TCP}, server);

    wanted.peer.port = 1; /* the listener takes from everybody, and is no end of anything */
    struct socket_wanted listening = {wanted.peer, wanted.local, IPPROTO_TCP};
    listening.local.port = socket_name(listener).port;
    listening.peer.port = 2;
    assert_int_equal(socket_owner_find(diag, &listening, &owner), -ENOENT);
    assert_int_equal(socket_owner_find(diag, &wanted, &owner), -ENOENT);
    close(server);
    close(client);
    close(listener);
}

static void test_tcp(void **state)
{
    check_tcp(*state, AF_INET, "127.0.0.1");
    check_tcp(*state, AF_INET6, "::1");
}

static void check_udp(struct netlink *diag, int family, const char *at, const char *any)
{
    int server = open_socket(family, SOCK_DGRAM, at);
    int connected = open_socket(family, SOCK_DGRAM, at),
        loose = open_socket(family, SOCK_DGRAM, any);
    struct socket_wanted wanted = {socket_name(connected), socket_name(server), IPPROTO_UDP};
    struct socket_owner owner;

    connect_to(connected, server);
    assert_owned(diag, &wanted, connected);
    wanted.local.port = socket_name(loose).port;
    assert_owned(diag, &wanted, loose);
    wanted.local.port = socket_name(connected).port;
    wanted.peer.port ^= 1; /* it hears nobody else */
    assert_int_equal(socket_owner_find(diag, &wanted, &owner), -ENOENT);
    close(server);
    close(connected);
    close(loose);
}

static void test_udp(void **state)
{
    check_udp(*state, AF_INET, "127.0.0.1", "0.0.0.0");
    check_udp(*state, AF_INET6, "::1", "::");
}

static void test_what_cannot_be_asked(void **state)
{
    struct address four = {.family = 4, .port = 1, .ip = {127, 0, 0, 1}}, six = {.family = 6};
    struct address no_port = four;
    struct socket_owner owner;

    six.port = 1;
    no_port.port = 0;
    const struct socket_wanted wrong[] = {
        {four, six, IPPROTO_TCP},     {four, {0}, IPPROTO_UDP},   {no_port, four, IPPROTO_TCP},
        {four, no_port, IPPROTO_TCP}, {four, four, IPPROTO_ICMP},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(socket_owner_find(*state, &wrong[i], &owner), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_what_cannot_be_asked),
    };
    return cmocka_run_group_tests(tests, open_netlink, close_netlink);
}
