#include "service/supervisor/process.h"

#include "service/supervisor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024 * 1024 };

/* As many as the kernel gives; no core file, which would hold credentials. */
static void set_limits(void)
{
    struct rlimit files = {.rlim_cur = DESCRIPTORS_MAX, .rlim_max = DESCRIPTORS_MAX};
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* in a container, more may not be ours to give */
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

static int become(const struct process_options *options)
{
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* best effort: no_new_privs is what counts */
    if (setgroups(0, NULL) < 0 || setresgid(options->group, options->group, options->group) < 0 ||
        setresuid(options->user, options->user, options->user) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return drop_capabilities();
}

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All but 0, 1, 2 and `fd_as` closes on exec; ours do so anyway, a library's might not. */
static int arrange_descriptors(const struct process_options *options)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return -errno;
    if (options->fd != options->fd_as && dup2(options->fd, options->fd_as) < 0)
        return -errno;
    if (fcntl(options->fd_as, F_SETFD, 0) < 0)
        return -errno;
    close_range((unsigned)options->fd_as + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    return 0;
}

/* By path first, which gives the process its name; by descriptor where the new user may not walk
 * the path, as in a build folder below /root. */
static int execute(const struct process_options *options, int program_fd)
{
    char *arguments[] = {(char *)(uintptr_t)options->program, NULL};
    execv(options->program, arguments);
    if (errno == EACCES && program_fd >= 0)
        fexecve(program_fd, arguments, environ);
    return -errno;
}

static _Noreturn void run_child(const struct process_options *options, int program_fd,
                                int report_fd)
{
    setsid(); /* a Ctrl-C in our terminal is for us alone */
    notify_forget();
    reset_signals();
    umask(S_IRWXG | S_IRWXO);
    set_limits();
    int err = arrange_descriptors(options);
    if (err == 0)
        err = become(options);
    if (err == 0)
        err = execute(options, program_fd);
    if (write(report_fd, &err, sizeof(err)) < 0)
        _exit(126);
    _exit(127);
}

/* The pipe closes at exec; before that it can bring the error. */
static int read_report(int fd)
{
    int err = 0;
    ssize_t size;
    do
        size = read(fd, &err, sizeof(err));
    while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof(err) ? err : 0;
}

/* Descriptors from `fd_as` + 1 on, so that the child's dup2 hits none of them. */
static int open_above(int fd, int least)
{
    if (fd < 0)
        return -1;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, least);
    close(fd);
    return moved;
}

static int open_report(int least, int ret_ends[2])
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    ret_ends[0] = open_above(ends[0], least);
    ret_ends[1] = open_above(ends[1], least);
    return ret_ends[0] < 0 || ret_ends[1] < 0 ? -EMFILE : 0;
}

int process_start(const struct process_options *options, pid_t *ret_pid)
{
    int report[2] = {-1, -1};
    int program_fd = open_above(open(options->program, O_PATH | O_CLOEXEC), options->fd_as + 1);
    int err = open_report(options->fd_as + 1, report);
    pid_t pid = -1;
    if (err == 0) {
        pid = fork();
        if (pid == 0)
            run_child(options, program_fd, report[1]);
        err = pid < 0 ? -errno : 0;
    }
    if (report[1] >= 0)
        close(report[1]);
    if (pid > 0)
        err = read_report(report[0]);
    if (report[0] >= 0)
        close(report[0]);
    if (program_fd >= 0)
        close(program_fd);
    if (err == 0)
        *ret_pid = pid;
    else if (pid > 0)
        waitpid(pid, NULL, 0);
    return err;
}

const char *process_describe_end(int wait_status, char *to, size_t capacity)
{
    if (WIFSIGNALED(wait_status))
        snprintf(to, capacity, "was killed by signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    else
        snprintf(to, capacity, "exited with status %d", WEXITSTATUS(wait_status));
    return to;
}
