#include "proxy/udp_burst.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    PIECES_MAX = 64, /* UDP_MAX_SEGMENTS of older kernels */
    BURST_MAX_BYTES = 65000,
};

/* One for all sockets: whoever sends next first lets go of what is there. */
static struct {
    struct udp_burst *burst; /* whose datagrams they are; NULL none */
    size_t size, count;
    uint8_t bytes[BURST_MAX_BYTES];
} kept;

static struct msghdr message_to(struct udp_burst *burst, struct iovec *parts, size_t count)
{
    return (struct msghdr){.msg_name = burst->peer_size ? burst->peer : NULL,
                           .msg_namelen = burst->peer_size,
                           .msg_iov = parts,
                           .msg_iovlen = count};
}

static int send_message(int fd, const struct msghdr *message)
{
    if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno == ECONNREFUSED && /* about an earlier one, and this one was not sent */
        sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    return -errno;
}

static int send_together(struct udp_burst *burst)
{
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {0};
    struct iovec all = {.iov_base = kept.bytes, .iov_len = kept.size};
    struct msghdr message = message_to(burst, &all, 1);
    uint16_t piece = (uint16_t)burst->piece;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *note = CMSG_FIRSTHDR(&message);
    note->cmsg_level = IPPROTO_UDP;
    note->cmsg_type = UDP_SEGMENT;
    note->cmsg_len = CMSG_LEN(sizeof(piece));
    memcpy(CMSG_DATA(note), &piece, sizeof(piece));
    return send_message(burst->fd, &message);
}

static void send_singly(struct udp_burst *burst)
{
    struct mmsghdr messages[PIECES_MAX];
    struct iovec parts[PIECES_MAX];
    unsigned sent = 0;
    for (size_t i = 0; i < kept.count; i++) {
        size_t at = i * burst->piece;
        size_t left = kept.size - at;
        parts[i] = (struct iovec){.iov_base = kept.bytes + at,
                                  .iov_len = left < burst->piece ? left : burst->piece};
        messages[i].msg_hdr = message_to(burst, &parts[i], 1);
    }
    while (sent < kept.count) {
        int done = sendmmsg(burst->fd, messages + sent, (unsigned)kept.count - sent,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN)
            return;
        sent += done > 0 ? (unsigned)done : 1; /* one that fails is lost, alone */
    }
}

/* Larger than the path takes in one piece, or a device that cannot sum up what it cuts. */
static bool is_about_superpackets(int err)
{
    return err == -EINVAL || err == -EIO || err == -EMSGSIZE || err == -EOPNOTSUPP;
}

static void let_go(void)
{
    struct udp_burst *burst = kept.burst;
    if (!burst)
        return;
    kept.burst = NULL;
    int err = burst->is_whole ? -EAGAIN : send_together(burst);
    if (is_about_superpackets(err))
        burst->is_whole = true;
    if (err == -EAGAIN || burst->is_whole) /* some of them may still fit */
        send_singly(burst);
    deferred_cancel(&burst->flush);
}

static void on_flush(void *owner)
{
    (void)owner;
    let_go();
}

void udp_burst_init(struct udp_burst *burst, struct loop *loop, int fd)
{
    *burst = (struct udp_burst){.fd = fd};
    deferred_init(&burst->flush, loop, on_flush, burst);
}

void udp_burst_done(struct udp_burst *burst)
{
    if (kept.burst == burst)
        let_go();
    deferred_cancel(&burst->flush);
}

static void keep(struct udp_burst *burst, const struct iovec parts[2], size_t size)
{
    for (int i = 0; i < 2; i++) {
        if (parts[i].iov_len > 0)
            memcpy(kept.bytes + kept.size, parts[i].iov_base, parts[i].iov_len);
        kept.size += parts[i].iov_len;
    }
    kept.count++;
    /* Only the last one of a superpacket may be shorter. */
    if (size < burst->piece || kept.count == PIECES_MAX ||
        kept.size + burst->piece > BURST_MAX_BYTES)
        let_go();
}

static void begin(struct udp_burst *burst)
{
    kept.burst = burst;
    kept.size = kept.count = 0;
    deferred_schedule(&burst->flush);
}

static bool is_same_peer(const struct udp_burst *burst, const struct sockaddr_storage *peer,
                         socklen_t peer_size)
{
    return burst->peer_size == peer_size &&
           (peer_size == 0 || memcmp(burst->peer, peer, peer_size) == 0);
}

static int send_now(struct udp_burst *burst, const struct sockaddr_storage *peer,
                    socklen_t peer_size, const struct iovec parts[2], size_t size)
{
    struct iovec copy[2] = {parts[0], parts[1]};
    assert(peer_size <= UDP_BURST_PEER_BYTES);
    burst->peer_size = (uint8_t)peer_size;
    if (peer_size > 0)
        memcpy(burst->peer, peer, peer_size);
    burst->piece = size;
    struct msghdr message = message_to(burst, copy, 2);
    return send_message(burst->fd, &message);
}

int udp_burst_send(struct udp_burst *burst, const struct sockaddr_storage *peer,
                   socklen_t peer_size, const struct iovec parts[2])
{
    size_t size = parts[0].iov_len + parts[1].iov_len;
    bool follows = burst->piece > 0 && size > 0 && size <= burst->piece &&
                   2 * burst->piece <= BURST_MAX_BYTES && is_same_peer(burst, peer, peer_size);
    if (!follows || kept.burst != burst)
        let_go();
    if (!follows || (!kept.burst && size != burst->piece))
        return send_now(burst, peer, peer_size, parts, size);
    if (!kept.burst)
        begin(burst);
    keep(burst, parts, size);
    return 0;
}
