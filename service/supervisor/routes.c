#include "service/supervisor/routes.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { RULE_FIRST = 8900, RULE_LAST = 8910, METRIC_TUN = 10 };
static const uint32_t metric_last = UINT32_MAX;

struct rule {
    uint32_t priority;
    uint8_t action;                /* FR_ACT_TO_TBL or FR_ACT_UNREACHABLE */
    uint32_t table;                /* for FR_ACT_TO_TBL */
    uint32_t mark;                 /* 0: any */
    uid_t user;                    /* FENCE_NOBODY: any */
    const char *from_device;       /* NULL: any */
    const struct fence_prefix *to; /* NULL: any */
};

static int add_rule(struct netlink *netlink, uint8_t family, const struct rule *rule)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *space;
    struct nlmsghdr *message = netlink_message(buffer, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL,
                                               sizeof(struct fib_rule_hdr), &space);
    struct fib_rule_hdr *header = space;
    header->family = family;
    header->action = rule->action;
    mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
    mnl_attr_put_u8(message, FRA_PROTOCOL, ROUTES_PROTOCOL);
    if (rule->action == FR_ACT_TO_TBL)
        mnl_attr_put_u32(message, FRA_TABLE, rule->table);
    if (rule->mark) {
        mnl_attr_put_u32(message, FRA_FWMARK, rule->mark);
        mnl_attr_put_u32(message, FRA_FWMASK, FENCE_MARK_MASK);
    }
    if (rule->user != FENCE_NOBODY) {
        struct fib_rule_uid_range range = {.start = rule->user, .end = rule->user};
        mnl_attr_put(message, FRA_UID_RANGE, sizeof(range), &range);
    }
    if (rule->from_device)
        mnl_attr_put_strz(message, FRA_IIFNAME, rule->from_device);
    if (rule->to) {
        header->dst_len = rule->to->bits;
        mnl_attr_put(message, FRA_DST, family == AF_INET ? 4 : 16, rule->to->network.ip);
        mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, 0);
    }
    int err = netlink_change(netlink, message);
    return err == -EEXIST ? 0 : err;
}

static int add_lan_rules(struct netlink *netlink, uint8_t family, const struct fence *fence)
{
    int err = 0;
    for (size_t i = 0; err == 0 && fence->admits_lan && i < fence->onlink_count; i++) {
        const struct fence_prefix *prefix = &fence->onlink[i];
        if ((prefix->network.family == 4) != (family == AF_INET) || !fence_prefix_is_lan(prefix))
            continue;
        err = add_rule(netlink, family,
                       &(struct rule){.priority = 8906,
                                      .action = FR_ACT_TO_TBL,
                                      .table = RT_TABLE_MAIN,
                                      .user = FENCE_NOBODY,
                                      .to = prefix});
    }
    return err;
}

static int add_rules(struct netlink *netlink, uint8_t family, const struct fence *fence)
{
    const struct rule rules[] = {
        {8900, FR_ACT_TO_TBL, RT_TABLE_MAIN, FENCE_MARK_WORKER, FENCE_NOBODY, NULL, NULL},
        {8901, FR_ACT_TO_TBL, RT_TABLE_MAIN, 0, fence->worker, NULL, NULL},
        {8902, FR_ACT_UNREACHABLE, 0, FENCE_MARK_WORKER, FENCE_NOBODY, NULL, NULL},
        {8902, FR_ACT_UNREACHABLE, 0, 0, fence->worker, NULL, NULL},
        {8904, FR_ACT_TO_TBL, ROUTES_TABLE, FENCE_MARK_DNS, FENCE_NOBODY, NULL, NULL},
        {8905, FR_ACT_TO_TBL, RT_TABLE_MAIN, 0, FENCE_NOBODY, fence->tun, NULL},
        {8910, FR_ACT_TO_TBL, ROUTES_TABLE, 0, FENCE_NOBODY, NULL, NULL},
    };
    int err = add_lan_rules(netlink, family, fence);
    for (size_t i = 0; err == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
        err = add_rule(netlink, family, &rules[i]);
    return err;
}

/* `tun_index` 0: the unreachable default that stands when the TUN is gone. */
static struct nlmsghdr *default_route(void *buffer, uint16_t type, uint16_t flags, uint8_t family,
                                      int tun_index)
{
    void *header;
    struct nlmsghdr *message = netlink_message(buffer, type, flags, sizeof(struct rtmsg), &header);
    *(struct rtmsg *)header = (struct rtmsg){
        .rtm_family = family,
        .rtm_protocol = ROUTES_PROTOCOL,
        .rtm_scope = tun_index && family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = tun_index ? RTN_UNICAST : RTN_UNREACHABLE,
    };
    mnl_attr_put_u32(message, RTA_TABLE, ROUTES_TABLE);
    mnl_attr_put_u32(message, RTA_PRIORITY, tun_index ? METRIC_TUN : metric_last);
    if (tun_index)
        mnl_attr_put_u32(message, RTA_OIF, (uint32_t)tun_index);
    return message;
}

static int add_routes(struct netlink *netlink, uint8_t family, int tun_index)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    const uint16_t flags = NLM_F_CREATE | NLM_F_REPLACE;
    int err = netlink_change(netlink, default_route(buffer, RTM_NEWROUTE, flags, family, 0));
    if (err < 0)
        return err;
    err = netlink_change(netlink, default_route(buffer, RTM_NEWROUTE, flags, family, tun_index));
    if (family == AF_INET6 && (err == -EACCES || err == -EINVAL || err == -ENODEV))
        return 0; /* the TUN has no IPv6 because the host has none; unreachable then */
    return err;
}

/* A host without IPv6 needs none of it. */
static int add_family(struct netlink *netlink, uint8_t family, int tun_index,
                      const struct fence *fence)
{
    int err = add_routes(netlink, family, tun_index);
    if (err == 0)
        err = add_rules(netlink, family, fence);
    return family == AF_INET6 && (err == -EAFNOSUPPORT || err == -EOPNOTSUPP) ? 0 : err;
}

int routes_add(struct netlink *netlink, int tun_index, const struct fence *fence)
{
    int err = add_family(netlink, AF_INET, tun_index, fence);
    return err < 0 ? err : add_family(netlink, AF_INET6, tun_index, fence);
}

/* The rules that a dump found to be ours, kept as the kernel described them: a deletion is the same
 * message of another type. */
enum { FOUND_MAX = 2 * (FENCE_ONLINK_MAX + 32) };
struct found {
    struct nlmsghdr *messages[FOUND_MAX];
    size_t count;
};

struct rule_facts {
    uint32_t priority;
    uint8_t protocol;
};

static int note_rule(const struct nlattr *attr, void *owner)
{
    struct rule_facts *facts = owner;
    if (mnl_attr_get_type(attr) == FRA_PRIORITY)
        facts->priority = mnl_attr_get_u32(attr);
    if (mnl_attr_get_type(attr) == FRA_PROTOCOL)
        facts->protocol = mnl_attr_get_u8(attr);
    return MNL_CB_OK;
}

static int find_rule(const struct nlmsghdr *message, void *owner)
{
    struct found *found = owner;
    struct rule_facts facts = {0};
    mnl_attr_parse(message, sizeof(struct fib_rule_hdr), note_rule, &facts);
    if (facts.protocol != ROUTES_PROTOCOL || facts.priority < RULE_FIRST ||
        facts.priority > RULE_LAST || found->count == FOUND_MAX)
        return MNL_CB_OK;
    struct nlmsghdr *copy = malloc(message->nlmsg_len);
    if (!copy)
        return MNL_CB_OK;
    memcpy(copy, message, message->nlmsg_len);
    found->messages[found->count++] = copy;
    return MNL_CB_OK;
}

static int remove_found(struct netlink *netlink, struct found *found)
{
    int err = 0;
    for (size_t i = 0; i < found->count; i++) {
        struct nlmsghdr *removal = found->messages[i];
        removal->nlmsg_type = RTM_DELRULE;
        removal->nlmsg_flags = NLM_F_REQUEST;
        int failed = netlink_change(netlink, removal);
        if (failed < 0 && failed != -ENOENT)
            err = failed;
        free(removal);
    }
    return err;
}

static int remove_rules(struct netlink *netlink, uint8_t family)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    struct found found = {.count = 0};
    struct nlmsghdr *message =
        netlink_message(buffer, RTM_GETRULE, 0, sizeof(struct fib_rule_hdr), &header);
    ((struct fib_rule_hdr *)header)->family = family;
    int err = netlink_dump(netlink, message, find_rule, &found);
    int failed = remove_found(netlink, &found);
    return err < 0 ? err : failed;
}

static int remove_unreachable(struct netlink *netlink, uint8_t family)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    int err = netlink_change(netlink, default_route(buffer, RTM_DELROUTE, 0, family, 0));
    return err == -ESRCH || err == -ENOENT ? 0 : err;
}

static int remove_family(struct netlink *netlink, uint8_t family)
{
    int err = remove_rules(netlink, family);
    int also = remove_unreachable(netlink, family);
    err = err < 0 ? err : also;
    return family == AF_INET6 && (err == -EAFNOSUPPORT || err == -EOPNOTSUPP) ? 0 : err;
}

/* The default through the TUN goes with the TUN. */
int routes_remove(struct netlink *netlink)
{
    int err = remove_family(netlink, AF_INET);
    int also = remove_family(netlink, AF_INET6);
    return err < 0 ? err : also;
}
