#include "https_peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REQUEST_MAX = 8192, SAID_MAX = 128 * 1024 };

struct https_peer {
    struct list node;
    struct https_server *server;
    struct tls_peer *tls;
    struct watch *watch;
    bool is_last;
    size_t got_size, said_size;
    char got[REQUEST_MAX];
    uint8_t said[SAID_MAX];
};

struct https_server *https_peer_server(const struct https_peer *peer)
{
    return peer->server;
}

static void hang_up(struct https_peer *peer)
{
    watch_close(peer->watch);
    tls_peer_free(peer->tls);
    list_remove(&peer->node);
    free(peer);
}

static void flush(struct https_peer *peer)
{
    ssize_t sent = 1;
    while (peer->said_size > 0 && sent > 0) {
        sent = tls_peer_send(peer->tls, peer->said, peer->said_size);
        if (sent > 0) {
            peer->said_size -= (size_t)sent;
            memmove(peer->said, peer->said + sent, peer->said_size);
        } else if (sent < 0) {
            peer->said_size = 0; /* they have left */
        }
    }
    if (peer->is_last && peer->said_size == 0) {
        tls_peer_finish(peer->tls);
        peer->is_last = false;
    }
}

void https_say(struct https_peer *peer, const void *data, size_t size)
{
    assert_true(size <= sizeof(peer->said) - peer->said_size);
    memcpy(peer->said + peer->said_size, data, size);
    peer->said_size += size;
}

void https_finish(struct https_peer *peer)
{
    peer->is_last = true;
}

static size_t length_of(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? strtoul(field + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static void take_requests(struct https_peer *peer)
{
    for (;;) {
        peer->got[peer->got_size] = '\0';
        char *end = memmem(peer->got, peer->got_size, "\r\n\r\n", 4);
        if (!end)
            return;
        end[2] = '\0';
        size_t head = (size_t)(end + 4 - peer->got), body = length_of(peer->got);
        if (peer->got_size < head + body) {
            end[2] = '\r';
            return;
        }
        struct https_request request = {peer->got, (const uint8_t *)end + 4, body};
        peer->server->on_request(peer, &request);
        peer->got_size -= head + body;
        memmove(peer->got, peer->got + head + body, peer->got_size);
    }
}

static void on_readable(void *owner, int events, int err)
{
    struct https_peer *peer = owner;
    ssize_t got;
    (void)events;
    (void)err;
    do {
        size_t room = sizeof(peer->got) - 1 - peer->got_size;
        assert_true(room > 0);
        got = tls_peer_receive(peer->tls, peer->got + peer->got_size, room);
        if (got > 0) {
            peer->got_size += (size_t)got;
            take_requests(peer);
        }
    } while (got > 0);
    flush(peer);
    if (got < 0)
        hang_up(peer);
}

static void on_connection(void *owner, int events, int err)
{
    struct https_server *server = owner;
    struct https_peer *peer = calloc(1, sizeof(*peer));
    int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    (void)events;
    (void)err;
    assert_true(fd >= 0);
    peer->server = server;
    peer->tls = tls_peer_new(fd, &server->tls);
    list_append(&server->peers, &peer->node);
    server->accepted++;
    assert_int_equal(watch_open(server->loop, fd, on_readable, peer, &peer->watch), 0);
    watch_set(peer->watch, WATCH_READ);
}

void https_server_open(struct https_server *server, struct loop *loop,
                       const struct tls_peer_options *tls, https_fn *on_request, void *owner)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(where);
    *server =
        (struct https_server){.loop = loop, .tls = *tls, .on_request = on_request, .owner = owner};
    list_init(&server->peers);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&where, size), 0);
    assert_int_equal(listen(server->listener, 128), 0);
    getsockname(server->listener, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &server->address);
    assert_int_equal(watch_open(loop, server->listener, on_connection, server, &server->watch), 0);
    watch_set(server->watch, WATCH_READ);
}

void https_server_hang_up(struct https_server *server)
{
    list_each(node, &server->peers)
        hang_up(list_item(node, struct https_peer, node));
}

void https_server_close(struct https_server *server)
{
    https_server_hang_up(server);
    watch_close(server->watch);
    close(server->listener);
}

void https_server_flush(struct https_server *server)
{
    list_each(node, &server->peers)
        flush(list_item(node, struct https_peer, node));
}
