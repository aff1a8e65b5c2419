#include "adblock/list_watch.h"

#include "adblock/list_place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { CALM_MS = 500 }; /* several lists are often replaced at about the same time */

struct list_watch {
    int fd;
    struct watch *watch;
    struct timer calm;
    loop_fn *on_change;
    void *owner;
};

static void on_calm(void *owner)
{
    struct list_watch *watch = owner;
    watch->on_change(watch->owner);
}

/* What the kernel had no room to tell may have been about one. */
static bool is_about_list(const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    return event->len > 0 &&
           strncmp(event->name, LIST_PLACE_PREFIX, strlen(LIST_PLACE_PREFIX)) == 0;
}

static void on_event(void *owner, int events, int err)
{
    struct list_watch *watch = owner;
    _Alignas(struct inotify_event) char buffer[8 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
    ssize_t size;
    bool is_ours = false;
    (void)events;
    (void)err;
    while ((size = read(watch->fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
            is_ours |= is_about_list(event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    if (is_ours && !timer_is_active(&watch->calm))
        (void)timer_start(&watch->calm, CALM_MS);
}

int list_watch_open(struct loop *loop, int folder, loop_fn *on_change, void *owner,
                    struct list_watch **ret)
{
    struct list_watch *watch = calloc(1, sizeof(*watch));
    char path[48];
    if (!watch)
        return -ENOMEM;
    snprintf(path, sizeof(path), "/proc/self/fd/%d/.", folder);
    watch->on_change = on_change;
    watch->owner = owner;
    timer_init(&watch->calm, loop, on_calm, watch);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int err = watch->fd < 0 || inotify_add_watch(watch->fd, path, IN_MOVED_TO | IN_ONLYDIR) < 0
                  ? -errno
                  : watch_open(loop, watch->fd, on_event, watch, &watch->watch);
    if (err == 0)
        err = watch_set(watch->watch, WATCH_READ);
    if (err < 0) {
        list_watch_close(watch);
        return err;
    }
    *ret = watch;
    return 0;
}

void list_watch_close(struct list_watch *watch)
{
    if (!watch)
        return;
    timer_stop(&watch->calm);
    watch_close(watch->watch);
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch);
}
