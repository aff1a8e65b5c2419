#include "script_server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void hang_up(struct script_server *server)
{
    const struct linger reset = {.l_onoff = 1};
    if (server->end == SCRIPT_RESETS)
        setsockopt(server->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    watch_close(server->watch);
    server->watch = NULL;
    close(server->fd);
    server->fd = -1;
}

static void play(struct script_server *server);

static void on_drip(void *owner)
{
    struct script_server *server = owner;
    if (server->drip_size == 0) {
        play(server);
        return;
    }
    if (send(server->fd, server->dripping++, 1, MSG_NOSIGNAL) != 1)
        return; /* the client has given up */
    server->drip_size--;
    deferred_schedule(&server->drip);
}

static void say(struct script_server *server, const struct script_step *step)
{
    if (server->drips) {
        server->dripping = step->send;
        server->drip_size = step->send_size;
        deferred_schedule(&server->drip);
    } else if (step->send_size) {
        assert_int_equal(send(server->fd, step->send, step->send_size, MSG_NOSIGNAL),
                         step->send_size);
    }
}

static void play(struct script_server *server)
{
    while (server->done < server->count && server->drip_size == 0) {
        const struct script_step *step = &server->steps[server->done];
        if (server->got_size < step->expect_size || (!step->expect_size && !server->got_size))
            return;
        size_t used = step->expect_size ? step->expect_size : server->got_size;
        if (step->expect_size)
            assert_memory_equal(server->got, step->expect, step->expect_size);
        server->got_size -= used;
        memmove(server->got, server->got + used, server->got_size);
        server->done++;
        say(server, step);
    }
    if (server->done == server->count && server->drip_size == 0 && server->end != SCRIPT_STAYS &&
        server->fd >= 0)
        hang_up(server);
}

static void on_readable(void *owner, int events, int err)
{
    struct script_server *server = owner;
    (void)events;
    (void)err;
    ssize_t size =
        recv(server->fd, server->got + server->got_size, sizeof(server->got) - server->got_size, 0);
    if (size <= 0) {
        watch_set(server->watch, 0);
        return;
    }
    server->got_size += (size_t)size;
    play(server);
}

static void on_connection(void *owner, int events, int err)
{
    struct script_server *server = owner;
    (void)events;
    (void)err;
    assert_int_equal(server->fd, -1);
    server->fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server->fd >= 0);
    server->accepted++;
    assert_int_equal(watch_open(server->loop, server->fd, on_readable, server, &server->watch), 0);
    watch_set(server->watch, WATCH_READ);
    if (server->count == 0)
        play(server);
}

void script_server_open(struct script_server *server, struct loop *loop,
                        const struct script_step *steps, size_t count)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    memset(server, 0, sizeof(*server));
    server->loop = loop;
    server->steps = steps;
    server->count = count;
    server->fd = -1;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    getsockname(server->listener, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &server->address);
    deferred_init(&server->drip, loop, on_drip, server);
    assert_int_equal(watch_open(loop, server->listener, on_connection, server, &server->listening),
                     0);
    watch_set(server->listening, WATCH_READ);
}

void script_server_close(struct script_server *server)
{
    deferred_cancel(&server->drip);
    watch_close(server->watch);
    watch_close(server->listening);
    if (server->fd >= 0)
        close(server->fd);
    close(server->listener);
}
