/* Starting a program without any of our rights: another user, no capabilities, none ever again, one
 * inherited descriptor. */
#ifndef SUPERVISOR_PROCESS_H
#define SUPERVISOR_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

struct process_options {
    const char *program;
    uid_t user;
    gid_t group;
    int fd, fd_as; /* it finds `fd` under the number `fd_as`, beside stdin (null), stdout, stderr */
};

/* 0 with its pid; < 0 when it could not be executed, and there is no process then. */
int process_start(const struct process_options *options, pid_t *ret_pid);
/* "exited with status 3", "was killed by signal 9 (Killed)"; returns `to`. */
const char *process_describe_end(int wait_status, char *to, size_t capacity);

#endif
