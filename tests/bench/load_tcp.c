#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AT_A_TIME = 64 };

void load_tcp_bulk(char purpose, int streams, double seconds)
{
    int epoll = load_epoll();
    for (int i = 0; i < streams; i++) {
        int fd = load_connect(purpose);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        load_watch(epoll, EPOLL_CTL_ADD, fd, purpose == LOAD_DISCARD ? EPOLLOUT : EPOLLIN, purpose);
    }
    uint64_t start = load_now_us() + LOAD_WARM_UP_US;
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    uint64_t bytes = 0;
    uint64_t total = 0;
    uint64_t now = load_now_us();
    while (now < end) {
        struct epoll_event events[LOAD_EVENTS];
        int count = epoll_wait(epoll, events, LOAD_EVENTS, 100);
        for (int i = 0; i < count; i++) {
            int fd = load_event_fd(events[i].data.u64);
            ssize_t moved = purpose == LOAD_DISCARD
                                ? send(fd, load_buffer, LOAD_BUFFER_BYTES, MSG_NOSIGNAL)
                                : recv(fd, load_buffer, LOAD_BUFFER_BYTES, 0);
            if (moved == 0 || (moved < 0 && errno != EAGAIN))
                load_die("bulk");
            total += moved > 0 ? (uint64_t)moved : 0;
            bytes += moved > 0 && now >= start ? (uint64_t)moved : 0;
        }
        now = load_now_us();
    }
    printf("gbps=%.3f bytes=%llu\n", (double)bytes * 8 / (seconds * 1e9),
           (unsigned long long)total);
}

void load_tcp_rtt(size_t size, double seconds)
{
    enum { SAMPLES = 2000000 };
    uint32_t *samples = calloc(SAMPLES, sizeof(*samples));
    size_t count = 0;
    int fd = load_connect(LOAD_ECHO);
    load_exchange(fd, size);
    uint64_t end = load_now_us() + (uint64_t)(seconds * 1e6);
    for (uint64_t before = load_now_us(); before < end && count < SAMPLES;) {
        load_exchange(fd, size);
        uint64_t after = load_now_us();
        samples[count++] = (uint32_t)(after - before);
        before = after;
    }
    load_sort(samples, count);
    printf("p50=%u p99=%u count=%zu\n", samples[count / 2], samples[count * 99 / 100], count);
    free(samples);
}

/* Each connection: connect, ask for an echo of one byte, get it, reset (so that no TIME_WAIT eats
 * the ports). */
static void start_connection(int epoll)
{
    int fd = socket(load_target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        load_die("socket");
    if (connect(fd, (struct sockaddr *)&load_target, load_target_size) < 0 && errno != EINPROGRESS)
        load_die("connect");
    load_watch(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT, 'c');
}

static bool go_on(int epoll, int fd, char purpose)
{
    const struct linger reset = {.l_onoff = 1};
    if (purpose == 'c') {
        if (send(fd, "eX", 2, MSG_NOSIGNAL) != 2)
            load_die("send");
        load_watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, 'r');
        return false;
    }
    if (recv(fd, load_buffer, 1, 0) != 1)
        load_die("recv");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    start_connection(epoll);
    return true;
}

void load_tcp_rate(int at_a_time, double seconds)
{
    int epoll = load_epoll();
    uint64_t done = 0;
    for (int i = 0; i < at_a_time; i++)
        start_connection(epoll);
    uint64_t end = load_now_us() + (uint64_t)(seconds * 1e6);
    while (load_now_us() < end) {
        struct epoll_event events[LOAD_EVENTS];
        int count = epoll_wait(epoll, events, LOAD_EVENTS, 100);
        for (int i = 0; i < count; i++)
            done += go_on(epoll, load_event_fd(events[i].data.u64),
                          load_event_purpose(events[i].data.u64));
    }
    printf("rate=%.0f count=%llu\n", (double)done / seconds, (unsigned long long)done);
}

static int *open_many(int count)
{
    int *fds = calloc((size_t)count, sizeof(*fds));
    for (int i = 0; i < count; i += AT_A_TIME) {
        int last = i + AT_A_TIME < count ? i + AT_A_TIME : count;
        for (int j = i; j < last; j++)
            fds[j] = load_connect(LOAD_ECHO);
        for (int j = i; j < last; j++)
            load_exchange(fds[j], 1);
    }
    return fds;
}

void load_tcp_wide(int connections, double seconds)
{
    int *fds = open_many(connections);
    uint64_t done = 0;
    uint64_t start = load_now_us();
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    for (int i = 0; load_now_us() < end; i = i + AT_A_TIME < connections ? i + AT_A_TIME : 0) {
        int last = i + AT_A_TIME < connections ? i + AT_A_TIME : connections;
        for (int j = i; j < last; j++)
            if (send(fds[j], load_buffer, 100, MSG_NOSIGNAL) != 100)
                load_die("send");
        for (int j = i; j < last; j++, done++)
            if (recv(fds[j], load_buffer, 100, MSG_WAITALL) != 100)
                load_die("recv");
    }
    printf("rate=%.0f count=%llu\n", (double)done * 1e6 / (double)(load_now_us() - start),
           (unsigned long long)done);
    free(fds);
}

/* One byte a write, evenly: nobody may gather them. */
void load_tcp_drip(double writes_per_second, double seconds)
{
    int fd = load_connect(LOAD_DISCARD);
    uint64_t start = load_now_us();
    uint64_t count = (uint64_t)(writes_per_second * seconds);
    for (uint64_t i = 0; i < count; i++) {
        load_pace(start, i, writes_per_second);
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
            load_die("send");
    }
    printf("rate=%.0f count=%llu\n", (double)count * 1e6 / (double)(load_now_us() - start),
           (unsigned long long)count);
}

/* A word on standard input: are they all still there? Its end: all are closed. */
void load_tcp_hold(int connections)
{
    int *fds = open_many(connections);
    printf("count=%d\n", connections);
    fflush(stdout);
    for (int word = getchar(); word != EOF; word = getchar()) {
        for (int i = 0; i < connections; i++)
            load_exchange(fds[i], 1);
        printf("count=%d\n", connections);
        fflush(stdout);
    }
    free(fds);
}
