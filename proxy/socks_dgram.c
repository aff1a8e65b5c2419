#include "proxy/socks_dgram.h"

#include "base/err.h"
#include "proxy/socks5.h"
#include "proxy/udp_batch.h"
#include "proxy/udp_burst.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct socks_dgram {
    struct dgram dgram;
    struct stream *control;
    struct watch *watch;
    struct udp_burst burst;
    int fd; /* connected to the relay: the kernel drops what comes from elsewhere */
    uint8_t uses;
    bool is_receiving; /* inside on_datagram: a close has to wait */
    bool is_closed;
};

static void socks_free(struct socks_dgram *socks)
{
    watch_close(socks->watch);
    udp_burst_done(&socks->burst);
    if (socks->fd >= 0)
        close(socks->fd);
    stream_close(socks->control);
    free(socks);
}

static int socks_send(struct dgram *dgram, const struct endpoint *peer, const void *data,
                      size_t size)
{
    struct socks_dgram *socks = (struct socks_dgram *)dgram;
    uint8_t header[SOCKS5_UDP_HEADER_MAX];
    struct iovec parts[2] = {
        {.iov_base = header, .iov_len = socks5_build_udp_header(header, peer)},
        {.iov_base = (void *)(uintptr_t)data, .iov_len = size},
    };
    udp_batch_note(&socks->uses, socks->fd);
    int err = udp_burst_send(&socks->burst, NULL, 0, parts);
    return err == 0 || err == -EMSGSIZE ? err : -EAGAIN;
}

static void socks_refuse(struct dgram *dgram)
{
    (void)dgram; /* SOCKS5 has no word for it */
}

static void socks_close(struct dgram *dgram)
{
    struct socks_dgram *socks = (struct socks_dgram *)dgram;
    socks->is_closed = true;
    if (!socks->is_receiving)
        socks_free(socks);
}

static const struct dgram_ops socks_ops = {
    .send = socks_send,
    .refuse = socks_refuse,
    .close = socks_close,
};

static bool on_received(void *owner, const struct address *from, const uint8_t *data, size_t size)
{
    struct socks_dgram *socks = owner;
    struct endpoint peer;
    uint8_t fragment;
    (void)from; /* the relay */
    ssize_t header = socks5_parse_udp_header(data, size, &fragment, &peer);
    /* "an implementation that does not support fragmentation MUST drop" (RFC 1928 sec. 7) */
    if (header > 0 && fragment == 0 && socks->dgram.on_datagram)
        socks->dgram.on_datagram(socks->dgram.owner, &peer, data + header, size - (size_t)header);
    return !socks->is_closed;
}

static void on_ready(void *owner, int events, int err)
{
    struct socks_dgram *socks = owner;
    (void)events;
    (void)err;
    udp_batch_note(&socks->uses, socks->fd);
    socks->is_receiving = true;
    udp_batch_receive(socks->fd, on_received, socks);
    socks->is_receiving = false;
    if (socks->is_closed)
        socks_free(socks);
}

/* Nothing is said on the control connection any more; its end is what matters. */
static void on_control(void *owner)
{
    struct socks_dgram *socks = owner;
    struct span spans[STREAM_SPANS];
    int count;
    while ((count = stream_peek(socks->control, spans, STREAM_SPANS)) > 0)
        for (int i = 0; i < count; i++)
            stream_consume(socks->control, spans[i].size);
    if (count < 0 && socks->dgram.on_end)
        socks->dgram.on_end(socks->dgram.owner, count);
}

static int open_socket(const struct address *relay)
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(relay, &to);
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&to, size) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

int socks_dgram_new(struct loop *loop, struct stream *control, const struct address *relay,
                    struct dgram **ret)
{
    struct socks_dgram *socks = calloc(1, sizeof(*socks));
    if (!socks) {
        stream_close(control);
        return -ENOMEM;
    }
    socks->dgram.ops = &socks_ops;
    socks->control = control;
    socks->fd = open_socket(relay);
    udp_burst_init(&socks->burst, loop, socks->fd);
    int err = socks->fd < 0
                  ? socks->fd
                  : watch_open_for(loop, socks->fd, WATCH_READ, on_ready, socks, &socks->watch);
    if (err < 0) {
        socks_free(socks);
        return err;
    }
    stream_set_owner(control, on_control, socks);
    *ret = &socks->dgram;
    return 0;
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zeros[16];
    return memcmp(address->ip, zeros, sizeof(zeros)) == 0;
}

int socks_dgram_find_relay(const struct address *server, const struct address *bound,
                           struct address *ret)
{
    if (bound->port == 0)
        return ERR_PROTOCOL;
    struct address relay = address_unmapped(bound);
    if (relay.family == 0 || is_unspecified(&relay) ||
        (address_is_private(&relay) && !address_is_private(server)))
        relay = *server;
    relay.port = bound->port;
    *ret = relay;
    return 0;
}
