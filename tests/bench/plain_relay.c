/* What Atlantic is measured against: the simplest good transparent relay between two kernel
 * sockets. Connections are sent here by a REDIRECT rule; it asks for their true target, goes there,
 * straight or through the same SOCKS5 upstream, and relays (relay_pair.c).
 *
 *   plain_relay LISTEN_PORT MARK [SOCKS_HOST SOCKS_PORT]
 *
 * Its own connections carry MARK, by which the rule lets them pass. */
#include "relay_pair.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { GREETING_BYTES = 3, CHOICE_BYTES = 2, REQUEST_BYTES = 10, REPLY_BYTES = 10 };

static struct sockaddr_in upstream;
static int mark;

/* A message of the upstream's arrives in one piece, or is waited for in the kernel. */
static int take(struct relay_side *side, uint8_t *message, size_t size)
{
    ssize_t got = recv(side->source.fd, message, size, MSG_PEEK);
    if (got == 0)
        return -1;
    if (got < (ssize_t)size)
        return 0;
    return recv(side->source.fd, message, size, 0) == (ssize_t)size ? 1 : -1;
}

static int say(struct relay_side *side, const void *message, size_t size)
{
    return send(side->source.fd, message, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

/* RFC 1928 */
static int await_reply(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    uint8_t reply[REPLY_BYTES];
    (void)events;
    int result = take(side, reply, sizeof(reply));
    (void)pair;
    return result == 1 && reply[1] != 0 ? -1 : result;
}

static int await_choice(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    uint8_t choice[CHOICE_BYTES];
    uint8_t request[REQUEST_BYTES] = {5, 1, 0, 1};
    (void)events;
    int result = take(side, choice, sizeof(choice));
    if (result <= 0)
        return result;
    memcpy(request + 4, &pair->target.sin_addr, 4);
    memcpy(request + 8, &pair->target.sin_port, 2);
    pair->step = await_reply;
    return choice[1] == 0 ? say(side, request, sizeof(request)) : -1;
}

static int await_connected(struct relay_pair *pair, struct relay_side *side, uint32_t events)
{
    static const uint8_t greeting[GREETING_BYTES] = {5, 1, 0};
    if (events & (EPOLLERR | EPOLLHUP))
        return -1;
    if (!upstream.sin_port)
        return 1;
    relay_watch(&side->source, EPOLLIN);
    pair->step = await_choice;
    return say(side, greeting, sizeof(greeting));
}

static void on_accept(int fd)
{
    struct relay_pair *pair = relay_pair_new(fd, await_connected);
    socklen_t size = sizeof(pair->target);
    if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &pair->target, &size) < 0 ||
        relay_connect(&pair->server, upstream.sin_port ? &upstream : &pair->target, mark) < 0)
        relay_pair_kill(pair);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        return 2;
    mark = atoi(argv[2]);
    if (argc == 5) {
        upstream.sin_family = AF_INET;
        upstream.sin_port = htons((uint16_t)atoi(argv[4]));
        if (inet_pton(AF_INET, argv[3], &upstream.sin_addr) != 1)
            return 2;
    }
    relay_loop_init();
    relay_listen(atoi(argv[1]), on_accept);
    relay_loop_run();
    return 0;
}
