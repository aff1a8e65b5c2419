/* Whose a socket of this host is: the user and the inode, by which the program is found
 * (holder.h). One question to the kernel about one socket, never a list of them. */
#ifndef SUPERVISOR_SOCKET_OWNER_H
#define SUPERVISOR_SOCKET_OWNER_H

#include "base/endpoint.h"

#include <stdint.h>
#include <sys/types.h>

struct netlink;

struct socket_wanted {
    struct address local, peer; /* of the same family, with ports */
    int protocol;               /* IPPROTO_TCP, IPPROTO_UDP */
};

struct socket_owner {
    uid_t user;
    uint32_t inode;
};

/* `diag` is open on NETLINK_SOCK_DIAG. 0; -ENOENT: no such socket here, or no longer; -EINVAL: this
 * cannot be asked; other < 0. A listening socket is nobody's end of a conversation. */
int socket_owner_find(struct netlink *diag, const struct socket_wanted *wanted,
                      struct socket_owner *ret);

#endif
