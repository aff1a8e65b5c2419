#include "proxy/udp_batch.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { SLOT_BYTES = 64 * 1024, BUFFER_BYTES = 1024 * 1024 };

/* One for all sockets: a batch is handed over before the next one is read. Only pages that were
 * written once take memory, for ordinary datagrams one or two of each slot. */
static uint8_t slots[UDP_BATCH_MAX][SLOT_BYTES];
static bool is_in_use;

static int receive(int fd, struct mmsghdr *messages, struct iovec *parts,
                   struct sockaddr_storage *from)
{
    for (int i = 0; i < UDP_BATCH_MAX; i++) {
        parts[i] = (struct iovec){.iov_base = slots[i], .iov_len = SLOT_BYTES};
        messages[i].msg_len = 0;
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i],
            .msg_namelen = sizeof(from[i]),
            .msg_iov = &parts[i],
            .msg_iovlen = 1,
        };
    }
    return recvmmsg(fd, messages, UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
}

void udp_batch_receive(int fd, udp_batch_fn *fn, void *owner)
{
    struct mmsghdr messages[UDP_BATCH_MAX];
    struct iovec parts[UDP_BATCH_MAX];
    struct sockaddr_storage from[UDP_BATCH_MAX];
    struct address address;
    assert(!is_in_use);
    int count = receive(fd, messages, parts, from);
    is_in_use = true;
    for (int i = 0; i < count; i++) {
        if (address_from_sockaddr((struct sockaddr *)&from[i], &address) < 0)
            continue;
        address = address_unmapped(&address);
        if (!fn(owner, &address, slots[i], messages[i].msg_len))
            break;
    }
    is_in_use = false;
}

void udp_batch_size_buffers(int fd)
{
    const int size = BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}
