/* A kernel TCP socket as a stream: the watch only says that there is something to read; the bytes
 * are fetched when the owner looks, so that they are still in the cache when it passes them on.
 * Connecting and proxy protocols are not done here (proxy/connector.c, proxy/handshake.c). */
#include "proxy/socket_stream.h"

#include "base/buf.h"
#include "base/err.h"
#include "proxy/keep_bytes.h"
#include "proxy/linger.h"
#include "proxy/stall.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RETRY_MS = 5, WRITE_SPANS_MAX = 64, READ_CHUNKS_MAX = 4 };

struct socket_stream {
    struct stream stream;
    struct watch *watch;
    struct buf unread;
    struct timer retry; /* memory was short: try again */
    struct stall stall;
    int fd;
    int read_err; /* what peek says after the unread bytes: ERR_EOF or why it broke; 0 while open */
    int write_err;    /* 0 while writing works */
    bool is_readable; /* the kernel had bytes, an end or an error when it was last asked */
    bool is_busy;     /* the last read came back full */
    bool is_ending;   /* it said that something other than bytes is behind what there is to read */
    bool wants_room;  /* a write was cut short */
    bool is_finished; /* our FIN is sent */
};

static struct socket_stream *socket_stream_of(struct stream *stream)
{
    return (struct socket_stream *)stream;
}

static void on_retry(void *owner)
{
    stream_signal(&((struct socket_stream *)owner)->stream);
}

static void try_again_soon(struct socket_stream *socket)
{
    if (!timer_is_active(&socket->retry))
        timer_start(&socket->retry, RETRY_MS);
}

/* Told once of each change, epoll is set up once for the whole life of the socket. */
static void on_ready(void *owner, int events, int err)
{
    struct socket_stream *socket = owner;
    (void)err;
    bool is_news = false;
    if (events & WATCH_READ && !socket->read_err) {
        socket->is_ending = socket->is_ending || events & WATCH_END;
        socket->is_readable = is_news = true;
    }
    if (events & WATCH_WRITE && socket->wants_room) {
        socket->wants_room = false;
        is_news = true;
    }
    if (is_news)
        stream_signal(&socket->stream);
}

static int socket_error(int fd)
{
    int err = 0;
    socklen_t size = sizeof(err);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 ? -ECONNRESET : -err;
}

static void end_reading(struct socket_stream *socket, int err)
{
    socket->read_err = err;
    socket->is_readable = false;
}

/* Where one read goes. */
struct reading {
    struct chunk *chunks[READ_CHUNKS_MAX];
    struct iovec parts[READ_CHUNKS_MAX];
    int count;
    size_t asked;
};

/* While reads come back full they grow: the kernel acknowledges each of them on its own, and an
 * acknowledgement costs as much as the copy. */
static void prepare(struct socket_stream *socket, struct reading *reading)
{
    size_t room = buf_room(&socket->unread);
    size_t held = buf_size(&socket->unread);
    size_t share = chunk_pool_share(socket->unread.pool);
    size_t size = share < CHUNK_LARGE_BYTES ? CHUNK_SMALL_BYTES : CHUNK_LARGE_BYTES;
    int most = socket->is_busy ? READ_CHUNKS_MAX : 1;
    while (reading->count < most && room > 0 && (held == 0 || held + size <= share)) {
        struct chunk *chunk = chunk_new(socket->unread.pool, size);
        if (!chunk)
            break;
        size_t part = size < STREAM_PIECE_BYTES ? size : STREAM_PIECE_BYTES;
        if (part > room)
            part = room;
        reading->chunks[reading->count] = chunk;
        reading->parts[reading->count++] = (struct iovec){chunk->data, part};
        reading->asked += part;
        room -= part;
        held += size;
    }
    if (reading->count == 0 && held == 0)
        try_again_soon(socket);
}

/* Takes the chunks. */
static int keep(struct socket_stream *socket, const struct reading *reading, size_t size)
{
    bool is_waiting = buf_size(&socket->unread) > 0;
    int err = 0;
    for (int i = 0; i < reading->count; i++) {
        size_t part = reading->parts[i].iov_len < size ? reading->parts[i].iov_len : size;
        if (part == 0 || err < 0)
            chunk_unref(reading->chunks[i]);
        else
            err = keep_bytes(&socket->unread, reading->chunks[i], part, is_waiting);
        size -= part;
    }
    return err;
}

static void after_bytes(struct socket_stream *socket, size_t size, size_t asked)
{
    /* A short read emptied the kernel's queue, and whatever comes now is told. Of what is left
     * there nobody will tell again: an owner that goes on only when woken is woken, but not to
     * read ahead of what it can pass on. */
    bool is_little = buf_size(&socket->unread) < CHUNK_LARGE_BYTES + size;
    socket->is_busy = size == asked;
    socket->is_readable = size == asked || socket->is_ending;
    if (socket->is_ending || (socket->is_readable && is_little))
        stream_signal(&socket->stream);
}

static void after_none(struct socket_stream *socket, int err)
{
    if (err == -EINTR) {
        stream_signal(&socket->stream);
        return;
    }
    socket->is_busy = false;
    if (err == -EAGAIN) {
        err = socket->is_ending ? socket_error(socket->fd) : 0;
        socket->is_readable = socket->is_ending = false;
        if (err == 0)
            return;
    }
    /* A failed write has used up the kernel's note of the reset, and reading then ends plainly. */
    if (err == ERR_EOF && socket->write_err)
        err = socket->write_err;
    end_reading(socket, err);
}

static void read_once(struct socket_stream *socket)
{
    struct reading reading = {.count = 0};
    prepare(socket, &reading);
    if (reading.count == 0)
        return;
    ssize_t size = readv(socket->fd, reading.parts, reading.count);
    int err = size > 0 ? 0 : size < 0 ? -errno : ERR_EOF;
    int kept = keep(socket, &reading, size > 0 ? (size_t)size : 0);
    if (err < 0)
        after_none(socket, err);
    else if (kept < 0)
        end_reading(socket, kept);
    else
        after_bytes(socket, (size_t)size, reading.asked);
}

static int socket_peek(struct stream *stream, struct span *ret, int max)
{
    struct socket_stream *socket = socket_stream_of(stream);
    if (socket->is_readable && !socket->read_err)
        read_once(socket);
    int count = buf_peek(&socket->unread, ret, max);
    return count > 0 ? count : socket->read_err;
}

static void socket_consume(struct stream *stream, size_t size)
{
    buf_consume(&socket_stream_of(stream)->unread, size);
}

static ssize_t fail_write(struct socket_stream *socket, int err)
{
    socket->write_err = err;
    socket->is_readable = true; /* let the owner see what is left to read, then the error */
    stream_signal(&socket->stream);
    return err;
}

static void on_peer_gone(void *owner)
{
    struct socket_stream *socket = owner;
    socket->write_err = -ETIMEDOUT;
    if (!socket->read_err)
        end_reading(socket, -ETIMEDOUT);
    stream_signal(&socket->stream);
}

static ssize_t socket_write(struct stream *stream, const struct span *spans, int count)
{
    struct socket_stream *socket = socket_stream_of(stream);
    if (socket->write_err || socket->is_finished)
        return socket->write_err ? socket->write_err : -EPIPE;
    struct iovec parts[WRITE_SPANS_MAX];
    struct msghdr message = {.msg_iov = parts};
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        total += spans[i].size;
        if (i < WRITE_SPANS_MAX)
            parts[message.msg_iovlen++] = (struct iovec){
                .iov_base = (void *)(uintptr_t)spans[i].data, .iov_len = spans[i].size};
    }
    ssize_t taken = sendmsg(socket->fd, &message, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
        return fail_write(socket, -errno);
    if (taken < 0 && errno != EAGAIN)
        try_again_soon(socket); /* the socket is not full: nothing would be told */
    if (taken < 0)
        taken = 0;
    stall_wrote(&socket->stall);
    socket->wants_room = (size_t)taken < total;
    return taken;
}

static int socket_finish(struct stream *stream)
{
    struct socket_stream *socket = socket_stream_of(stream);
    if (socket->write_err)
        return socket->write_err;
    if (shutdown(socket->fd, SHUT_WR) < 0)
        return (int)fail_write(socket, -errno);
    socket->is_finished = true;
    stall_wrote(&socket->stall);
    return 0;
}

/* Everything but the descriptor. */
static void socket_free(struct socket_stream *socket)
{
    stream_done(&socket->stream);
    timer_stop(&socket->retry);
    stall_done(&socket->stall);
    watch_close(socket->watch);
    buf_done(&socket->unread);
    free(socket);
}

static void socket_close(struct stream *stream)
{
    struct socket_stream *socket = socket_stream_of(stream);
    struct loop *loop = socket->retry.loop;
    bool is_over = socket->read_err != 0; /* nothing can come that close(2) would answer */
    int fd = socket->fd;
    socket_free(socket);
    if (is_over)
        close(fd);
    else
        linger_close(loop, fd);
}

static void socket_abort(struct stream *stream)
{
    struct socket_stream *socket = socket_stream_of(stream);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = socket->fd;
    socket_free(socket);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static const struct stream_ops socket_ops = {
    .peek = socket_peek,
    .consume = socket_consume,
    .write = socket_write,
    .finish = socket_finish,
    .close = socket_close,
    .abort = socket_abort,
};

int socket_stream_new(struct loop *loop, int fd, size_t buffer_bytes, struct stream **ret)
{
    struct socket_stream *socket = calloc(1, sizeof(*socket));
    const int on = 1;
    if (!socket)
        return -ENOMEM;
    int err = watch_open_for(loop, fd, WATCH_READ | WATCH_WRITE | WATCH_EDGE, on_ready, socket,
                             &socket->watch);
    if (err < 0) {
        free(socket);
        return err;
    }
    socket->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    buf_init(&socket->unread, loop_chunks(loop), buffer_bytes);
    timer_init(&socket->retry, loop, on_retry, socket);
    stall_init(&socket->stall, loop, fd, 0, on_peer_gone, socket);
    stream_init(&socket->stream, loop, &socket_ops);
    *ret = &socket->stream;
    return 0;
}

void socket_stream_watch_peer(struct stream *stream, uint32_t limit_ms)
{
    struct socket_stream *socket = socket_stream_of(stream);
    assert(stream->ops == &socket_ops);
    stall_done(&socket->stall);
    stall_init(&socket->stall, socket->retry.loop, socket->fd, limit_ms, on_peer_gone, socket);
}

static int socket_address(const struct stream *stream, bool is_peer, struct address *ret)
{
    const struct socket_stream *socket = (const struct socket_stream *)stream;
    struct sockaddr_storage name;
    struct sockaddr *where = (struct sockaddr *)&name;
    socklen_t size = sizeof(name);
    struct address address;
    assert(stream->ops == &socket_ops);
    int failed =
        is_peer ? getpeername(socket->fd, where, &size) : getsockname(socket->fd, where, &size);
    if (failed)
        return -errno;
    int err = address_from_sockaddr(where, &address);
    if (err == 0)
        *ret = address_unmapped(&address);
    return err;
}

int socket_stream_local_address(const struct stream *stream, struct address *ret)
{
    return socket_address(stream, false, ret);
}

int socket_stream_peer_address(const struct stream *stream, struct address *ret)
{
    return socket_address(stream, true, ret);
}
