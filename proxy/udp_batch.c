#include "proxy/udp_batch.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { SLOT_BYTES = 64 * 1024, BUFFER_BYTES = 1024 * 1024 };

/* One for all sockets: a batch is handed over before the next one is read. Only pages that were
 * written once take memory, for ordinary datagrams one or two of each slot. */
static uint8_t slots[UDP_BATCH_MAX][SLOT_BYTES];
static bool is_in_use;

union note {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static int receive(int fd, struct mmsghdr *messages, struct iovec *parts,
                   struct sockaddr_storage *from, union note *notes)
{
    for (int i = 0; i < UDP_BATCH_MAX; i++) {
        parts[i] = (struct iovec){.iov_base = slots[i], .iov_len = SLOT_BYTES};
        messages[i].msg_len = 0;
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i],
            .msg_namelen = sizeof(from[i]),
            .msg_iov = &parts[i],
            .msg_iovlen = 1,
            .msg_control = notes[i].bytes,
            .msg_controllen = sizeof(notes[i].bytes),
        };
    }
    return recvmmsg(fd, messages, UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
}

/* How large each of the datagrams is that were put together; 0: it is one. */
static size_t piece_size(struct msghdr *message)
{
    int size = 0;
    for (struct cmsghdr *note = CMSG_FIRSTHDR(message); note; note = CMSG_NXTHDR(message, note))
        if (note->cmsg_level == IPPROTO_UDP && note->cmsg_type == UDP_GRO)
            memcpy(&size, CMSG_DATA(note), sizeof(size));
    return size > 0 ? (size_t)size : 0;
}

static bool hand_over(udp_batch_fn *fn, void *owner, const struct address *from,
                      const uint8_t *data, size_t size, size_t piece)
{
    size_t at = 0;
    do {
        size_t left = size - at;
        size_t part = piece && piece < left ? piece : left;
        if (!fn(owner, from, data + at, part))
            return false;
        at += part;
    } while (at < size);
    return true;
}

void udp_batch_receive(int fd, udp_batch_fn *fn, void *owner)
{
    struct mmsghdr messages[UDP_BATCH_MAX];
    struct iovec parts[UDP_BATCH_MAX];
    struct sockaddr_storage from[UDP_BATCH_MAX];
    union note notes[UDP_BATCH_MAX];
    struct address address;
    assert(!is_in_use);
    int count = receive(fd, messages, parts, from, notes);
    is_in_use = true;
    for (int i = 0; i < count; i++) {
        if (address_from_sockaddr((struct sockaddr *)&from[i], &address) < 0)
            continue;
        address = address_unmapped(&address);
        if (!hand_over(fn, owner, &address, slots[i], messages[i].msg_len,
                       piece_size(&messages[i].msg_hdr)))
            break;
    }
    is_in_use = false;
}

void udp_batch_prepare(int fd)
{
    const int size = BUFFER_BYTES;
    const int on = 1;
    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)); /* else one by one */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}
