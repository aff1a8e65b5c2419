#include "gro.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

void gro_enable(int fd)
{
    const int on = 1;
    setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

static size_t size_of_each(struct msghdr *message, size_t size)
{
    for (struct cmsghdr *note = CMSG_FIRSTHDR(message); note; note = CMSG_NXTHDR(message, note))
        if (note->cmsg_level == SOL_UDP && note->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(note), sizeof(each));
            return (size_t)each;
        }
    return size;
}

ssize_t gro_receive(int fd, void *buffer, size_t capacity, struct sockaddr_storage *ret_from,
                    socklen_t *ret_from_size, size_t *ret_each)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {.msg_name = ret_from,
                             .msg_namelen = sizeof(*ret_from),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
    if (size < 0)
        return -1;
    *ret_from_size = message.msg_namelen;
    *ret_each = size_of_each(&message, (size_t)size);
    return size;
}
