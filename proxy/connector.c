#include "proxy/connector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connector {
    struct loop *loop;
    uint32_t timeout_ms;
    bool speaks_first;
    struct deferred next; /* the first attempt, or the next one */
    struct timer patience;
    struct watch *watch;
    int fd;
    int err; /* of the last attempt */
    connector_done_fn *on_done;
    void *owner;
    size_t count, tried;
    struct address addresses[];
};

static void drop_attempt(struct connector *connector)
{
    timer_stop(&connector->patience);
    watch_close(connector->watch);
    connector->watch = NULL;
    if (connector->fd >= 0)
        close(connector->fd);
    connector->fd = -1;
}

void connector_cancel(struct connector *connector)
{
    if (!connector)
        return;
    deferred_cancel(&connector->next);
    drop_attempt(connector);
    free(connector);
}

static void end(struct connector *connector, int fd, int err)
{
    connector_done_fn *on_done = connector->on_done;
    void *owner = connector->owner;
    connector_cancel(connector);
    on_done(owner, fd, err);
}

static void fail_attempt(struct connector *connector, int err)
{
    drop_attempt(connector);
    connector->err = err;
    deferred_schedule(&connector->next);
}

static void on_impatient(void *owner)
{
    fail_attempt(owner, -ETIMEDOUT);
}

static void on_connected(struct connector *connector)
{
    int fd = connector->fd;
    connector->fd = -1; /* the watch goes first, the descriptor stays */
    end(connector, fd, 0);
}

static void on_ready(void *owner, int events, int err)
{
    struct connector *connector = owner;
    int failure = 0;
    socklen_t size = sizeof(failure);
    (void)events;
    if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
        failure = errno;
    if (failure || err < 0)
        fail_attempt(connector, failure ? -failure : err);
    else
        on_connected(connector);
}

/* The acknowledgement that ends the handshake travels with the first bytes that follow it, where
 * they do: a packet less (tcp(7), TCP_QUICKACK; the kernel's own default from then on). */
static void spare_last_ack(int fd)
{
    const int off = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

static int open_socket(const struct address *address)
{
    int fd = socket(address->family == 6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* 0 under way; 1 connected already; < 0 */
static int start_attempt(struct connector *connector, const struct address *address)
{
    struct sockaddr_storage where;
    socklen_t size = address_to_sockaddr(address, &where);
    int fd = open_socket(address);
    if (fd < 0)
        return fd;
    connector->fd = fd;
    if (connector->speaks_first)
        spare_last_ack(fd);
    if (connect(fd, (struct sockaddr *)&where, size) == 0)
        return 1;
    if (errno != EINPROGRESS)
        return -errno;
    int err =
        watch_open_for(connector->loop, fd, WATCH_WRITE, on_ready, connector, &connector->watch);
    return err < 0 ? err : timer_start(&connector->patience, connector->timeout_ms);
}

static void try_next(void *owner)
{
    struct connector *connector = owner;
    if (connector->tried == connector->count) {
        end(connector, -1, connector->err);
        return;
    }
    int err = start_attempt(connector, &connector->addresses[connector->tried++]);
    if (err == 1)
        on_connected(connector);
    else if (err < 0)
        fail_attempt(connector, err);
}

int connector_start(struct loop *loop, const struct connector_options *options,
                    const struct address *addresses, size_t count, connector_done_fn *on_done,
                    void *owner, struct connector **ret)
{
    if (count == 0)
        return -EINVAL;
    struct connector *connector = calloc(1, sizeof(*connector) + count * sizeof(*addresses));
    if (!connector)
        return -ENOMEM;
    connector->loop = loop;
    connector->timeout_ms = options->timeout_ms;
    connector->speaks_first = options->speaks_first;
    connector->fd = -1;
    connector->on_done = on_done;
    connector->owner = owner;
    connector->count = count;
    memcpy(connector->addresses, addresses, count * sizeof(*addresses));
    deferred_init(&connector->next, loop, try_next, connector);
    timer_init(&connector->patience, loop, on_impatient, connector);
    deferred_schedule(&connector->next);
    *ret = connector;
    return 0;
}
