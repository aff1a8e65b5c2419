#include "base/wall_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct wall_timer {
    int fd;
    struct watch *watch;
    loop_fn *fn;
    void *owner;
};

static void on_readable(void *owner, int events, int err)
{
    struct wall_timer *timer = owner;
    uint64_t count;

    (void)events;
    (void)err;
    /* ECANCELED: the clock was set. */
    if (read(timer->fd, &count, sizeof(count)) < 0 && errno != ECANCELED)
        return;
    timer->fn(timer->owner);
}

int wall_timer_open(struct loop *loop, loop_fn *fn, void *owner, struct wall_timer **ret)
{
    struct wall_timer *timer = calloc(1, sizeof(*timer));
    int err = 0;

    if (!timer)
        return -ENOMEM;
    timer->fn = fn;
    timer->owner = owner;
    timer->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer->fd < 0)
        err = -errno;
    if (err == 0)
        err = watch_open(loop, timer->fd, on_readable, timer, &timer->watch);
    if (err == 0)
        err = watch_set(timer->watch, WATCH_READ);
    if (err < 0) {
        wall_timer_close(timer);
        return err;
    }
    *ret = timer;
    return 0;
}

static int set(struct wall_timer *timer, int64_t at_unix_s)
{
    struct itimerspec when = {.it_value.tv_sec = (time_t)at_unix_s};

    return timerfd_settime(timer->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) < 0
               ? -errno
               : 0;
}

int wall_timer_start(struct wall_timer *timer, int64_t at_unix_s)
{
    int err = set(timer, at_unix_s > 0 ? at_unix_s : 1);

    /* The clock was set since it was last read: that is known now. */
    return err == -ECANCELED ? set(timer, at_unix_s > 0 ? at_unix_s : 1) : err;
}

void wall_timer_stop(struct wall_timer *timer)
{
    set(timer, 0);
}

void wall_timer_close(struct wall_timer *timer)
{
    if (!timer)
        return;
    watch_close(timer->watch);
    if (timer->fd >= 0)
        close(timer->fd);
    free(timer);
}
