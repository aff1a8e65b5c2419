#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

char load_buffer[LOAD_BUFFER_BYTES];
struct sockaddr_storage load_target;
socklen_t load_target_size;

void load_die(const char *what)
{
    perror(what);
    exit(1);
}

uint64_t load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void load_set_target(const char *host, const char *port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&load_target;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&load_target;
    uint16_t number = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = number;
        load_target_size = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = number;
        load_target_size = sizeof(*v6);
    } else {
        exit(2);
    }
}

void load_pace(uint64_t start_us, uint64_t n, double rate)
{
    uint64_t due_us = start_us + (uint64_t)((double)n / rate * 1e6);
    uint64_t now_us = load_now_us();
    if (now_us < due_us)
        usleep((useconds_t)(due_us - now_us));
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

void load_sort(uint32_t *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
}

int load_epoll(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        load_die("epoll");
    return epoll;
}

void load_watch(int epoll, int operation, int fd, uint32_t events, char purpose)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)(unsigned char)purpose << 32 | (uint32_t)fd};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        load_die("epoll_ctl");
}

int load_event_fd(uint64_t data)
{
    return (int)(uint32_t)data;
}

char load_event_purpose(uint64_t data)
{
    return (char)(data >> 32);
}

int load_connect(char purpose)
{
    const int on = 1;
    int fd = socket(load_target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&load_target, load_target_size) < 0)
        load_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (write(fd, &purpose, 1) != 1)
        load_die("write");
    return fd;
}

void load_exchange(int fd, size_t size)
{
    if (send(fd, load_buffer, size, MSG_NOSIGNAL) != (ssize_t)size)
        load_die("send");
    if (recv(fd, load_buffer, size, MSG_WAITALL) != (ssize_t)size)
        load_die("recv");
}
