/* The wire between the halves, from the receiving end: one byte chooses the direction and how many
 * descriptors come along, the rest is what the peer wrote. */
#include "service/ipc.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_raw(int fd, const uint8_t *data, size_t size, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[16];
    for (size_t i = 0; i < fd_count; i++)
        fds[i] = fd;
    if (fd_count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(part), fds, fd_count * sizeof(int));
    }
    (void)!sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int wire[2], fds[IPC_FDS_MAX];
    size_t count = 99;
    struct ipc_message message;
    if (size == 0 || ipc_pair(wire) < 0)
        return 0;
    bool from_worker = data[0] & 1;
    write_raw(wire[0], data + 1, size - 1, data[0] >> 1 & 15);
    if (ipc_receive(wire[1], from_worker, &message, fds, &count) == 0) {
        assert(count <= IPC_FDS_MAX && !(from_worker && count > 0));
        assert(memchr(message.text, '\0', sizeof(message.text)));
        assert(memchr(message.name, '\0', sizeof(message.name)));
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    }
    close(wire[0]);
    close(wire[1]);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* a leak would show as a climbing number */
    assert(next < 100);
    close(next);
    return 0;
}
