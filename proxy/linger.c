#include "proxy/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000, READ_BYTES = 64 * 1024, READ_BYTES_MAX = 256 * 1024 };

struct linger_socket {
    struct loop_guest guest;
    struct watch *watch;
    struct timer patience;
    size_t read_bytes;
    int fd;
};

static void linger_end(void *owner)
{
    struct linger_socket *linger = owner;
    list_remove(&linger->guest.node);
    timer_stop(&linger->patience);
    watch_close(linger->watch);
    close(linger->fd);
    free(linger);
}

/* MSG_TRUNC: TCP drops the bytes without copying them. */
static void on_ready(void *owner, int events, int err)
{
    struct linger_socket *linger = owner;
    (void)events;
    do {
        ssize_t got = err < 0 ? 0 : recv(linger->fd, NULL, READ_BYTES, MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            break;
        linger->read_bytes += (size_t)got;
    } while (linger->read_bytes < READ_BYTES_MAX);
    linger_end(linger);
}

static int start(struct loop *loop, struct linger_socket *linger)
{
    timer_init(&linger->patience, loop, linger_end, linger);
    loop_add_guest(loop, &linger->guest, linger_end, linger);
    int err = watch_open(loop, linger->fd, on_ready, linger, &linger->watch);
    if (err == 0)
        err = watch_set(linger->watch, WATCH_READ);
    return err < 0 ? err : timer_start(&linger->patience, PATIENCE_MS);
}

void linger_close(struct loop *loop, int fd)
{
    int unread = 0;
    struct linger_socket *linger = NULL;
    if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0 && shutdown(fd, SHUT_WR) == 0)
        linger = calloc(1, sizeof(*linger));
    if (!linger) {
        close(fd);
        return;
    }
    linger->fd = fd;
    if (start(loop, linger) < 0)
        linger_end(linger);
}
