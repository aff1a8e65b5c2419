/* The far end: discards, floods, echoes, over TCP and UDP on one port. Several processes share it,
 * so that each stays below its limit of open files. */
#include "gro.h"
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LISTENER = 'L', DATAGRAMS = 'D', UDP_SOCKET_BYTES = 8 * 1024 * 1024, UDP_TURN = 64 };

static volatile uint64_t *discarded; /* datagrams, by all processes */

static void accept_one(int epoll, int listener)
{
    const int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    load_watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
}

static int tell_count(int fd)
{
    char text[LOAD_COUNT_DIGITS + 1];
    snprintf(text, sizeof(text), "%020llu", (unsigned long long)*discarded);
    send(fd, text, LOAD_COUNT_DIGITS, MSG_NOSIGNAL);
    return -1;
}

static int serve_stream(int epoll, int fd, char purpose)
{
    if (purpose == LOAD_SOURCE)
        return send(fd, load_buffer, LOAD_BUFFER_BYTES, MSG_NOSIGNAL) < 0 && errno != EAGAIN ? -1
                                                                                             : 0;
    if (!purpose) {
        ssize_t got = recv(fd, &purpose, 1, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? 0 : -1;
        if (purpose == LOAD_COUNT)
            return tell_count(fd);
        load_watch(epoll, EPOLL_CTL_MOD, fd, purpose == LOAD_SOURCE ? EPOLLOUT : EPOLLIN, purpose);
    }
    ssize_t got = recv(fd, load_buffer, LOAD_BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got > 0 && purpose == LOAD_ECHO)
        return send(fd, load_buffer, (size_t)got, MSG_NOSIGNAL) < 0 ? -1 : 0;
    return got > 0 ? 0 : -1;
}

/* "d SIZE PER_SECOND MILLISECONDS": a flood back, from this very address. */
static void flood(int fd, const char *order, const struct sockaddr_storage *to, socklen_t to_size)
{
    unsigned long long size, per_second, duration_ms;
    if (sscanf(order, "d %llu %llu %llu", &size, &per_second, &duration_ms) != 3 || fork() != 0)
        return;
    uint64_t start = load_now_us();
    uint64_t total = per_second * duration_ms / 1000;
    for (uint64_t i = 0; i < total; i++) {
        load_pace(start, i, (double)per_second);
        memcpy(load_buffer, &i, sizeof(i));
        sendto(fd, load_buffer, size, 0, (const struct sockaddr *)to, to_size);
    }
    _exit(0);
}

static void serve_datagrams(int fd)
{
    for (int i = 0; i < UDP_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t from_size;
        size_t each;
        ssize_t size = gro_receive(fd, load_buffer, LOAD_BUFFER_BYTES, &from, &from_size, &each);
        if (size < 0)
            return;
        /* What came together is counted apart. */
        uint64_t count = each > 0 ? ((uint64_t)size + each - 1) / each : 1;
        if (load_buffer[0] == LOAD_DISCARD)
            __atomic_add_fetch(discarded, count, __ATOMIC_RELAXED);
        else if (load_buffer[0] == LOAD_ECHO)
            sendto(fd, load_buffer, (size_t)size, 0, (struct sockaddr *)&from, from_size);
        else if (load_buffer[0] == LOAD_SOURCE) {
            load_buffer[size] = 0;
            flood(fd, load_buffer, &from, from_size);
        }
    }
}

static int open_port(int kind)
{
    const int on = 1;
    const int bytes = UDP_SOCKET_BYTES;
    int fd = socket(load_target.ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (kind == SOCK_DGRAM) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
        gro_enable(fd);
    }
    if (bind(fd, (struct sockaddr *)&load_target, load_target_size) < 0 ||
        (kind == SOCK_STREAM && listen(fd, 4096) < 0))
        load_die("listen");
    return fd;
}

void load_serve(int processes)
{
    discarded =
        mmap(NULL, sizeof(*discarded), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGCHLD, SIG_IGN);
    for (int i = 1; i < processes; i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            break;
        }
    int epoll = load_epoll();
    load_watch(epoll, EPOLL_CTL_ADD, open_port(SOCK_STREAM), EPOLLIN, LISTENER);
    load_watch(epoll, EPOLL_CTL_ADD, open_port(SOCK_DGRAM), EPOLLIN, DATAGRAMS);
    for (;;) {
        struct epoll_event events[LOAD_EVENTS];
        int count = epoll_wait(epoll, events, LOAD_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = load_event_fd(events[i].data.u64);
            char purpose = load_event_purpose(events[i].data.u64);
            if (purpose == LISTENER)
                accept_one(epoll, fd);
            else if (purpose == DATAGRAMS)
                serve_datagrams(fd);
            else if (serve_stream(epoll, fd, purpose) < 0)
                close(fd);
        }
    }
}

void load_count(void)
{
    char text[LOAD_COUNT_DIGITS + 1] = "";
    int fd = load_connect(LOAD_COUNT);
    if (recv(fd, text, LOAD_COUNT_DIGITS, MSG_WAITALL) != LOAD_COUNT_DIGITS)
        load_die("count");
    close(fd);
    printf("count=%llu\n", strtoull(text, NULL, 10));
}
