/* What Atlantic's tunnel is measured against: the simplest good relay between two kernel sockets.
 * One thread, epoll, one 64 KB buffer that bytes pass through while they are in the cache; a buffer
 * of its own only where a peer is slow.
 *
 *   plain_relay LISTEN_PORT HOST PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, EVENTS = 256, ROUNDS = 8 };

struct pair;

struct side {
    struct pair *pair;
    int fd;
    uint32_t events;
    bool is_eof, is_shut;
    char *kept; /* bytes for this side that it did not take */
    size_t kept_at, kept_size;
};

struct pair {
    struct side client, server;
    bool is_connected, is_dead;
    struct pair *next_dead;
};

static char buffer[BUFFER_BYTES];
static int epoll;
static struct sockaddr_storage target;
static socklen_t target_size;
static struct pair *dead;

static struct side *other(struct side *side)
{
    return side == &side->pair->client ? &side->pair->server : &side->pair->client;
}

static void update(struct side *side)
{
    bool reads = !side->is_eof && !other(side)->kept && side->pair->is_connected;
    bool writes = side->kept || !side->pair->is_connected;
    uint32_t events = (reads ? (uint32_t)EPOLLIN : 0) | (writes ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.ptr = side};
    if (events != side->events)
        epoll_ctl(epoll, EPOLL_CTL_MOD, side->fd, &event);
    side->events = events;
}

static void kill_pair(struct pair *pair)
{
    if (pair->is_dead)
        return;
    pair->is_dead = true;
    close(pair->client.fd);
    close(pair->server.fd);
    free(pair->client.kept);
    free(pair->server.kept);
    pair->next_dead = dead;
    dead = pair;
}

static void keep(struct side *side, const char *data, size_t size)
{
    side->kept = malloc(size);
    memcpy(side->kept, data, size);
    side->kept_at = 0;
    side->kept_size = size;
}

static int flush(struct side *side)
{
    ssize_t sent =
        send(side->fd, side->kept + side->kept_at, side->kept_size - side->kept_at, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    side->kept_at += (size_t)sent;
    if (side->kept_at == side->kept_size) {
        free(side->kept);
        side->kept = NULL;
    }
    return 0;
}

static int pump(struct side *from)
{
    struct side *to = other(from);
    for (int i = 0; i < ROUNDS && !to->kept && !from->is_eof; i++) {
        ssize_t got = recv(from->fd, buffer, BUFFER_BYTES, 0);
        if (got < 0)
            return errno == EAGAIN ? 0 : -1;
        if (got == 0) {
            from->is_eof = true;
            break;
        }
        ssize_t sent = send(to->fd, buffer, (size_t)got, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return -1;
        sent = sent < 0 ? 0 : sent;
        if (sent < got)
            keep(to, buffer + sent, (size_t)(got - sent));
        if (got < BUFFER_BYTES)
            break;
    }
    return 0;
}

static void pass_end(struct side *from)
{
    struct side *to = other(from);
    if (from->is_eof && !to->kept && !to->is_shut) {
        shutdown(to->fd, SHUT_WR);
        to->is_shut = true;
    }
}

static void on_event(struct side *side, uint32_t events)
{
    struct pair *pair = side->pair;
    int err = 0;
    if (pair->is_dead)
        return;
    if (side == &pair->server && !pair->is_connected && (events & (EPOLLOUT | EPOLLERR)))
        pair->is_connected = true;
    if (side->kept && (events & EPOLLOUT))
        err = flush(side);
    if (err == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        err = pump(side);
    if (err < 0) {
        kill_pair(pair);
        return;
    }
    pass_end(&pair->client);
    pass_end(&pair->server);
    if (pair->client.is_shut && pair->server.is_shut) {
        kill_pair(pair);
        return;
    }
    update(&pair->client);
    update(&pair->server);
}

static void on_accept(int listener)
{
    const int on = 1;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct pair *pair = calloc(1, sizeof(*pair));
        pair->client.pair = pair->server.pair = pair;
        pair->client.fd = fd;
        pair->server.fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(pair->server.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(pair->server.fd, (struct sockaddr *)&target, target_size) < 0 &&
            errno != EINPROGRESS)
            perror("connect");
        struct epoll_event client = {.data.ptr = &pair->client};
        struct epoll_event server = {.events = EPOLLOUT, .data.ptr = &pair->server};
        pair->server.events = EPOLLOUT;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &client);
        epoll_ctl(epoll, EPOLL_CTL_ADD, pair->server.fd, &server);
    }
}

static int open_listener(int port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    const int on = 1;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, 4096) < 0) {
        perror("listen");
        exit(1);
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    return listener;
}

static void set_target(const char *host, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&target;
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        exit(2);
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    target_size = sizeof(*v4);
}

int main(int argc, char **argv)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    if (argc != 4)
        return 2;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    set_target(argv[2], atoi(argv[3]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = open_listener(atoi(argv[1]));
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr)
                on_accept(listener);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        while (dead) {
            struct pair *pair = dead;
            dead = pair->next_dead;
            free(pair);
        }
    }
}
