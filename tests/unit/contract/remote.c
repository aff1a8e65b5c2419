/* Far ends for the stream contract suite: a descriptor, or another stream. */
#include "base/err.h"
#include "tests/unit/stream_contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct remote {
    int fd;
    struct stream *stream;
};

static ssize_t result_of(ssize_t size)
{
    if (size >= 0)
        return size;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static ssize_t fd_send(void *owner, const void *data, size_t size)
{
    struct remote *remote = owner;
    return result_of(send(remote->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static ssize_t fd_receive(void *owner, void *to, size_t capacity)
{
    struct remote *remote = owner;
    ssize_t size = recv(remote->fd, to, capacity, MSG_DONTWAIT);
    return size == 0 ? ERR_EOF : result_of(size);
}

static void fd_finish(void *owner)
{
    struct remote *remote = owner;
    shutdown(remote->fd, SHUT_WR);
}

static void fd_reset(void *owner)
{
    struct remote *remote = owner;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(remote->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(remote->fd);
    remote->fd = -1;
}

static void fd_free(void *owner)
{
    struct remote *remote = owner;
    if (remote->fd >= 0)
        close(remote->fd);
    free(remote);
}

int contract_remote_from_fd(int fd, struct contract_remote *ret)
{
    struct remote *remote = calloc(1, sizeof(*remote));
    if (!remote)
        return -ENOMEM;
    remote->fd = fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *ret = (struct contract_remote){
        .send = fd_send,
        .receive = fd_receive,
        .finish = fd_finish,
        .reset = fd_reset,
        .free = fd_free,
        .owner = remote,
    };
    return 0;
}

static ssize_t stream_send(void *owner, const void *data, size_t size)
{
    struct remote *remote = owner;
    return stream_write_bytes(remote->stream, data, size);
}

static ssize_t stream_receive(void *owner, void *to, size_t capacity)
{
    struct remote *remote = owner;
    ssize_t size = stream_gather(remote->stream, to, capacity);
    if (size > 0)
        stream_consume(remote->stream, (size_t)size);
    return size;
}

static void stream_finish_sending(void *owner)
{
    struct remote *remote = owner;
    stream_finish(remote->stream);
}

static void stream_reset(void *owner)
{
    struct remote *remote = owner;
    stream_abort(remote->stream);
    remote->stream = NULL;
}

static void stream_free(void *owner)
{
    struct remote *remote = owner;
    stream_close(remote->stream);
    free(remote);
}

int contract_remote_from_stream(struct stream *stream, struct contract_remote *ret)
{
    struct remote *remote = calloc(1, sizeof(*remote));
    if (!remote)
        return -ENOMEM;
    remote->stream = stream;
    *ret = (struct contract_remote){
        .send = stream_send,
        .receive = stream_receive,
        .finish = stream_finish_sending,
        .reset = stream_reset,
        .free = stream_free,
        .owner = remote,
    };
    return 0;
}
