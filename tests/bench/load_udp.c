#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    SEGMENTS = 60,
    TAIL_MS = 500, /* for what is on its way when the last datagram was sent */
    FLOW_TIMEOUT_US = 1000000,
    SOCKET_BYTES = 8 * 1024 * 1024,
    HOLD_AT_A_TIME = 64,
};

static int open_socket(void)
{
    int fd = socket(load_target.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&load_target, load_target_size) < 0)
        load_die("socket");
    return fd;
}

static void wait_writable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    poll(&wait, 1, 100);
}

/* A datagram that does not fit the socket's buffer waits, as any sender's does. */
static void send_one(int fd, size_t size)
{
    while (send(fd, load_buffer, size, 0) < 0) {
        if (errno != EAGAIN && errno != ENOBUFS)
            return;
        wait_writable(fd);
    }
}

void load_udp_up(size_t size, double per_second, double seconds)
{
    uint64_t count = (uint64_t)(per_second * seconds);
    int fd = open_socket();
    load_buffer[0] = LOAD_DISCARD;
    uint64_t start = load_now_us();
    for (uint64_t i = 0; i < count; i++) {
        load_pace(start, i, per_second);
        send_one(fd, size);
    }
    printf("sent=%llu seconds=%.3f\n", (unsigned long long)count,
           (double)(load_now_us() - start) / 1e6);
}

void load_udp_down(size_t size, double per_second, double seconds)
{
    const int bytes = SOCKET_BYTES;
    struct pollfd wait = {.fd = open_socket(), .events = POLLIN};
    uint64_t got = 0;
    setsockopt(wait.fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    int order = snprintf(load_buffer, 128, "%c %zu %.0f %.0f", LOAD_SOURCE, size, per_second,
                         seconds * 1000);
    send(wait.fd, load_buffer, (size_t)order, 0);
    while (poll(&wait, 1, TAIL_MS) > 0)
        while (recv(wait.fd, load_buffer, LOAD_BUFFER_BYTES, 0) > 0)
            got++;
    printf("sent=%.0f got=%llu\n", per_second * seconds, (unsigned long long)got);
}

/* A question from a socket of its own, as resolvers ask. */
struct query {
    int fd;
    uint64_t sent_us;
};

static void ask(int epoll, struct query *query, int index)
{
    query->fd = open_socket();
    query->sent_us = load_now_us();
    send(query->fd, "e", 1, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, query->fd, &event) < 0)
        load_die("epoll_ctl");
}

void load_udp_flows(int at_a_time, double seconds)
{
    struct query *queries = calloc((size_t)at_a_time, sizeof(*queries));
    uint64_t answered = 0;
    uint64_t lost = 0;
    int epoll = load_epoll();
    for (int i = 0; i < at_a_time; i++)
        ask(epoll, &queries[i], i);
    uint64_t end = load_now_us() + (uint64_t)(seconds * 1e6);
    for (uint64_t now = load_now_us(); now < end; now = load_now_us()) {
        struct epoll_event events[LOAD_EVENTS];
        int count = epoll_wait(epoll, events, LOAD_EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct query *query = &queries[events[i].data.u32];
            bool is_answer = recv(query->fd, load_buffer, LOAD_BUFFER_BYTES, 0) > 0;
            answered += is_answer;
            lost += !is_answer;
            close(query->fd);
            ask(epoll, query, (int)events[i].data.u32);
        }
        for (int i = 0; count == 0 && i < at_a_time; i++)
            if (now - queries[i].sent_us > FLOW_TIMEOUT_US) {
                lost++;
                close(queries[i].fd);
                ask(epoll, &queries[i], i);
            }
    }
    printf("rate=%.0f count=%llu lost=%llu\n", (double)answered / seconds,
           (unsigned long long)answered, (unsigned long long)lost);
    free(queries);
}

static bool is_answered(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 1000) > 0 && recv(fd, load_buffer, LOAD_BUFFER_BYTES, 0) > 0;
}

/* All open at the same time; then every one is asked once more. */
void load_udp_hold(int flows)
{
    int *fds = calloc((size_t)flows, sizeof(*fds));
    int opened = 0;
    int again = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < flows; i += HOLD_AT_A_TIME) {
            int last = i + HOLD_AT_A_TIME < flows ? i + HOLD_AT_A_TIME : flows;
            for (int j = i; j < last; j++) {
                fds[j] = pass ? fds[j] : open_socket();
                send(fds[j], "e", 1, 0);
            }
            for (int j = i; j < last; j++)
                *(pass ? &again : &opened) += is_answered(fds[j]);
        }
    printf("count=%d answered=%d again=%d\n", flows, opened, again);
    free(fds);
}

/* As fast as the sender can, many datagrams in one send: the kernel cuts them as late as it may. */
void load_udp_segments(size_t size, double seconds)
{
    const int each = (int)size;
    int fd = open_socket();
    uint64_t sends = 0;
    if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &each, sizeof(each)) < 0)
        load_die("UDP_SEGMENT");
    memset(load_buffer, LOAD_DISCARD, size * SEGMENTS);
    uint64_t start = load_now_us();
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    while (load_now_us() < end) {
        if (send(fd, load_buffer, size * SEGMENTS, 0) > 0)
            sends++;
        else
            wait_writable(fd);
    }
    printf("sends=%llu sent=%llu seconds=%.3f\n", (unsigned long long)sends,
           (unsigned long long)sends * SEGMENTS, (double)(load_now_us() - start) / 1e6);
}
