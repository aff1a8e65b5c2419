/* The wire between the halves. The receiver believes nothing: size, kind, direction, texts and
 * address are checked here, once, so that both halves may read the fields without a second thought.
 */
#include "service/ipc.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ipc_pair(int ret_fds[2])
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
};

int ipc_send(int fd, const struct ipc_message *message, const int *fds, size_t count)
{
    if (count > IPC_FDS_MAX)
        return -EINVAL;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
    union control control = {0};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(part), fds, count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static bool kind_is_known(uint32_t kind, bool from_worker)
{
    if (from_worker)
        return kind >= IPC_READY && kind <= IPC_FAILED;
    return kind >= IPC_CONFIG && kind <= IPC_STOP;
}

static bool address_is_sound(const struct address *address)
{
    return address->family == 0 || address->family == 4 || address->family == 6;
}

static bool addresses_are_sound(const struct ipc_message *message)
{
    return address_is_sound(&message->address) && address_is_sound(&message->peer);
}

/* Only the supervisor passes descriptors. */
static bool is_sound(const struct ipc_message *message, bool from_worker, size_t fd_count)
{
    return kind_is_known(message->kind, from_worker) && addresses_are_sound(message) &&
           !(from_worker && fd_count > 0);
}

static size_t take_descriptors(struct msghdr *header, int ret_fds[IPC_FDS_MAX])
{
    size_t count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ret_fds + count, CMSG_DATA(part), here * sizeof(int));
        count += here;
    }
    return count; /* the control buffer has room for no more than IPC_FDS_MAX */
}

int ipc_receive(int fd, bool from_worker, struct ipc_message *ret, int ret_fds[IPC_FDS_MAX],
                size_t *ret_count)
{
    struct ipc_message message;
    struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
    union control control = {0};
    struct msghdr header = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t size;
    do
        size = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? ERR_EOF : -errno;

    int fds[IPC_FDS_MAX];
    size_t count = take_descriptors(&header, fds);
    if (size != (ssize_t)sizeof(message) || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
        !is_sound(&message, from_worker, count)) {
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        return size == 0 ? ERR_EOF : -EBADMSG;
    }
    message.name[sizeof(message.name) - 1] = '\0';
    message.text[sizeof(message.text) - 1] = '\0';
    *ret = message;
    memcpy(ret_fds, fds, count * sizeof(int));
    *ret_count = count;
    return 0;
}
