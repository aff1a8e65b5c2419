/* Takes what a UDP socket has received, many datagrams with one system call; those that the kernel
 * has put together (UDP_GRO, Linux 5.0) are handed over one by one. */
#ifndef PROXY_UDP_BATCH_H
#define PROXY_UDP_BATCH_H

#include "base/dgram.h"

#include <stdbool.h>

enum { UDP_BATCH_MAX = 32 };

/* `data` is borrowed. False: no more of this batch, the receiver has lost interest; the rest of it
 * is dropped. */
typedef bool udp_batch_fn(void *owner, const struct address *from, const uint8_t *data,
                          size_t size);

/* Hand over what up to UDP_BATCH_MAX reads give. From the loop's thread, and not from inside `fn`.
 */
void udp_batch_receive(int fd, udp_batch_fn *fn, void *owner);

/* Room for a burst in both directions, as far as the host permits, and datagrams put together. */
void udp_batch_prepare(int fd);

/* The same for a socket of which nobody knows what it will be: most have one datagram to send and
 * one to receive, and need no more than they are born with. To be called before each send and each
 * udp_batch_receive; *uses, 0 at first, counts as far as is of interest. */
enum { UDP_BATCH_FEW = 2 };
static inline void udp_batch_note(uint8_t *uses, int fd)
{
    if (*uses <= UDP_BATCH_FEW && (*uses)++ == UDP_BATCH_FEW)
        udp_batch_prepare(fd);
}

#endif
