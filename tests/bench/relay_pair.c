#include "relay_pair.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, EVENTS = 256, ROUNDS = 8 };

struct listener {
    struct source source;
    relay_accept_fn *on_accept;
};

static char buffer[BUFFER_BYTES];
static int epoll;
static struct relay_pair *dead;

void relay_watch(struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (events == source->events)
        return;
    int operation = source->events ? events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL : EPOLL_CTL_ADD;
    epoll_ctl(epoll, operation, source->fd, &event);
    source->events = events;
}

void relay_forget(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

static struct relay_side *other(struct relay_side *side)
{
    return side == &side->pair->client ? &side->pair->server : &side->pair->client;
}

static void update(struct relay_side *side)
{
    bool reads = !side->is_eof && !other(side)->kept;
    relay_watch(&side->source,
                (reads ? (uint32_t)EPOLLIN : 0) | (side->kept ? (uint32_t)EPOLLOUT : 0));
}

void relay_pair_kill(struct relay_pair *pair)
{
    if (pair->is_dead)
        return;
    pair->is_dead = true;
    relay_forget(&pair->client.source);
    relay_forget(&pair->server.source);
    free(pair->client.kept);
    free(pair->server.kept);
    pair->next_dead = dead;
    dead = pair;
}

static void keep(struct relay_side *side, const char *data, size_t size)
{
    side->kept = malloc(size);
    memcpy(side->kept, data, size);
    side->kept_at = 0;
    side->kept_size = size;
}

static int flush(struct relay_side *side)
{
    ssize_t sent = send(side->source.fd, side->kept + side->kept_at,
                        side->kept_size - side->kept_at, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    side->kept_at += (size_t)sent;
    if (side->kept_at == side->kept_size) {
        free(side->kept);
        side->kept = NULL;
    }
    return 0;
}

static int pump(struct relay_side *from)
{
    struct relay_side *to = other(from);
    for (int i = 0; i < ROUNDS && !to->kept && !from->is_eof; i++) {
        ssize_t got = recv(from->source.fd, buffer, BUFFER_BYTES, 0);
        if (got < 0)
            return errno == EAGAIN ? 0 : -1;
        if (got == 0) {
            from->is_eof = true;
            break;
        }
        ssize_t sent = send(to->source.fd, buffer, (size_t)got, MSG_NOSIGNAL);
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

static void pass_end(struct relay_side *from)
{
    struct relay_side *to = other(from);
    if (from->is_eof && !to->kept && !to->is_shut) {
        shutdown(to->source.fd, SHUT_WR);
        to->is_shut = true;
    }
}

static void relay(struct relay_side *side, uint32_t events)
{
    struct relay_pair *pair = side->pair;
    int err = 0;
    if (side->kept && (events & EPOLLOUT))
        err = flush(side);
    if (err == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        err = pump(side);
    pass_end(&pair->client);
    pass_end(&pair->server);
    if (err < 0 || (pair->client.is_shut && pair->server.is_shut)) {
        relay_pair_kill(pair);
        return;
    }
    update(&pair->client);
    update(&pair->server);
}

static void on_side(struct source *source, uint32_t events)
{
    struct relay_side *side = (struct relay_side *)source;
    struct relay_pair *pair = side->pair;
    if (pair->is_dead)
        return;
    if (!pair->step) {
        relay(side, events);
        return;
    }
    int result = pair->step(pair, side, events);
    if (result < 0)
        relay_pair_kill(pair);
    if (result <= 0)
        return;
    pair->step = NULL;
    update(&pair->client);
    update(&pair->server);
}

struct relay_pair *relay_pair_new(int client_fd, relay_step_fn *step)
{
    const int on = 1;
    struct relay_pair *pair = calloc(1, sizeof(*pair));
    pair->client.source = (struct source){.on_ready = on_side, .fd = client_fd};
    pair->server.source = (struct source){.on_ready = on_side, .fd = -1};
    pair->client.pair = pair->server.pair = pair;
    pair->step = step;
    setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return pair;
}

int relay_connect(struct relay_side *side, const struct sockaddr_in *to, int mark)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    side->source.fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (mark)
        setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
        return -1;
    relay_watch(&side->source, EPOLLOUT);
    return 0;
}

static void on_knock(struct source *source, uint32_t events)
{
    struct listener *listener = (struct listener *)source;
    (void)events;
    for (;;) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        listener->on_accept(fd);
    }
}

void relay_listen(int port, relay_accept_fn *on_accept)
{
    static struct listener listener;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 4096) < 0) {
        perror("listen");
        exit(1);
    }
    listener.source = (struct source){.on_ready = on_knock, .fd = fd};
    listener.on_accept = on_accept;
    relay_watch(&listener.source, EPOLLIN);
}

void relay_loop_init(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(EPOLL_CLOEXEC);
}

void relay_loop_run(void)
{
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            source->on_ready(source, events[i].events);
        }
        while (dead) {
            struct relay_pair *pair = dead;
            dead = pair->next_dead;
            if (pair->on_dead)
                pair->on_dead(pair);
            free(pair);
        }
    }
}
