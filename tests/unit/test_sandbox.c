/* What a process can still do, and what it cannot, once it has entered. Each look is a process of
 * its own, for there is no way back. */
#include "service/worker/sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef int look_fn(void);

/* What `look` returned inside. */
static int inside(look_fn *look)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(sandbox_enter() < 0 ? 255 : look());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int errno_of(long result)
{
    return result < 0 ? errno : 0;
}

static void *nothing(void *owner)
{
    return owner;
}

static int make_thread(void)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, nothing, NULL);
    return err ? err : pthread_join(thread, NULL);
}

static int open_sockets(void)
{
    return errno_of(socket(AF_INET, SOCK_STREAM, 0)) || errno_of(socket(AF_INET6, SOCK_DGRAM, 0)) ||
           errno_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int run_program(void)
{
    char *const none[] = {NULL};
    return errno_of(execve("/bin/true", none, none));
}

static int make_process(void)
{
    return errno_of(syscall(SYS_vfork));
}

static int open_netlink(void)
{
    return errno_of(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
}

static int open_raw(void)
{
    return errno_of(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
}

static int open_packet(void)
{
    return errno_of(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int open_ring(void)
{
    static char parameters[256];
    return errno_of(syscall(SYS_io_uring_setup, 4, parameters));
}

static int trace(void)
{
    return errno_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int unshare_user(void)
{
    return errno_of(unshare(CLONE_NEWUSER));
}

static int clone_user(void)
{
    long result = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
    if (result == 0)
        _exit(0); /* the child that must not be */
    return errno_of(result);
}

static int clone_anew(void)
{
    static uint64_t arguments[8];
    return errno_of(syscall(SYS_clone3, arguments, sizeof(arguments)));
}

static void test_what_the_worker_needs(void **state)
{
    (void)state;
    assert_int_equal(inside(make_thread), 0);
    assert_int_equal(inside(open_sockets), 0);
}

static void test_no_other_program_or_process(void **state)
{
    (void)state;
    assert_int_equal(inside(run_program), EPERM);
    assert_int_equal(inside(make_process), EPERM);
    assert_int_equal(inside(trace), EPERM);
}

static void test_no_way_past_the_firewall(void **state)
{
    (void)state;
    assert_int_equal(inside(open_netlink), EPERM);
    assert_int_equal(inside(open_raw), EPERM);
    assert_int_equal(inside(open_packet), EPERM);
    assert_int_equal(inside(open_ring), EPERM);
}

static void test_no_namespace(void **state)
{
    (void)state;
    assert_int_equal(inside(unshare_user), EPERM);
    assert_int_equal(inside(clone_user), EPERM);
    assert_int_equal(inside(clone_anew), ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_worker_needs),
        cmocka_unit_test(test_no_other_program_or_process),
        cmocka_unit_test(test_no_way_past_the_firewall),
        cmocka_unit_test(test_no_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
