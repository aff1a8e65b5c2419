/* A listening Unix socket for root and one group, nobody else for no moment. */
#ifndef SUPERVISOR_LOCAL_SOCKET_H
#define SUPERVISOR_LOCAL_SOCKET_H

#include <sys/types.h>

/* Replaces a stale socket at `path` (never anything else). 0660, ours and `group`'s;
 * close-on-exec, not blocking. 0 or < 0. */
int local_socket_listen(const char *path, gid_t group, int *ret_fd);

struct local_peer {
    pid_t pid;
    uid_t user;
    gid_t group;
};
/* Who connected, as the kernel knows it. */
int local_socket_peer(int fd, struct local_peer *ret);
/* Its primary group or one of its others. */
int local_socket_peer_is_member(int fd, gid_t group);

#endif
