/* Datagrams that follow each other to the same peer leave together, with one system call and one
 * way through the kernel's network stack (UDP_SEGMENT, Linux 4.18): at most until the end of the
 * turn, and the first one does not wait. What one socket sends stays in order. */
#ifndef PROXY_UDP_BURST_H
#define PROXY_UDP_BURST_H

#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { UDP_BURST_PEER_BYTES = 28 }; /* the larger of sockaddr_in and sockaddr_in6 */

struct udp_burst {
    int fd;
    bool is_whole; /* this socket's way does not take superpackets */
    struct deferred flush;
    uint8_t peer[UDP_BURST_PEER_BYTES]; /* of the last datagram */
    uint8_t peer_size;                  /* 0: connected */
    size_t piece;                       /* its size */
};

/* Borrows the descriptor, which must be open until udp_burst_done. */
void udp_burst_init(struct udp_burst *burst, struct loop *loop, int fd);
void udp_burst_done(struct udp_burst *burst); /* sends what is left */

/* One datagram in two parts (the first may be empty); they are copied if they have to wait. `peer`
 * NULL: the socket is connected. 0 taken (or kept, and then nobody hears of a failure); < 0 as
 * sendmsg. */
int udp_burst_send(struct udp_burst *burst, const struct sockaddr_storage *peer,
                   socklen_t peer_size, const struct iovec parts[2]);

#endif
