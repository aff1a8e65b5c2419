#include "service/engine/doh_door.h"

#include "base/list.h"
#define LOG_MODULE "dns"
#include "base/err.h"
#include "base/log.h"
#include "proxy/relay.h"
#include "proxy/socket_stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_PER_WAKE = 64, ACCEPT_RETRY_MS = 100 };
enum { TUNNEL_BUFFER_BYTES = 64 * 1024, TUNNEL_IDLE_MS = 30000 };

struct doh_door {
    struct connector *connector;
    struct endpoint server;
    struct list tunnels;
    int fd;
    struct watch *watch;
    struct timer retry; /* accepting pauses until then */
    struct sockaddr_in at;
    uint8_t expected[(UINT16_MAX + 1) / 8]; /* ports of ours that are not through it yet */
};

/* From a socket of the client's to the server. */
struct tunnel {
    struct list node;
    struct loop *loop;
    struct stream *near; /* until the relay takes it */
    struct connect *connect;
    struct relay *relay;
    struct relay_bytes bytes;
};

/* --- tunnels --------------------------------------------------------------------------------- */

static void tunnel_free(struct tunnel *tunnel)
{
    connect_cancel(tunnel->connect);
    if (tunnel->near)
        stream_abort(tunnel->near);
    if (tunnel->relay)
        relay_abort(tunnel->relay);
    list_remove(&tunnel->node);
    free(tunnel);
}

static void on_relay_done(void *owner, int why)
{
    struct tunnel *tunnel = owner;

    (void)why; /* the client sees the end of its socket */
    tunnel->relay = NULL;
    tunnel_free(tunnel);
}

/* Until there is a server at the other end the kernel keeps what the client says. */
static void on_near(void *owner)
{
    (void)owner;
}

static void on_connected(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    static const struct relay_options options = {.idle_timeout_ms = TUNNEL_IDLE_MS,
                                                 .half_close_timeout_ms = 1000};
    struct tunnel *tunnel = owner;
    struct stream *near = tunnel->near;

    (void)upstream;
    tunnel->connect = NULL;
    if (err == 0) {
        tunnel->near = NULL;
        err = relay_start(tunnel->loop, near, stream, &options, &tunnel->bytes, on_relay_done,
                          tunnel, &tunnel->relay);
    }
    if (err < 0)
        tunnel_free(tunnel);
}

static int tunnel_new(struct doh_door *door, int fd)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    struct loop *loop = door->connector->loop;
    int err;

    if (!tunnel)
        return -ENOMEM;
    tunnel->loop = loop;
    list_append(&door->tunnels, &tunnel->node);
    err = socket_stream_new(loop, fd, TUNNEL_BUFFER_BYTES, &tunnel->near);
    if (err < 0) {
        tunnel_free(tunnel);
        return err;
    }
    stream_set_owner(tunnel->near, on_near, tunnel);
    err = connect_start(door->connector, &door->server, on_connected, tunnel, &tunnel->connect);
    if (err < 0)
        tunnel_free(tunnel); /* the client sees the end of its socket */
    return 0;
}

void doh_door_end_tunnels(struct doh_door *door)
{
    list_each(node, &door->tunnels)
        tunnel_free(list_item(node, struct tunnel, node));
}

/* --- who gets in ----------------------------------------------------------------------------- */

static bool is_expected(const struct doh_door *door, uint16_t port)
{
    return door->expected[port / 8] >> (port % 8) & 1;
}

static void expect(struct doh_door *door, uint16_t port, bool is_ours)
{
    uint8_t bit = (uint8_t)(1 << (port % 8));

    if (is_ours)
        door->expected[port / 8] |= bit;
    else
        door->expected[port / 8] &= (uint8_t)~bit;
}

/* Every process of this network namespace can reach the door: only ports that our sockets are bound
 * to get in. */
static bool is_ours(struct doh_door *door, const struct sockaddr_in *peer)
{
    uint16_t port = ntohs(peer->sin_port);
    bool is_known = peer->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && is_expected(door, port);

    if (is_known)
        expect(door, port, false);
    return is_known;
}

static void on_retry(void *owner)
{
    struct doh_door *door = owner;

    watch_set(door->watch, WATCH_READ);
}

/* Who knocks waits in the kernel's queue; asking again at once would only burn the CPU. */
static void pause_accepting(struct doh_door *door, int err)
{
    log_warning("cannot speak to a DNS server for now err=\"%s\"", err_text(err));
    if (timer_start(&door->retry, ACCEPT_RETRY_MS) == 0)
        watch_set(door->watch, 0);
}

static bool is_lack_of_something(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void on_door(void *owner, int events, int err)
{
    struct doh_door *door = owner;

    (void)events;
    (void)err;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_in peer = {.sin_family = AF_INET};
        socklen_t size = sizeof(peer);
        int fd = accept4(door->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_lack_of_something(errno))
            pause_accepting(door, -errno);
        if (fd < 0)
            return;
        if (!is_ours(door, &peer) || tunnel_new(door, fd) < 0)
            close(fd);
    }
}

/* A descriptor on any port of the loopback interface, and where that is. */
static int bind_any(struct sockaddr_in *ret)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (bind(fd, (struct sockaddr *)&where, size) < 0 ||
                    getsockname(fd, (struct sockaddr *)&where, &size) < 0)) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret = where;
    return fd >= 0 ? fd : -errno;
}

/* --- the client's sockets -------------------------------------------------------------------- */

int doh_door_socket(struct doh_door *door)
{
    struct sockaddr_in at;
    int fd = bind_any(&at);

    if (fd >= 0)
        expect(door, ntohs(at.sin_port), true);
    return fd;
}

void doh_door_close_socket(struct doh_door *door, int fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);

    if (getsockname(fd, (struct sockaddr *)&at, &size) == 0)
        expect(door, ntohs(at.sin_port), false);
    close(fd);
}

const struct sockaddr_in *doh_door_address(const struct doh_door *door)
{
    return &door->at;
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_door(struct doh_door *door)
{
    int err;

    door->fd = bind_any(&door->at);
    if (door->fd < 0)
        return door->fd;
    if (listen(door->fd, BACKLOG) < 0)
        return -errno;
    err = watch_open(door->connector->loop, door->fd, on_door, door, &door->watch);
    return err < 0 ? err : watch_set(door->watch, WATCH_READ);
}

struct doh_door *doh_door_new(struct connector *connector, const struct endpoint *server)
{
    struct doh_door *door = calloc(1, sizeof(*door));

    if (!door)
        return NULL;
    door->connector = connector;
    door->server = *server;
    door->fd = -1;
    list_init(&door->tunnels);
    timer_init(&door->retry, connector->loop, on_retry, door);
    if (open_door(door) < 0) {
        doh_door_free(door);
        return NULL;
    }
    return door;
}

void doh_door_free(struct doh_door *door)
{
    if (!door)
        return;
    doh_door_end_tunnels(door);
    timer_stop(&door->retry);
    watch_close(door->watch);
    if (door->fd >= 0)
        close(door->fd);
    free(door);
}
