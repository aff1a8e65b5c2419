/* What Atlantic's datagrams are measured against: a relay between kernel sockets that reads and
 * writes as many at a time as there are. One known target, one socket for each client.
 *
 *   plain_udp_relay LISTEN_PORT HOST PORT */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, DATAGRAM_MAX = 2048, CLIENTS = 64, SOCKET_BYTES = 4 * 1024 * 1024 };

struct client {
    struct sockaddr_in from;
    int fd; /* towards the target */
};

static uint8_t data[BATCH][DATAGRAM_MAX];
static struct iovec parts[BATCH];
static struct sockaddr_in names[BATCH];
static struct mmsghdr messages[BATCH];
static struct client clients[CLIENTS];
static struct sockaddr_in target = {.sin_family = AF_INET};
static int epoll, listener;

static int open_socket(void)
{
    const int bytes = SOCKET_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    return fd;
}

static void watch(int fd, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static struct client *client_of(const struct sockaddr_in *from)
{
    struct client *client = &clients[ntohs(from->sin_port) % CLIENTS];
    if (memcmp(&client->from, from, sizeof(*from)) == 0)
        return client;
    if (client->fd > 0)
        close(client->fd);
    client->from = *from;
    client->fd = open_socket();
    connect(client->fd, (struct sockaddr *)&target, sizeof(target));
    watch(client->fd, (uint32_t)(client - clients));
    return client;
}

static int receive(int fd)
{
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){data[i], DATAGRAM_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_name = &names[i],
                                              .msg_namelen = sizeof(names[i])};
    }
    int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        parts[i].iov_len = messages[i].msg_len;
    return count;
}

static void pass_up(void)
{
    int count = receive(listener);
    for (int first = 0, last; first < count; first = last) {
        struct client *client = client_of(&names[first]);
        for (last = first; last < count && memcmp(&names[last], &names[first], sizeof(*names)) == 0;
             last++)
            messages[last].msg_hdr.msg_name = NULL;
        sendmmsg(client->fd, messages + first, (unsigned)(last - first), MSG_DONTWAIT);
    }
}

static void pass_down(struct client *client)
{
    int count = receive(client->fd);
    for (int i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_name = &client->from;
        messages[i].msg_hdr.msg_namelen = sizeof(client->from);
    }
    if (count > 0)
        sendmmsg(listener, messages, (unsigned)count, MSG_DONTWAIT);
}

int main(int argc, char **argv)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    if (argc != 4 || inet_pton(AF_INET, argv[2], &target.sin_addr) != 1)
        return 2;
    target.sin_port = htons((uint16_t)atoi(argv[3]));
    any.sin_port = htons((uint16_t)atoi(argv[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = open_socket();
    if (bind(listener, (struct sockaddr *)&any, sizeof(any)) < 0) {
        perror("bind");
        return 1;
    }
    watch(listener, CLIENTS);
    for (;;) {
        struct epoll_event events[CLIENTS + 1];
        int count = epoll_wait(epoll, events, CLIENTS + 1, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == CLIENTS)
                pass_up();
            else
                pass_down(&clients[events[i].data.u32]);
        }
    }
}
