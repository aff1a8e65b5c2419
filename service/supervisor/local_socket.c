#include "service/supervisor/local_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static int remove_stale(const char *path)
{
    struct stat found;
    if (lstat(path, &found) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(found.st_mode))
        return -EEXIST;
    return unlink(path) < 0 ? -errno : 0;
}

/* The tight mask comes first: between bind and chmod the socket would be open to anybody. */
static int bind_tight(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, size);
    mode_t mask = umask(0177);
    int err = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    return err;
}

int local_socket_listen(const char *path, gid_t group, int *ret_fd)
{
    int err = remove_stale(path);
    if (err < 0)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    err = bind_tight(fd, path);
    if (err == 0 &&
        (chown(path, (uid_t)-1, group) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0))
        err = -errno;
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int local_socket_peer(int fd, struct local_peer *ret)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return -errno;
    *ret = (struct local_peer){.pid = peer.pid, .user = peer.uid, .group = peer.gid};
    return 0;
}

int local_socket_peer_is_member(int fd, gid_t group)
{
    struct local_peer peer = {0};
    int err = local_socket_peer(fd, &peer);
    if (err < 0)
        return err;
    if (peer.group == group)
        return 1;

    gid_t few[64] = {0}, *groups = few;
    socklen_t size = sizeof(few);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
        if (errno != ERANGE)
            return -errno;
        groups = malloc(size);
        if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
            size = 0;
    }
    int is_member = 0;
    for (size_t i = 0; i < size / sizeof(gid_t); i++)
        is_member |= groups[i] == group;
    if (groups != few)
        free(groups);
    return is_member;
}
