#include "service/supervisor/host_watch.h"

#include "killswitch/fence.h"
#include "service/supervisor/routes.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 32 * 1024 };

struct host_watch {
    struct host_watch_events events;
    void *owner;
    struct mnl_socket *routing, *nftables;
    struct watch *routing_watch, *nftables_watch;
    uint32_t routing_port;
    uint32_t fence_port; /* 0 until it is learnt */
    int tun_index;
    struct deferred links_changed, routing_changed, fence_changed; /* many events, one call */
    char buffer[EVENT_BYTES];
};

static void tell_links(void *owner)
{
    struct host_watch *watch = owner;
    watch->events.on_links(watch->owner);
}

static void tell_routing(void *owner)
{
    struct host_watch *watch = owner;
    watch->events.on_routing(watch->owner);
}

static void tell_fence(void *owner)
{
    struct host_watch *watch = owner;
    watch->events.on_fence(watch->owner);
}

struct search {
    uint16_t type;
    const struct nlattr *found;
};

static int look_at(const struct nlattr *attr, void *owner)
{
    struct search *search = owner;
    if (mnl_attr_get_type(attr) != search->type)
        return MNL_CB_OK;
    search->found = attr;
    return MNL_CB_STOP;
}

static const struct nlattr *find(const struct nlmsghdr *message, size_t header_size, uint16_t type)
{
    struct search search = {.type = type};
    mnl_attr_parse(message, (unsigned)header_size, look_at, &search);
    return search.found;
}

static bool is_our_rule(const struct nlmsghdr *message)
{
    const struct nlattr *protocol = find(message, sizeof(struct fib_rule_hdr), FRA_PROTOCOL);
    return protocol && mnl_attr_get_u8(protocol) == ROUTES_PROTOCOL;
}

static bool is_our_route(const struct nlmsghdr *message)
{
    const struct nlattr *table = find(message, sizeof(struct rtmsg), RTA_TABLE);
    return table && mnl_attr_get_u32(table) == ROUTES_TABLE;
}

static void hear_link(struct host_watch *watch, const struct nlmsghdr *message)
{
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    bool is_down = message->nlmsg_type == RTM_DELLINK || !(link->ifi_flags & IFF_UP);
    if (link->ifi_index != watch->tun_index)
        deferred_schedule(&watch->links_changed);
    else if (is_down)
        deferred_schedule(&watch->routing_changed);
}

static void hear_address(struct host_watch *watch, const struct nlmsghdr *message)
{
    const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
    if ((int)address->ifa_index != watch->tun_index)
        deferred_schedule(&watch->links_changed);
    else if (message->nlmsg_type == RTM_DELADDR)
        deferred_schedule(&watch->routing_changed);
}

static int hear_routing(const struct nlmsghdr *message, void *owner)
{
    struct host_watch *watch = owner;
    bool is_own = message->nlmsg_pid == watch->routing_port;
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: hear_link(watch, message); break;
    case RTM_NEWADDR:
    case RTM_DELADDR: hear_address(watch, message); break;
    case RTM_DELRULE:
        if (!is_own && is_our_rule(message))
            deferred_schedule(&watch->routing_changed);
        break;
    case RTM_DELROUTE:
        if (!is_own && watch->tun_index && is_our_route(message))
            deferred_schedule(&watch->routing_changed);
        break;
    default: break;
    }
    return MNL_CB_OK;
}

/* In every nftables event about a table or what is in one, attribute 1 is the table's name. */
static bool is_our_table(const struct nlmsghdr *message)
{
    const struct nlattr *name = find(message, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
    return name && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) >= 0 &&
           strcmp(mnl_attr_get_str(name), FENCE_TABLE) == 0;
}

static bool is_about_a_table(const struct nlmsghdr *message)
{
    return message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES &&
           (message->nlmsg_type & 0xff) != NFT_MSG_NEWGEN && is_our_table(message);
}

static int hear_nftables(const struct nlmsghdr *message, void *owner)
{
    struct host_watch *watch = owner;
    if (is_about_a_table(message) && message->nlmsg_pid != watch->fence_port)
        deferred_schedule(&watch->fence_changed);
    return MNL_CB_OK;
}

/* What follows the last making of our table from the same origin is ours; the rest is a stranger's.
 */
static int learn(const struct nlmsghdr *message, void *owner)
{
    struct host_watch *watch = owner;
    if (!is_about_a_table(message))
        return MNL_CB_OK;
    if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWTABLE) {
        watch->fence_port = message->nlmsg_pid;
        deferred_cancel(&watch->fence_changed);
    } else if (message->nlmsg_pid != watch->fence_port) {
        deferred_schedule(&watch->fence_changed);
    }
    return MNL_CB_OK;
}

/* True when some events were lost. */
static bool read_events(struct host_watch *watch, struct mnl_socket *socket, mnl_cb_t fn)
{
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(socket, watch->buffer, sizeof(watch->buffer));
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return size < 0 && errno != EAGAIN;
        mnl_cb_run(watch->buffer, (size_t)size, 0, 0, fn, watch);
    }
}

static void on_routing(void *owner, int events, int err)
{
    struct host_watch *watch = owner;
    (void)events;
    (void)err;
    if (read_events(watch, watch->routing, hear_routing)) {
        deferred_schedule(&watch->links_changed);
        deferred_schedule(&watch->routing_changed);
    }
}

static void on_nftables(void *owner, int events, int err)
{
    struct host_watch *watch = owner;
    (void)events;
    (void)err;
    if (read_events(watch, watch->nftables, hear_nftables))
        deferred_schedule(&watch->fence_changed);
}

/* The kernel sends the events of a transaction before it answers it, so ours are all here. */
void host_watch_was_us(struct host_watch *watch)
{
    if (read_events(watch, watch->nftables, learn))
        deferred_schedule(&watch->fence_changed);
}

static int open_socket(int bus, const int *groups, size_t count, struct mnl_socket **ret)
{
    struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!socket)
        return -errno;
    int err = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        int group = groups[i];
        if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
            err = -errno;
    }
    if (err < 0) {
        mnl_socket_close(socket);
        return err;
    }
    *ret = socket;
    return 0;
}

static int open_routing(struct host_watch *watch, struct loop *loop)
{
    const int groups[] = {RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                          RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,   RTNLGRP_IPV4_ROUTE,
                          RTNLGRP_IPV6_ROUTE};
    int err =
        open_socket(NETLINK_ROUTE, groups, sizeof(groups) / sizeof(groups[0]), &watch->routing);
    if (err == 0)
        err = watch_open(loop, mnl_socket_get_fd(watch->routing), on_routing, watch,
                         &watch->routing_watch);
    return err < 0 ? err : watch_set(watch->routing_watch, WATCH_READ);
}

static int open_nftables(struct host_watch *watch, struct loop *loop)
{
    const int groups[] = {NFNLGRP_NFTABLES};
    int err = open_socket(NETLINK_NETFILTER, groups, 1, &watch->nftables);
    if (err == 0)
        err = watch_open(loop, mnl_socket_get_fd(watch->nftables), on_nftables, watch,
                         &watch->nftables_watch);
    return err < 0 ? err : watch_set(watch->nftables_watch, WATCH_READ);
}

int host_watch_open(struct loop *loop, uint32_t routing_port,
                    const struct host_watch_events *events, void *owner, struct host_watch **ret)
{
    struct host_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->events = *events;
    watch->owner = owner;
    watch->routing_port = routing_port;
    deferred_init(&watch->links_changed, loop, tell_links, watch);
    deferred_init(&watch->routing_changed, loop, tell_routing, watch);
    deferred_init(&watch->fence_changed, loop, tell_fence, watch);
    int err = open_routing(watch, loop);
    if (err == 0)
        err = open_nftables(watch, loop);
    if (err < 0) {
        host_watch_close(watch);
        return err;
    }
    *ret = watch;
    return 0;
}

void host_watch_close(struct host_watch *watch)
{
    if (!watch)
        return;
    deferred_cancel(&watch->links_changed);
    deferred_cancel(&watch->routing_changed);
    deferred_cancel(&watch->fence_changed);
    watch_close(watch->routing_watch);
    watch_close(watch->nftables_watch);
    if (watch->routing)
        mnl_socket_close(watch->routing);
    if (watch->nftables)
        mnl_socket_close(watch->nftables);
    free(watch);
}

/* Its making and going were our doing: what is heard until now is no news. */
void host_watch_set_tun(struct host_watch *watch, int index)
{
    on_routing(watch, WATCH_READ, 0);
    deferred_cancel(&watch->routing_changed);
    watch->tun_index = index;
}
