/* Datagrams that travel together (UDP_GRO) are sent on together (UDP_SEGMENT): the server shall not
 * be what loses them. Two sockets, one towards the client and one towards the targets. */
#include "socks_udp.h"

#include "gro.h"
#include "relay_pair.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    HEADER_BYTES = 10, /* of an IPv4 peer */
    SEGMENTS_MAX = 64,
    BATCH_BYTES = 65536,
    SOCKET_BYTES = 4 * 1024 * 1024,
    TURN = 64,
};

struct socks_udp {
    struct source client, server;
    struct sockaddr_in peer; /* where the client sends from */
};

static uint8_t batch[2 * BATCH_BYTES]; /* one is begun before the other is full */

static ssize_t receive(int fd, uint8_t *to, struct sockaddr_in *ret_from, size_t *ret_each)
{
    struct sockaddr_storage from;
    socklen_t from_size;
    ssize_t size = gro_receive(fd, to, BATCH_BYTES, &from, &from_size, ret_each);
    if (size >= 0)
        memcpy(ret_from, &from, sizeof(*ret_from));
    return size;
}

static void transmit(int fd, const struct sockaddr_in *to, struct iovec *parts, size_t count,
                     size_t each, bool is_cut)
{
    char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)to,
                             .msg_namelen = sizeof(*to),
                             .msg_iov = parts,
                             .msg_iovlen = count};
    if (is_cut) {
        uint16_t size = (uint16_t)each;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *note = CMSG_FIRSTHDR(&message);
        note->cmsg_level = SOL_UDP;
        note->cmsg_type = UDP_SEGMENT;
        note->cmsg_len = CMSG_LEN(sizeof(size));
        memcpy(CMSG_DATA(note), &size, sizeof(size));
    }
    sendmsg(fd, &message, MSG_DONTWAIT);
}

/* Everything up to the next datagram for somebody else. */
static size_t pass_up(struct socks_udp *udp, uint8_t *data, size_t size, size_t each)
{
    struct iovec parts[SEGMENTS_MAX];
    struct sockaddr_in to = {.sin_family = AF_INET};
    size_t count = 0;
    size_t at = 0;
    while (at < size && count < SEGMENTS_MAX) {
        size_t piece = size - at < each ? size - at : each;
        if (piece < HEADER_BYTES || memcmp(data, data + at, HEADER_BYTES) != 0)
            break;
        parts[count++] = (struct iovec){data + at + HEADER_BYTES, piece - HEADER_BYTES};
        at += piece;
    }
    if (count == 0)
        return size; /* not ours */
    memcpy(&to.sin_addr, data + 4, 4);
    memcpy(&to.sin_port, data + 8, 2);
    transmit(udp->server.fd, &to, parts, count, each - HEADER_BYTES, count > 1);
    return at;
}

static void on_client(struct source *source, uint32_t events)
{
    struct socks_udp *udp = (struct socks_udp *)source;
    (void)events;
    for (int turn = 0; turn < TURN; turn++) {
        size_t each;
        ssize_t size = receive(source->fd, batch, &udp->peer, &each);
        if (size < 0)
            return;
        for (size_t at = 0; at < (size_t)size;)
            at += pass_up(udp, batch + at, (size_t)size - at, each);
    }
}

static size_t pass_down(struct socks_udp *udp, uint8_t *header, uint8_t *data, size_t size,
                        size_t each)
{
    struct iovec parts[SEGMENTS_MAX];
    size_t most = BATCH_BYTES - 1024; /* headers and all, a datagram's worth */
    size_t count = 0;
    size_t at = 0;
    while (at < size && count + 2 <= SEGMENTS_MAX && at + each + count * HEADER_BYTES < most) {
        size_t piece = size - at < each ? size - at : each;
        parts[count++] = (struct iovec){header, HEADER_BYTES};
        parts[count++] = (struct iovec){data + at, piece};
        at += piece;
    }
    transmit(udp->client.fd, &udp->peer, parts, count, each + HEADER_BYTES, count > 2);
    return count ? at : size;
}

/* What came from one sender in datagrams of one size (the last may be shorter): its place in the
 * batch. */
struct run {
    struct sockaddr_in from;
    size_t at, size, each;
};

static bool run_takes(const struct run *run, const struct run *next)
{
    return run->size > 0 && run->each == next->each && run->size % run->each == 0 &&
           run->from.sin_port == next->from.sin_port &&
           run->from.sin_addr.s_addr == next->from.sin_addr.s_addr;
}

static void pass_run_down(struct socks_udp *udp, const struct run *run)
{
    uint8_t header[HEADER_BYTES] = {0, 0, 0, 1};
    memcpy(header + 4, &run->from.sin_addr, 4);
    memcpy(header + 8, &run->from.sin_port, 2);
    for (size_t at = 0; at < run->size;)
        at += pass_down(udp, header, batch + run->at + at, run->size - at, run->each);
}

/* Datagrams that came one by one go on together too. */
static void on_server(struct source *source, uint32_t events)
{
    struct socks_udp *udp =
        (struct socks_udp *)((char *)source - offsetof(struct socks_udp, server));
    struct run run = {.size = 0};
    (void)events;
    for (int turn = 0; turn < TURN && run.at + run.size < BATCH_BYTES; turn++) {
        struct run next = {.at = run.at + run.size};
        ssize_t size = receive(source->fd, batch + next.at, &next.from, &next.each);
        if (size < 0)
            break;
        next.size = (size_t)size;
        if (run_takes(&run, &next)) {
            run.size += next.size;
        } else {
            pass_run_down(udp, &run);
            run = next;
        }
    }
    pass_run_down(udp, &run);
}

static int open_socket(struct sockaddr_in *at)
{
    const int bytes = SOCKET_BYTES;
    socklen_t size = sizeof(*at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    gro_enable(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
    if (bind(fd, (struct sockaddr *)at, sizeof(*at)) == 0 &&
        getsockname(fd, (struct sockaddr *)at, &size) == 0)
        return fd;
    close(fd);
    return -1;
}

struct socks_udp *socks_udp_open(struct sockaddr_in *bound)
{
    struct socks_udp *udp = calloc(1, sizeof(*udp));
    struct sockaddr_in any = {.sin_family = AF_INET};
    bound->sin_port = 0;
    udp->client = (struct source){.on_ready = on_client, .fd = open_socket(bound)};
    udp->server = (struct source){.on_ready = on_server, .fd = open_socket(&any)};
    if (udp->client.fd < 0 || udp->server.fd < 0) {
        socks_udp_close(udp);
        return NULL;
    }
    relay_watch(&udp->client, EPOLLIN);
    relay_watch(&udp->server, EPOLLIN);
    return udp;
}

void socks_udp_close(struct socks_udp *udp)
{
    relay_forget(&udp->client);
    relay_forget(&udp->server);
    free(udp);
}
