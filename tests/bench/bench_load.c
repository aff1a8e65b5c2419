/* Client and server of the relay benchmark: one thread each, epoll, plain sockets.
 *
 *   bench_load serve PORT
 *   bench_load up|down HOST PORT STREAMS SECONDS     -> Gbit/s
 *   bench_load rtt HOST PORT BYTES SECONDS           -> p50 and p99 in us
 *   bench_load rate HOST PORT AT_A_TIME SECONDS      -> new connections per second
 *   bench_load wide HOST PORT CONNECTIONS SECONDS    -> requests per second, round-robin
 *   bench_load hold HOST PORT CONNECTIONS            -> keeps them open until stdin ends
 *
 * A connection's first byte tells the server what it is for: u discard, d endless source, e echo.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 * 1024, EVENTS = 256, WARM_UP_US = 500000 };

static char buffer[BUFFER_BYTES];
static struct sockaddr_storage target;
static socklen_t target_size;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void set_target(const char *host, const char *port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&target;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target;
    uint16_t number = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = number;
        target_size = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = number;
        target_size = sizeof(*v6);
    } else {
        exit(2);
    }
}

static int open_connection(char purpose)
{
    const int on = 1;
    int fd = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&target, target_size) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (write(fd, &purpose, 1) != 1)
        die("write");
    return fd;
}

static void watch(int epoll, int operation, int fd, uint32_t events, char purpose)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)(unsigned char)purpose << 32 | (uint32_t)fd};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl");
}

/* Server */

static void serve_new(int epoll, int listener)
{
    const int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
}

static int serve_one(int epoll, int fd, char purpose)
{
    if (purpose == 'd')
        return send(fd, buffer, BUFFER_BYTES, MSG_NOSIGNAL) < 0 && errno != EAGAIN ? -1 : 0;
    if (!purpose) {
        ssize_t got = recv(fd, &purpose, 1, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? 0 : -1;
        watch(epoll, EPOLL_CTL_MOD, fd, purpose == 'd' ? EPOLLOUT : EPOLLIN, purpose);
    }
    ssize_t got = recv(fd, buffer, BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got > 0 && purpose == 'e')
        return send(fd, buffer, (size_t)got, MSG_NOSIGNAL) < 0 ? -1 : 0;
    return got > 0 ? 0 : -1;
}

static void serve(const char *port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
    const int on = 1;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(listener, 4096) < 0)
        die("listen");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, 'L');
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = (int)(uint32_t)events[i].data.u64;
            char purpose = (char)(events[i].data.u64 >> 32);
            if (purpose == 'L')
                serve_new(epoll, listener);
            else if (serve_one(epoll, fd, purpose) < 0)
                close(fd);
        }
    }
}

/* Client */

static void bulk(char purpose, int streams, double seconds)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < streams; i++) {
        int fd = open_connection(purpose);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        watch(epoll, EPOLL_CTL_ADD, fd, purpose == 'u' ? EPOLLOUT : EPOLLIN, purpose);
    }
    uint64_t start = now_us() + WARM_UP_US;
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    uint64_t bytes = 0;
    uint64_t now = now_us();
    while (now < end) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            int fd = (int)(uint32_t)events[i].data.u64;
            ssize_t moved = purpose == 'u' ? send(fd, buffer, BUFFER_BYTES, MSG_NOSIGNAL)
                                           : recv(fd, buffer, BUFFER_BYTES, 0);
            if (moved == 0 || (moved < 0 && errno != EAGAIN))
                die("bulk");
            if (moved > 0 && now >= start)
                bytes += (uint64_t)moved;
        }
        now = now_us();
    }
    printf("%.3f Gbit/s\n", (double)bytes * 8 / (seconds * 1e9));
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void exchange(int fd, size_t size)
{
    if (send(fd, buffer, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("send");
    if (recv(fd, buffer, size, MSG_WAITALL) != (ssize_t)size)
        die("recv");
}

static void rtt(size_t size, double seconds)
{
    enum { SAMPLES = 2000000 };
    uint32_t *samples = calloc(SAMPLES, sizeof(*samples));
    size_t count = 0;
    int fd = open_connection('e');
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);
    for (uint64_t before = now_us(); before < end && count < SAMPLES;) {
        exchange(fd, size);
        uint64_t after = now_us();
        samples[count++] = (uint32_t)(after - before);
        before = after;
    }
    qsort(samples, count, sizeof(*samples), compare);
    printf("%u us p50 %u us p99\n", samples[count / 2], samples[count * 99 / 100]);
    free(samples);
}

/* Each connection: connect, ask for an echo of one byte, get it, reset (so that no TIME_WAIT eats
 * the ports). */
static void start_connection(int epoll)
{
    int fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&target, target_size) < 0 && errno != EINPROGRESS)
        die("connect");
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLOUT, 'c');
}

static void rate(int at_a_time, double seconds)
{
    const struct linger reset = {.l_onoff = 1};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t done = 0;
    for (int i = 0; i < at_a_time; i++)
        start_connection(epoll);
    uint64_t start = now_us();
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    while (now_us() < end) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            int fd = (int)(uint32_t)events[i].data.u64;
            char purpose = (char)(events[i].data.u64 >> 32);
            if (purpose == 'c') {
                if (send(fd, "eX", 2, MSG_NOSIGNAL) != 2)
                    die("send");
                watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, 'r');
                continue;
            }
            if (recv(fd, buffer, 1, 0) != 1)
                die("recv");
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            close(fd);
            done++;
            start_connection(epoll);
        }
    }
    printf("%.0f connections/s\n", (double)done / seconds);
}

static int *open_many(int count)
{
    int *fds = calloc((size_t)count, sizeof(*fds));
    for (int i = 0; i < count; i++) {
        fds[i] = open_connection('e');
        exchange(fds[i], 1);
    }
    return fds;
}

static void wide(int connections, double seconds)
{
    int *fds = open_many(connections);
    uint64_t done = 0;
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);
    while (now_us() < end)
        for (int i = 0; i < connections; i += 64) {
            int last = i + 64 < connections ? i + 64 : connections;
            for (int j = i; j < last; j++)
                if (send(fds[j], buffer, 100, MSG_NOSIGNAL) != 100)
                    die("send");
            for (int j = i; j < last; j++, done++)
                if (recv(fds[j], buffer, 100, MSG_WAITALL) != 100)
                    die("recv");
        }
    printf("%.0f requests/s\n", (double)done / seconds);
    free(fds);
}

static void hold(int connections)
{
    int *fds = open_many(connections);
    printf("holding %d\n", connections);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    free(fds);
}

int main(int argc, char **argv)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    if (argc < 5)
        return 2;
    set_target(argv[2], argv[3]);
    double seconds = argc > 5 ? atof(argv[5]) : 0;
    if (strcmp(argv[1], "up") == 0 || strcmp(argv[1], "down") == 0)
        bulk(argv[1][0], atoi(argv[4]), seconds);
    else if (strcmp(argv[1], "rtt") == 0)
        rtt((size_t)atoi(argv[4]), seconds);
    else if (strcmp(argv[1], "rate") == 0)
        rate(atoi(argv[4]), seconds);
    else if (strcmp(argv[1], "wide") == 0)
        wide(atoi(argv[4]), seconds);
    else if (strcmp(argv[1], "hold") == 0)
        hold(atoi(argv[4]));
    else
        return 2;
    return 0;
}
