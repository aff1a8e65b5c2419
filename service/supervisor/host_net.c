#define LOG_MODULE "host_net"

#include "service/supervisor/host_net.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/routes.h"
#include "service/supervisor/sockets.h"
#include "service/supervisor/sysctls.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct host_net {
    struct netlink *netlink;
    char sysctls[PATH_MAX]; /* where old values are kept */
    struct tun_device tun;
    int tun_index; /* 0 while down */
    struct link_setup setup;
};

static int explain(struct host_net_error *error, int err, const char *what, const char *name)
{
    snprintf(error->text, sizeof(error->text), "%s %s: %s", what, name, err_text(err));
    return err;
}

int host_net_new(const char *run_dir, struct host_net **ret)
{
    struct host_net *host_net = calloc(1, sizeof(*host_net));
    if (!host_net)
        return -ENOMEM;
    snprintf(host_net->sysctls, sizeof(host_net->sysctls), "%s/sysctls", run_dir);
    int err = netlink_open(NETLINK_ROUTE, &host_net->netlink);
    if (err < 0) {
        host_net_free(host_net);
        return err;
    }
    *ret = host_net;
    return 0;
}

static void close_tun(struct host_net *host_net)
{
    tun_device_close(&host_net->tun);
    host_net->tun_index = 0;
}

void host_net_free(struct host_net *host_net)
{
    if (!host_net)
        return;
    close_tun(host_net);
    netlink_close(host_net->netlink);
    free(host_net);
}

int host_net_survey(struct host_net *host_net, const char *tun, struct links *ret)
{
    return links_read(host_net->netlink, tun, ret);
}

static int make_tun(struct host_net *host_net, const struct fence *fence, unsigned queues,
                    struct host_net_error *error)
{
    int err = tun_device_open(fence->tun, queues, &host_net->tun);
    if (err < 0)
        return explain(error, err, "cannot make the TUN device", fence->tun);
    if (host_net->tun.count < queues)
        log_warning("this kernel gives the TUN one queue alone: the first worker serves it");
    host_net->tun_index = (int)if_nametoindex(fence->tun);
    sysctls_set_device(fence->tun);
    err = link_set_up(host_net->netlink, host_net->tun_index, &host_net->setup);
    if (err < 0)
        return explain(error, err, "cannot set up the TUN device", fence->tun);
    return 0;
}

static int set_sysctls(struct host_net *host_net, struct host_net_error *error)
{
    int err = sysctls_set(host_net->sysctls);
    return err < 0 ? explain(error, err, "cannot change settings in", "/proc/sys/net") : 0;
}

static int add_routes(struct host_net *host_net, const struct fence *fence,
                      struct host_net_error *error)
{
    int err = routes_add(host_net->netlink, host_net->tun_index, fence);
    return err < 0 ? explain(error, err, "cannot set routes through", fence->tun) : 0;
}

int host_net_up(struct host_net *host_net, const struct fence *fence, uint16_t mtu, unsigned queues,
                struct host_net_error *error)
{
    struct host_net_error ignored;
    int err = host_net_down(host_net, fence, error);
    if (err < 0)
        return err;
    host_net->setup =
        (struct link_setup){.mtu = mtu, .address4 = fence->tun4, .address6 = fence->tun6};
    err = make_tun(host_net, fence, queues, error);
    if (err == 0)
        err = set_sysctls(host_net, error);
    if (err == 0)
        err = add_routes(host_net, fence, error);
    if (err < 0)
        host_net_down(host_net, fence, &ignored);
    return err;
}

int host_net_repair(struct host_net *host_net, const struct fence *fence,
                    struct host_net_error *error)
{
    if ((int)if_nametoindex(fence->tun) != host_net->tun_index)
        return explain(error, -ENODEV, "the TUN device is gone:", fence->tun);
    int err = link_set_up(host_net->netlink, host_net->tun_index, &host_net->setup);
    if (err < 0)
        return explain(error, err, "cannot set up the TUN device", fence->tun);
    return add_routes(host_net, fence, error);
}

int host_net_reroute(struct host_net *host_net, const struct fence *fence,
                     struct host_net_error *error)
{
    int err = routes_remove(host_net->netlink);
    if (err < 0)
        return explain(error, err, "cannot remove routes and rules of", fence->tun);
    return add_routes(host_net, fence, error);
}

/* A kernel that cannot do it leaves the applications to their own timeouts. */
static void end_sockets(const struct sockets_wanted *wanted)
{
    int ended = sockets_end(wanted);
    if (ended < 0)
        log_debug("cannot end the sockets of the TUN: %s", err_text(ended));
    else if (ended > 0)
        log_info("ended sockets of applications that used the TUN count=%d", ended);
}

void host_net_cut(const struct host_net *host_net, const struct fence *fence, unsigned queue)
{
    if (queue < host_net->tun.count)
        end_sockets(&(struct sockets_wanted){
            .own = {fence->tun4, fence->tun6}, .queue = queue, .queues = host_net->tun.count});
}

/* Each step is tried, whatever became of the one before; the first failure is told. */
int host_net_down(struct host_net *host_net, const struct fence *fence,
                  struct host_net_error *error)
{
    int first = 0;
    /* while their last packets still go into the TUN */
    end_sockets(&(struct sockets_wanted){.own = {fence->tun4, fence->tun6}, .with_udp = true});
    int err = routes_remove(host_net->netlink);
    if (err < 0)
        first = explain(error, err, "cannot remove routes and rules of", fence->tun);
    err = sysctls_restore(host_net->sysctls);
    if (err < 0 && first == 0)
        first = explain(error, err, "cannot put settings back from", host_net->sysctls);
    close_tun(host_net);
    err = link_delete_tun(host_net->netlink, fence->tun);
    if (err < 0 && first == 0)
        first = explain(error, err, "cannot remove the device", fence->tun);
    return first;
}

bool host_net_is_up(const struct host_net *host_net)
{
    return host_net->tun_index != 0;
}

const struct tun_device *host_net_tun(const struct host_net *host_net)
{
    return &host_net->tun;
}

int host_net_tun_index(const struct host_net *host_net)
{
    return host_net->tun_index;
}

uint32_t host_net_port(const struct host_net *host_net)
{
    return netlink_port(host_net->netlink);
}
