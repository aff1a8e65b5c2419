#include "service/supervisor/links.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* What arrives while the worker is not on a CPU has to fit: a flood of small packets would
 * otherwise push out everybody's acknowledgements within milliseconds. */
enum { TX_QUEUE_PACKETS = 5000 };

/* A list that changed while the kernel told it (EINTR) is asked for again. */
enum { SURVEYS_MAX = 5 };

/* Addresses of a link that is on the way up or down may come and go between the two dumps; the
 * events that follow bring us back here. */
struct survey {
    struct links *links;
    const char *tun;
};

struct link_facts {
    const char *name, *kind;
    bool has_master, has_far_end;
};

static int note_kind(const struct nlattr *attr, void *owner)
{
    struct link_facts *facts = owner;
    if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
        facts->kind = mnl_attr_get_str(attr);
    return MNL_CB_OK;
}

static int note_link(const struct nlattr *attr, void *owner)
{
    struct link_facts *facts = owner;
    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME: facts->name = mnl_attr_get_str(attr); break;
    case IFLA_MASTER: facts->has_master = true; break;
    case IFLA_LINK_NETNSID: facts->has_far_end = true; break;
    case IFLA_LINKINFO: return mnl_attr_parse_nested(attr, note_kind, facts);
    default: break;
    }
    return MNL_CB_OK;
}

/* Hardware has no kind. Bridges, VLANs, tunnels and the like send through hardware in the end,
 * where the layer 2 chain meets their frames. In a container the way out is a device whose other
 * end lies in another namespace; the host's ends of its containers look the same, but belong to a
 * bridge. */
static bool leads_out(const struct link_facts *facts)
{
    return !facts->kind || (facts->has_far_end && !facts->has_master);
}

static int survey_link(const struct nlmsghdr *message, void *owner)
{
    struct survey *survey = owner;
    struct links *links = survey->links;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    struct link_facts facts = {0};
    mnl_attr_parse(message, sizeof(*link), note_link, &facts);
    if (!facts.name || link->ifi_flags & IFF_LOOPBACK || strcmp(facts.name, survey->tun) == 0 ||
        !leads_out(&facts))
        return MNL_CB_OK;
    if (links->device_count == FENCE_DEVICES_MAX) {
        links->left_out++;
        return MNL_CB_OK;
    }
    size_t at = links->device_count++;
    snprintf(links->devices[at], sizeof(links->devices[at]), "%s", facts.name);
    links->indexes[at] = link->ifi_index;
    return MNL_CB_OK;
}

struct address_facts {
    const struct nlattr *local, *address;
};

static int note_address(const struct nlattr *attr, void *owner)
{
    struct address_facts *facts = owner;
    if (mnl_attr_get_type(attr) == IFA_LOCAL)
        facts->local = attr;
    if (mnl_attr_get_type(attr) == IFA_ADDRESS) /* the far end of a point-to-point link */
        facts->address = attr;
    return MNL_CB_OK;
}

static void clear_host_bits(struct fence_prefix *prefix)
{
    for (unsigned bit = prefix->bits; bit < 128; bit++)
        prefix->network.ip[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

static bool is_known(const struct links *links, const struct fence_prefix *prefix)
{
    for (size_t i = 0; i < links->onlink_count; i++)
        if (links->onlink[i].bits == prefix->bits &&
            address_is_equal(&links->onlink[i].network, &prefix->network))
            return true;
    return false;
}

static int survey_address(const struct nlmsghdr *message, void *owner)
{
    struct survey *survey = owner;
    struct links *links = survey->links;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    struct address_facts facts = {0};
    mnl_attr_parse(message, sizeof(*header), note_address, &facts);
    const struct nlattr *from = facts.address ? facts.address : facts.local;
    char name[IF_NAMESIZE];
    if (!from || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
        !if_indextoname(header->ifa_index, name) || strcmp(name, survey->tun) == 0)
        return MNL_CB_OK;

    struct fence_prefix prefix = {.bits = header->ifa_prefixlen};
    prefix.network.family = header->ifa_family == AF_INET ? 4 : 6;
    size_t size = prefix.network.family == 4 ? 4 : 16;
    if (mnl_attr_get_payload_len(from) != size)
        return MNL_CB_OK;
    memcpy(prefix.network.ip, mnl_attr_get_payload(from), size);
    clear_host_bits(&prefix);
    if (address_is_loopback(&prefix.network) || is_known(links, &prefix))
        return MNL_CB_OK;
    if (links->onlink_count == FENCE_ONLINK_MAX)
        links->left_out++;
    else
        links->onlink[links->onlink_count++] = prefix;
    return MNL_CB_OK;
}

static int read_once(struct netlink *netlink, const char *tun, struct links *ret)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    struct links links = {0};
    struct survey survey = {.links = &links, .tun = tun};

    struct nlmsghdr *message =
        netlink_message(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &header);
    int err = netlink_dump(netlink, message, survey_link, &survey);
    if (err == 0) {
        message = netlink_message(buffer, RTM_GETADDR, 0, sizeof(struct ifaddrmsg), &header);
        err = netlink_dump(netlink, message, survey_address, &survey);
    }
    if (err < 0)
        return err;
    *ret = links;
    return 0;
}

int links_read(struct netlink *netlink, const char *tun, struct links *ret)
{
    int err = -EINTR;
    for (int i = 0; err == -EINTR && i < SURVEYS_MAX; i++)
        err = read_once(netlink, tun, ret);
    return err;
}

/* By index too: a device that went and came back has lost its chain. */
bool links_are_equal(const struct links *a, const struct links *b)
{
    if (a->device_count != b->device_count || a->onlink_count != b->onlink_count)
        return false;
    for (size_t i = 0; i < a->device_count; i++)
        if (a->indexes[i] != b->indexes[i] || strcmp(a->devices[i], b->devices[i]) != 0)
            return false;
    for (size_t i = 0; i < a->onlink_count; i++)
        if (!is_known(b, &a->onlink[i]))
            return false;
    return true;
}

/* The kernel would give the device a link-local address, and speak from it. */
static void refuse_own_address6(struct netlink *netlink, int index)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    struct nlmsghdr *message =
        netlink_message(buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &header);
    ((struct ifinfomsg *)header)->ifi_index = index;
    struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *family = mnl_attr_nest_start(message, AF_INET6);
    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(message, family);
    mnl_attr_nest_end(message, families);
    netlink_change(netlink, message); /* without IPv6 there is nothing to refuse */
}

static int add_address(struct netlink *netlink, int index, const struct address *address)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    if (address->family == 0)
        return 0;
    bool is_v4 = address->family == 4;
    struct nlmsghdr *message = netlink_message(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
                                               sizeof(struct ifaddrmsg), &header);
    *(struct ifaddrmsg *)header = (struct ifaddrmsg){
        .ifa_family = is_v4 ? AF_INET : AF_INET6,
        .ifa_prefixlen = is_v4 ? 32 : 128,
        .ifa_flags = IFA_F_NODAD,
        .ifa_index = (uint32_t)index,
    };
    mnl_attr_put(message, IFA_LOCAL, is_v4 ? 4 : 16, address->ip);
    mnl_attr_put(message, IFA_ADDRESS, is_v4 ? 4 : 16, address->ip);
    int err = netlink_change(netlink, message);
    if (!is_v4 && (err == -EACCES || err == -EOPNOTSUPP || err == -EAFNOSUPPORT))
        return 0; /* IPv6 is switched off on this host */
    return err == -EEXIST ? 0 : err;
}

static int raise_link(struct netlink *netlink, int index, uint16_t mtu)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    void *header;
    struct nlmsghdr *message =
        netlink_message(buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &header);
    struct ifinfomsg *link = header;
    link->ifi_index = index;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    mnl_attr_put_u32(message, IFLA_MTU, mtu);
    mnl_attr_put_u32(message, IFLA_TXQLEN, TX_QUEUE_PACKETS);
    return netlink_change(netlink, message);
}

int link_set_up(struct netlink *netlink, int index, const struct link_setup *setup)
{
    refuse_own_address6(netlink, index);
    int err = raise_link(netlink, index, setup->mtu);
    if (err == 0)
        err = add_address(netlink, index, &setup->address4);
    if (err == 0)
        err = add_address(netlink, index, &setup->address6);
    return err;
}

static int find_kind(const struct nlmsghdr *message, void *owner)
{
    struct link_facts facts = {0};
    mnl_attr_parse(message, sizeof(struct ifinfomsg), note_link, &facts);
    *(bool *)owner = facts.kind && strcmp(facts.kind, "tun") == 0;
    return MNL_CB_OK;
}

static struct nlmsghdr *message_about(void *buffer, uint16_t type, int index)
{
    void *header;
    struct nlmsghdr *message = netlink_message(buffer, type, 0, sizeof(struct ifinfomsg), &header);
    ((struct ifinfomsg *)header)->ifi_index = index;
    return message;
}

int link_delete_tun(struct netlink *netlink, const char *name)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    int index = (int)if_nametoindex(name);
    if (index == 0)
        return 0;
    bool is_tun = false;
    int err = netlink_ask(netlink, message_about(buffer, RTM_GETLINK, index), find_kind, &is_tun);
    if (err == 0 && !is_tun)
        return -EEXIST;
    if (err == 0)
        err = netlink_change(netlink, message_about(buffer, RTM_DELLINK, index));
    return err == -ENODEV ? 0 : err;
}
