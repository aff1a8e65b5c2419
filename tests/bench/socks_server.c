/* The SOCKS5 upstream of the benchmarks: CONNECT and UDP ASSOCIATE to IPv4 addresses, without
 * login, fast enough not to be what is measured. Several processes share the port, so that each
 * stays below its limit of open files.
 *
 *   socks_server PORT PROCESSES */
#include "relay_pair.h"
#include "socks_udp.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 512, REQUEST_BYTES = 10, COMMAND_CONNECT = 1, COMMAND_ASSOCIATE = 3 };

static void write_reply(uint8_t *reply, uint8_t status, const struct sockaddr_in *bound)
{
    memcpy(reply, (uint8_t[]){5, status, 0, 1}, 4);
    memcpy(reply + 4, &bound->sin_addr, 4);
    memcpy(reply + 8, &bound->sin_port, 2);
}

static int answer(struct relay_side *client, uint8_t status, const struct sockaddr_in *bound)
{
    uint8_t reply[REQUEST_BYTES];
    write_reply(reply, status, bound);
    return send(client->source.fd, reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) ? 0 : -1;
}

/* The control connection says nothing more; its end is the association's. */
static int await_end(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    uint8_t byte;
    (void)pair;
    (void)events;
    return recv(side->source.fd, &byte, 1, MSG_DONTWAIT) == 1 ? 0 : -1;
}

static void end_association(struct relay_pair *pair)
{
    socks_udp_close(pair->owner);
}

static int associate(struct relay_pair *pair)
{
    struct sockaddr_in bound = {0};
    socklen_t size = sizeof(bound);
    if (getsockname(pair->client.source.fd, (struct sockaddr *)&bound, &size) < 0)
        return -1;
    pair->owner = socks_udp_open(&bound);
    if (!pair->owner)
        return -1;
    pair->on_dead = end_association;
    pair->step = await_end;
    return answer(&pair->client, 0, &bound);
}

static int await_connected(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    static const struct sockaddr_in nowhere;
    if (side == &pair->client) /* it left, or sends before it may: both can wait */
        return events & (EPOLLERR | EPOLLHUP) ? -1 : 0;
    bool has_failed = events & (EPOLLERR | EPOLLHUP);
    if (answer(&pair->client, has_failed ? 5 : 0, &nowhere) < 0 || has_failed)
        return -1;
    return 1;
}

static int await_request(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    uint8_t request[REQUEST_BYTES];
    (void)events;
    ssize_t got = recv(side->source.fd, request, sizeof(request), MSG_PEEK);
    if (got < REQUEST_BYTES)
        return got == 0 ? -1 : 0;
    recv(side->source.fd, request, sizeof(request), 0);
    if (request[1] == COMMAND_ASSOCIATE)
        return associate(pair);
    if (request[1] != COMMAND_CONNECT || request[3] != 1)
        return -1;
    pair->target.sin_family = AF_INET;
    memcpy(&pair->target.sin_addr, request + 4, 4);
    memcpy(&pair->target.sin_port, request + 8, 2);
    pair->step = await_connected;
    relay_watch(&side->source, 0);
    return relay_connect(&pair->server, &pair->target, 0);
}

static int await_greeting(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    static const uint8_t choice[] = {5, 0};
    uint8_t message[MESSAGE_MAX];
    (void)events;
    ssize_t got = recv(side->source.fd, message, sizeof(message), MSG_PEEK);
    if (got < 2 || got < 2 + message[1])
        return got == 0 ? -1 : 0;
    recv(side->source.fd, message, 2U + message[1], 0);
    pair->step = await_request;
    return send(side->source.fd, choice, sizeof(choice), MSG_NOSIGNAL) == sizeof(choice) ? 0 : -1;
}

static void on_accept(int fd)
{
    struct relay_pair *pair = relay_pair_new(fd, await_greeting);
    relay_watch(&pair->client.source, EPOLLIN);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    for (int i = 1; i < atoi(argv[2]); i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            break;
        }
    relay_loop_init();
    relay_listen(atoi(argv[1]), on_accept);
    relay_loop_run();
    return 0;
}
