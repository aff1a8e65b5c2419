#include "service/supervisor/socket_owner.h"

#include "service/supervisor/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

struct answer {
    struct socket_owner owner;
    bool is_found;
    uint16_t local_port; /* wanted */
};

static bool is_askable(const struct socket_wanted *wanted)
{
    bool is_known = wanted->protocol == IPPROTO_TCP || wanted->protocol == IPPROTO_UDP;
    bool is_paired = wanted->local.family == wanted->peer.family && wanted->local.family != 0;
    return is_known && is_paired && wanted->local.port != 0 && wanted->peer.port != 0;
}

/* Of UDP the kernel looks for who would receive what comes from there, so its source is the peer
 * (udp_dump_one); of TCP it looks for the connection with these ends. */
static void set_ends(const struct socket_wanted *wanted, struct inet_diag_sockid *id)
{
    bool is_udp = wanted->protocol == IPPROTO_UDP;
    const struct address *source = is_udp ? &wanted->peer : &wanted->local;
    const struct address *target = is_udp ? &wanted->local : &wanted->peer;
    id->idiag_sport = htons(source->port);
    id->idiag_dport = htons(target->port);
    memcpy(id->idiag_src, source->ip, sizeof(source->ip));
    memcpy(id->idiag_dst, target->ip, sizeof(target->ip));
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static struct nlmsghdr *question(void *buffer, const struct socket_wanted *wanted)
{
    void *header;
    struct nlmsghdr *message =
        netlink_message(buffer, SOCK_DIAG_BY_FAMILY, 0, sizeof(struct inet_diag_req_v2), &header);
    struct inet_diag_req_v2 *asked = header;
    asked->sdiag_family = wanted->local.family == 4 ? AF_INET : AF_INET6;
    asked->sdiag_protocol = (uint8_t)wanted->protocol;
    asked->idiag_states = ~0u;
    set_ends(wanted, &asked->id);
    return message;
}

/* One that waits for its last packets to die has no inode any more. */
static int see(const struct nlmsghdr *message, void *owner)
{
    struct answer *answer = owner;
    const struct inet_diag_msg *found = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_len < mnl_nlmsg_size(sizeof(*found)) || found->idiag_inode == 0 ||
        found->idiag_state == TCP_LISTEN || ntohs(found->id.idiag_sport) != answer->local_port)
        return MNL_CB_OK;
    answer->owner = (struct socket_owner){found->idiag_uid, found->idiag_inode};
    answer->is_found = true;
    return MNL_CB_OK;
}

int socket_owner_find(struct netlink *diag, const struct socket_wanted *wanted,
                      struct socket_owner *ret)
{
    char buffer[NETLINK_MESSAGE_BYTES];
    struct answer answer = {.local_port = wanted->local.port};
    if (!is_askable(wanted))
        return -EINVAL;
    int err = netlink_ask(diag, question(buffer, wanted), see, &answer);
    if (err == 0 && !answer.is_found)
        err = -ENOENT;
    if (err == 0)
        *ret = answer.owner;
    return err;
}
