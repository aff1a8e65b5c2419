#include "proxy/stall.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { SILENT_PERIODS = 2, PROBES_UNANSWERED = 3 };

bool stall_is_silent(const struct tcp_info *info, uint32_t period_ms)
{
    /* Behind a shut window only probes are on their way, ever more rarely: the time since the last
     * answer says nothing, the number of unanswered ones does. */
    bool owes_answers = info->tcpi_unacked > 0 || info->tcpi_probes >= PROBES_UNANSWERED;
    return owes_answers && info->tcpi_last_ack_recv >= period_ms;
}

static bool is_outstanding(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

static bool is_silent(const struct stall *stall)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);
    return getsockopt(stall->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           stall_is_silent(&info, stall->period_ms);
}

static void on_period(void *owner)
{
    struct stall *stall = owner;
    if (!is_outstanding(stall->fd)) {
        stall->silent_periods = 0;
        return;
    }
    stall->silent_periods = is_silent(stall) ? stall->silent_periods + 1 : 0;
    if (stall->silent_periods >= SILENT_PERIODS)
        stall->on_gone(stall->owner);
    else
        timer_start(&stall->timer, stall->period_ms);
}

void stall_init(struct stall *stall, struct loop *loop, int fd, uint32_t limit_ms, loop_fn *on_gone,
                void *owner)
{
    *stall = (struct stall){
        .on_gone = on_gone, .owner = owner, .period_ms = limit_ms / SILENT_PERIODS, .fd = fd};
    timer_init(&stall->timer, loop, on_period, stall);
}

void stall_wrote(struct stall *stall)
{
    if (stall->period_ms && !timer_is_active(&stall->timer))
        timer_start(&stall->timer, stall->period_ms);
}

void stall_done(struct stall *stall)
{
    timer_stop(&stall->timer);
}
