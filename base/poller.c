#include "base/poller.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct watch {
    struct poller *poller;
    watch_fn *fn;
    void *owner;
    int fd;
    int wanted;       /* what the owner asked for last */
    int applied;      /* what epoll knows */
    bool is_closed;   /* waits in `closed` to be freed */
    struct list node; /* in `changed` or `closed` */
};

int poller_init(struct poller *poller, int foreign_fd)
{
    struct epoll_event foreign = {.events = EPOLLIN, .data.ptr = NULL};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (epoll_ctl(fd, EPOLL_CTL_ADD, foreign_fd, &foreign) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    poller->epoll_fd = fd;
    poller->interested = 0;
    poller->ready_count = 0;
    list_init(&poller->changed);
    list_init(&poller->closed);
    return 0;
}

static void free_closed(struct poller *poller)
{
    list_each(node, &poller->closed)
        free(list_item(node, struct watch, node));
    list_init(&poller->closed);
}

void poller_done(struct poller *poller)
{
    assert(poller->interested == 0 && list_is_empty(&poller->changed));
    free_closed(poller);
    close(poller->epoll_fd);
}

/* A paused watch stays in epoll. Hang-ups and errors cannot be switched off there, so they are made
 * edge triggered: reported once at most instead of at every turn. */
static uint32_t to_epoll(int events)
{
    if (events == 0)
        return EPOLLET;
    return (events & WATCH_READ ? (uint32_t)(EPOLLIN | EPOLLRDHUP) : 0) |
           (events & WATCH_WRITE ? (uint32_t)EPOLLOUT : 0) |
           (events & WATCH_EDGE ? (uint32_t)(EPOLLET | EPOLLPRI) : 0);
}

static int from_epoll(uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) /* reading and writing tell which */
        return WATCH_READ | WATCH_WRITE | WATCH_END;
    return (events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI) ? WATCH_READ : 0) |
           (events & (EPOLLRDHUP | EPOLLPRI) ? WATCH_END : 0) |
           (events & EPOLLOUT ? WATCH_WRITE : 0);
}

static int control(struct watch *watch, int operation, int events)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};
    if (epoll_ctl(watch->poller->epoll_fd, operation, watch->fd, &event) < 0)
        return -errno;
    watch->applied = events;
    return 0;
}

int watch_open(struct loop *loop, int fd, watch_fn *fn, void *owner, struct watch **ret)
{
    return watch_open_for(loop, fd, 0, fn, owner, ret);
}

int watch_open_for(struct loop *loop, int fd, int events, watch_fn *fn, void *owner,
                   struct watch **ret)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->poller = loop_poller(loop);
    watch->fn = fn;
    watch->owner = owner;
    watch->fd = fd;
    list_init(&watch->node);
    int err = control(watch, EPOLL_CTL_ADD, events);
    if (err < 0) {
        free(watch);
        return err;
    }
    watch->wanted = events;
    if (events)
        watch->poller->interested++;
    *ret = watch;
    return 0;
}

int watch_set(struct watch *watch, int events)
{
    assert(!watch->is_closed);
    struct poller *poller = watch->poller;
    if (events == watch->wanted)
        return 0;
    if (!watch->wanted)
        poller->interested++;
    if (!events)
        poller->interested--;
    watch->wanted = events;
    list_remove(&watch->node);
    if (watch->wanted != watch->applied)
        list_append(&poller->changed, &watch->node);
    return 0;
}

void watch_close(struct watch *watch)
{
    if (!watch)
        return;
    watch_set(watch, 0);
    list_remove(&watch->node);
    epoll_ctl(watch->poller->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->is_closed = true;
    list_append(&watch->poller->closed, &watch->node);
}

static void apply_changes(struct poller *poller)
{
    list_each(node, &poller->changed) {
        struct watch *watch = list_item(node, struct watch, node);
        list_remove(node);
        int err = control(watch, EPOLL_CTL_MOD, watch->wanted);
        assert(err == 0); /* the descriptor was closed before its watch */
    }
}

void poller_wait(struct poller *poller, int wait_ms)
{
    apply_changes(poller);
    int count = epoll_wait(poller->epoll_fd, poller->ready, POLLER_EVENTS, wait_ms);
    poller->ready_count = count > 0 ? count : 0;
}

bool poller_dispatch(struct poller *poller)
{
    bool is_foreign_ready = false;
    for (int i = 0; i < poller->ready_count; i++) {
        struct watch *watch = poller->ready[i].data.ptr;
        if (!watch) {
            is_foreign_ready = true;
            continue;
        }
        /* An earlier callback of this turn may have closed or paused it. */
        int end = watch->wanted & WATCH_EDGE ? WATCH_END : 0;
        int events = from_epoll(poller->ready[i].events) & (watch->wanted | end);
        if (events)
            watch->fn(watch->owner, events, 0);
    }
    poller->ready_count = 0;
    free_closed(poller);
    return is_foreign_ready;
}
