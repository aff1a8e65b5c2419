#include "proxy/door_dgram.h"

#include "base/err.h"
#include "proxy/socks5.h"
#include "proxy/udp_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct door_dgram {
    struct dgram dgram;
    struct door_client *client;
    struct watch *watch;
    int fd;
    struct address bound, peer; /* peer: the client's socket; family 0 until it is known */
    bool is_over;               /* on_end was called */
    bool is_receiving;          /* inside on_datagram: a close has to wait */
    bool is_closed;
};

static struct door_dgram *of_dgram(struct dgram *dgram)
{
    return (struct door_dgram *)dgram; /* embedded first */
}

static void dgram_free(struct door_dgram *dgram)
{
    if (!dgram)
        return;
    watch_close(dgram->watch);
    if (dgram->fd >= 0)
        close(dgram->fd);
    free(dgram);
}

static void count_drop(struct door_dgram *dgram)
{
    if (dgram->client->door)
        dgram->client->door->stats.datagrams_dropped++;
}

static bool is_same_ip(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* The kernel then drops what others send; datagrams queued before are still checked here. */
static void set_peer(struct door_dgram *dgram, const struct address *peer)
{
    struct sockaddr_storage name;
    unsigned size = address_to_sockaddr(peer, &name);
    if (connect(dgram->fd, (struct sockaddr *)&name, size) < 0)
        return;
    dgram->peer = *peer;
    dgram->dgram.client = *peer;
}

static bool is_from_client(struct door_dgram *dgram, const struct address *from)
{
    if (dgram->peer.family != 0)
        return address_is_equal(from, &dgram->peer);
    if (!is_same_ip(from, &dgram->client->address))
        return false;
    set_peer(dgram, from);
    return dgram->peer.family != 0;
}

static bool on_received(void *owner, const struct address *from, const uint8_t *data, size_t size)
{
    struct door_dgram *dgram = owner;
    struct endpoint peer;
    uint8_t fragment;
    ssize_t header = is_from_client(dgram, from)
                         ? socks5_parse_udp_header(data, size, &fragment, &peer)
                         : ERR_PROTOCOL;
    if (header <= 0 || fragment != 0 || peer.address.port == 0 ||
        address_is_equal(&peer.address, &dgram->bound) || !dgram->dgram.on_datagram) {
        count_drop(dgram);
        return true;
    }
    dgram->dgram.on_datagram(dgram->dgram.owner, &peer, data + header, size - (size_t)header);
    return !dgram->is_closed;
}

/* The client goes with it, unless it was not told yet (inside on_associate). */
static void let_go(struct door_dgram *dgram)
{
    struct door_client *client = dgram->client;
    client->association = NULL;
    dgram_free(dgram);
    if (client->is_associated)
        door_client_free(client, false);
}

static void on_ready(void *owner, int events, int err)
{
    struct door_dgram *dgram = owner;
    (void)events;
    (void)err; /* what a datagram socket reports is about one datagram, and does not last */
    dgram->is_receiving = true;
    udp_batch_receive(dgram->fd, on_received, dgram);
    dgram->is_receiving = false;
    if (dgram->is_closed)
        let_go(dgram);
}

static int door_dgram_send(struct dgram *base, const struct endpoint *peer, const void *data,
                           size_t size)
{
    struct door_dgram *dgram = of_dgram(base);
    uint8_t header[SOCKS5_UDP_HEADER_MAX];
    if (dgram->is_over)
        return -EPIPE;
    size_t header_size = socks5_build_udp_header(header, peer);
    if (header_size + size > DGRAM_MAX_BYTES)
        return -EMSGSIZE;
    struct iovec parts[] = {{header, header_size}, {(void *)(uintptr_t)data, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = -1;
    errno = EAGAIN;
    if (dgram->peer.family != 0)
        sent = sendmsg(dgram->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == ECONNREFUSED) /* about an earlier one; this one was not tried yet */
        sent = sendmsg(dgram->fd, &message, MSG_NOSIGNAL);
    if (sent >= 0)
        return 0;
    count_drop(dgram);
    return errno == EMSGSIZE ? -EMSGSIZE : -EAGAIN;
}

static void door_dgram_refuse(struct dgram *base)
{
    count_drop(of_dgram(base));
}

static void door_dgram_close(struct dgram *base)
{
    struct door_dgram *dgram = of_dgram(base);
    dgram->is_closed = true;
    if (!dgram->is_receiving)
        let_go(dgram);
}

static const struct dgram_ops dgram_ops = {
    .send = door_dgram_send,
    .refuse = door_dgram_refuse,
    .close = door_dgram_close,
};

static int bind_socket(struct door_dgram *dgram)
{
    struct sockaddr_storage name;
    struct address any_port = dgram->client->local;
    socklen_t size = sizeof(name);
    any_port.port = 0;
    unsigned any_size = address_to_sockaddr(&any_port, &name);
    dgram->fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dgram->fd < 0 || bind(dgram->fd, (struct sockaddr *)&name, any_size) < 0 ||
        getsockname(dgram->fd, (struct sockaddr *)&name, &size) < 0)
        return -errno;
    return address_from_sockaddr((struct sockaddr *)&name, &dgram->bound);
}

int door_dgram_open(struct door_client *client, const struct address *announced,
                    struct address *ret_bound)
{
    struct door_dgram *dgram = calloc(1, sizeof(*dgram));
    if (!dgram)
        return -ENOMEM;
    dgram->client = client;
    dgram->fd = -1;
    int err = bind_socket(dgram);
    if (err == 0)
        err = watch_open(client->loop, dgram->fd, on_ready, dgram, &dgram->watch);
    if (err == 0)
        err = watch_set(dgram->watch, WATCH_READ);
    if (err < 0) {
        dgram_free(dgram);
        return err;
    }
    udp_batch_prepare(dgram->fd);
    dgram->dgram.ops = &dgram_ops;
    dgram->dgram.client = client->address;
    dgram->dgram.local = dgram->bound;
    dgram->dgram.client.port = 0;
    /* Believed only where it is plausible: some clients put their target here. */
    if (announced->port != 0 && is_same_ip(announced, &client->address))
        set_peer(dgram, announced);
    client->association = &dgram->dgram;
    *ret_bound = dgram->bound;
    return 0;
}

void door_dgram_end(struct dgram *base, int err)
{
    struct door_dgram *dgram = of_dgram(base);
    if (dgram->is_over)
        return;
    dgram->is_over = true;
    watch_set(dgram->watch, 0);
    if (base->on_end)
        base->on_end(base->owner, err);
}
