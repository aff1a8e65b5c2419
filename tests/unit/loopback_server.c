#include "loopback_server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

void loopback_hang_up(struct loopback_peer *peer)
{
    watch_close(peer->watch);
    close(peer->fd);
    list_remove(&peer->node);
    free(peer);
}

void loopback_server_hang_up(struct loopback_server *server)
{
    list_each(node, &server->peers)
        loopback_hang_up(list_item(node, struct loopback_peer, node));
}

void loopback_say(struct loopback_peer *peer, const void *data, size_t size)
{
    ssize_t sent = send(peer->fd, data, size, MSG_NOSIGNAL);
    if (sent >= 0)
        assert_int_equal(sent, size); /* less than 0: they have left, which on_bytes will hear */
}

void loopback_use_up(struct loopback_peer *peer, size_t size)
{
    assert_true(size <= peer->size);
    peer->size -= size;
    memmove(peer->got, peer->got + size, peer->size);
}

struct loopback_peer *loopback_newest(struct loopback_server *server)
{
    assert_false(list_is_empty(&server->peers));
    return list_item(server->peers.prev, struct loopback_peer, node);
}

static void on_readable(void *owner, int events, int err)
{
    struct loopback_peer *peer = owner;
    ssize_t size = recv(peer->fd, peer->got + peer->size, sizeof(peer->got) - peer->size, 0);

    (void)events;
    (void)err;
    if (size > 0) {
        peer->size += (size_t)size;
    } else {
        peer->has_ended = true;
        watch_set(peer->watch, 0);
    }
    if (peer->server->on_bytes)
        peer->server->on_bytes(peer);
}

static void on_connection(void *owner, int events, int err)
{
    struct loopback_server *server = owner;
    struct loopback_peer *peer = calloc(1, sizeof(*peer));

    (void)events;
    (void)err;
    peer->server = server;
    peer->fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(peer->fd >= 0);
    list_append(&server->peers, &peer->node);
    server->accepted++;
    assert_int_equal(watch_open(server->loop, peer->fd, on_readable, peer, &peer->watch), 0);
    watch_set(peer->watch, WATCH_READ);
}

static int bind_loopback(struct address *ret)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    getsockname(fd, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, ret);
    return fd;
}

int loopback_nobody(struct address *ret)
{
    return bind_loopback(ret);
}

void loopback_server_open(struct loopback_server *server, struct loop *loop, loopback_fn *on_bytes,
                          void *owner)
{
    *server = (struct loopback_server){.loop = loop, .on_bytes = on_bytes, .owner = owner};
    list_init(&server->peers);
    server->listener = bind_loopback(&server->address);
    assert_int_equal(listen(server->listener, 32), 0);
    assert_int_equal(watch_open(loop, server->listener, on_connection, server, &server->listening),
                     0);
    watch_set(server->listening, WATCH_READ);
}

void loopback_server_close(struct loopback_server *server)
{
    loopback_server_hang_up(server);
    watch_close(server->listening);
    close(server->listener);
}

void loopback_echo(struct loopback_peer *peer)
{
    if (peer->size > 0)
        loopback_say(peer, peer->got, peer->size);
    loopback_use_up(peer, peer->size);
    if (peer->has_ended)
        shutdown(peer->fd, SHUT_WR);
}

void loopback_slam(struct loopback_peer *peer)
{
    loopback_hang_up(peer);
}

/* The size of a request with an address of any type, RFC 1928 sec. 4; 0 for not yet. */
static size_t request_size(const struct loopback_peer *peer)
{
    size_t size;
    if (peer->size < 5)
        return 0;
    size = peer->got[3] == 1 ? 10 : peer->got[3] == 4 ? 22 : 7u + peer->got[4];
    return peer->size >= size ? size : 0;
}

bool loopback_socks5_greet(struct loopback_peer *peer)
{
    uint8_t choice[] = {5, 0};
    uint8_t reply[] = {5, *(const uint8_t *)peer->server->owner, 0, 1, 0, 0, 0, 0, 0, 0};

    if (peer->step == 0 && peer->size >= 2 && peer->size >= 2u + peer->got[1]) {
        loopback_use_up(peer, 2u + peer->got[1]);
        loopback_say(peer, choice, sizeof(choice));
        peer->step = 1;
    }
    if (peer->step == 1 && request_size(peer) > 0) {
        loopback_use_up(peer, request_size(peer));
        loopback_say(peer, reply, sizeof(reply));
        peer->step = 2;
    }
    return peer->step == 2;
}

void loopback_socks5(struct loopback_peer *peer)
{
    if (loopback_socks5_greet(peer))
        loopback_echo(peer);
}
