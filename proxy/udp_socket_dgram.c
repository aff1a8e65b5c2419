#include "proxy/udp_socket_dgram.h"

#include "base/err.h"
#include "proxy/udp_batch.h"
#include "proxy/udp_burst.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct udp_socket_dgram {
    struct dgram dgram;
    struct watch *watch;
    struct udp_burst burst;
    int fd;
    bool is_dual; /* an IPv6 socket that also speaks IPv4 */
    uint8_t uses;
    bool is_receiving; /* inside on_datagram: a close has to wait */
    bool is_closed;
};

static void udp_free(struct udp_socket_dgram *udp)
{
    watch_close(udp->watch);
    udp_burst_done(&udp->burst);
    if (udp->fd >= 0)
        close(udp->fd);
    free(udp);
}

/* A dual-stack socket is told of IPv4 peers by their mapped form (RFC 4291 sec. 2.5.5.2). */
static struct address mapped(const struct address *address)
{
    struct address mapped = {.family = 6, .port = address->port};
    mapped.ip[10] = mapped.ip[11] = 0xff;
    memcpy(mapped.ip + 12, address->ip, 4);
    return mapped;
}

static int udp_send(struct dgram *dgram, const struct endpoint *peer, const void *data, size_t size)
{
    struct udp_socket_dgram *udp = (struct udp_socket_dgram *)dgram;
    struct address address = peer->address;
    struct sockaddr_storage to;
    struct iovec parts[2] = {{0}, {.iov_base = (void *)(uintptr_t)data, .iov_len = size}};
    if (endpoint_is_name(peer) || (address.family == 6 && !udp->is_dual))
        return ERR_UNSUPPORTED;
    if (address.family == 4 && udp->is_dual)
        address = mapped(&address);
    socklen_t to_size = address_to_sockaddr(&address, &to);
    udp_batch_note(&udp->uses, udp->fd);
    int err = udp_burst_send(&udp->burst, &to, to_size, parts);
    /* No way to this peer, or no room now: to the sender it is one more lost datagram. */
    return err == 0 || err == -EMSGSIZE ? err : -EAGAIN;
}

static void udp_refuse(struct dgram *dgram)
{
    (void)dgram; /* there is no word for it */
}

static void udp_close(struct dgram *dgram)
{
    struct udp_socket_dgram *udp = (struct udp_socket_dgram *)dgram;
    udp->is_closed = true;
    if (!udp->is_receiving)
        udp_free(udp);
}

static const struct dgram_ops udp_ops = {
    .send = udp_send,
    .refuse = udp_refuse,
    .close = udp_close,
};

static bool on_received(void *owner, const struct address *from, const uint8_t *data, size_t size)
{
    struct udp_socket_dgram *udp = owner;
    struct endpoint peer = endpoint_from_address(from);
    if (udp->dgram.on_datagram)
        udp->dgram.on_datagram(udp->dgram.owner, &peer, data, size);
    return !udp->is_closed;
}

static void on_ready(void *owner, int events, int err)
{
    struct udp_socket_dgram *udp = owner;
    (void)events;
    (void)err; /* nothing that a datagram socket reports is lasting */
    udp_batch_note(&udp->uses, udp->fd);
    udp->is_receiving = true;
    udp_batch_receive(udp->fd, on_received, udp);
    udp->is_receiving = false;
    if (udp->is_closed)
        udp_free(udp);
}

/* Where IPv6 is switched off, a plain IPv4 socket. */
static int open_socket(bool *ret_dual)
{
    const int off = 0;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *ret_dual = fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    if (*ret_dual)
        return fd;
    if (fd >= 0)
        close(fd);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int udp_socket_dgram_new(struct loop *loop, struct dgram **ret)
{
    struct udp_socket_dgram *udp = calloc(1, sizeof(*udp));
    if (!udp)
        return -ENOMEM;
    udp->dgram.ops = &udp_ops;
    udp->fd = open_socket(&udp->is_dual);
    udp_burst_init(&udp->burst, loop, udp->fd);
    int err = udp->fd < 0 ? udp->fd
                          : watch_open_for(loop, udp->fd, WATCH_READ, on_ready, udp, &udp->watch);
    if (err < 0) {
        udp_free(udp);
        return err;
    }
    *ret = &udp->dgram;
    return 0;
}
