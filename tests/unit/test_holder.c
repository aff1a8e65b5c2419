/* Which program has a socket: this test itself, and children of it that are somebody else's. */
#include "service/supervisor/holder.h"

#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 60000, GLANCES_MAX = 10000, OTHER_USER = 64123, OTHER_GROUP = 64124 };

static uint32_t inode_of(int fd)
{
    struct stat facts;

    assert_int_equal(fstat(fd, &facts), 0);
    return (uint32_t)facts.st_ino;
}

/* It has a millisecond, of which a busy machine may take all. */
static void glance_until_found(struct holder_memory *memory, struct holder_wanted *wanted)
{
    for (int i = 0; i < GLANCES_MAX && holder_glance(memory, wanted, 1) > 0; i++)
        usleep(1000);
}

static void test_our_own(void **state)
{
    struct holder_memory memory = {{0}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct holder_wanted wanted[] = {
        {.inode = inode_of(fd), .user = geteuid()},
        {.inode = inode_of(fd), .user = geteuid()},
        {.inode = 1, .user = geteuid()}, /* nobody's */
    };

    (void)state;
    assert_int_equal(holder_search(&memory, wanted, 3, LONG_MS), 1);
    assert_string_equal(wanted[0].name, "test_holder");
    assert_string_equal(wanted[1].name, "test_holder");
    assert_string_equal(wanted[2].name, "");
    assert_int_equal(memory.recent[0], getpid());

    wanted[0].name[0] = '\0';
    glance_until_found(&memory, &wanted[0]); /* it is known where to look first */
    assert_string_equal(wanted[0].name, "test_holder");
    assert_int_equal(memory.recent[1], 0);
    wanted[0] = (struct holder_wanted){.inode = inode_of(fd), .user = OTHER_USER};
    assert_int_equal(holder_search(&memory, wanted, 1, LONG_MS), 1); /* not another user's */
    assert_string_equal(wanted[0].name, "");
    close(fd);
}

/* Holds `fd` as another user until it is killed. */
static pid_t start_other(int fd)
{
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool is_fine = setgroups(0, NULL) == 0 &&
                       setresgid(OTHER_GROUP, OTHER_GROUP, OTHER_GROUP) == 0 &&
                       setresuid(OTHER_USER, OTHER_USER, OTHER_USER) == 0 &&
                       prctl(PR_SET_DUMPABLE, 1) == 0; /* as after an exec */
        if (!is_fine || write(ready[1], &byte, 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(fd); /* it is the child's alone */
    return pid;
}

/* What atlanticd has by its unit file, as far as it is of use here. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct some[2] = {{0}};

    some[0].permitted = some[0].effective =
        1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_KILL;
    return (int)syscall(SYS_capset, &header, some);
}

/* In a process of its own: capabilities do not come back. */
static int look_without_capabilities(uint32_t inode)
{
    struct holder_memory memory = {{0}};
    struct holder_wanted wanted = {.inode = inode, .user = OTHER_USER};

    if (drop_capabilities() < 0)
        return 2;
    holder_search(&memory, &wanted, 1, LONG_MS);
    if (geteuid() != 0 || getegid() != 0)
        return 3;
    return strcmp(wanted.name, "test_holder") == 0 ? 0 : 1;
}

static void test_somebody_elses(void **state)
{
    struct holder_memory memory = {{0}};
    struct holder_wanted wanted = {.user = OTHER_USER};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

    (void)state;
    if (geteuid() != 0)
        skip();
    wanted.inode = inode_of(fd);
    pid_t other = start_other(fd);
    holder_search(&memory, &wanted, 1, LONG_MS);
    assert_string_equal(wanted.name, "test_holder");
    assert_int_equal(memory.recent[0], other);
    pid_t looker = fork();
    if (looker == 0)
        _exit(look_without_capabilities(wanted.inode));
    assert_int_equal(waitpid(looker, &status, 0), looker);
    assert_int_equal(status, 0);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_own),
        cmocka_unit_test(test_somebody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
