#include "service/supervisor/sockets.h"

#include "service/supervisor/netlink.h"
#include "service/supervisor/steering.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* All but the listening ones: those are bound to an address by choice. */
static const uint32_t wanted_states = ~(1u << TCP_LISTEN);

struct sweep {
    struct netlink *enders; /* another socket: the first is busy listing */
    const struct sockets_wanted *wanted;
    uint8_t protocol;
    int ended, err;
};

static struct nlmsghdr *request(void *buffer, uint16_t type, uint8_t family, uint8_t protocol,
                                const struct inet_diag_sockid *id)
{
    void *header;
    struct nlmsghdr *message =
        netlink_message(buffer, type, 0, sizeof(struct inet_diag_req_v2), &header);
    struct inet_diag_req_v2 *wanted = header;
    wanted->sdiag_family = family;
    wanted->sdiag_protocol = protocol;
    wanted->idiag_states = wanted_states;
    if (id)
        wanted->id = *id;
    return message;
}

static bool is_steered_there(const struct sockets_wanted *wanted, const struct inet_diag_sockid *id)
{
    return wanted->queues == 0 || steering_queue(ntohs(id->idiag_sport), ntohs(id->idiag_dport),
                                                 wanted->queues) == wanted->queue;
}

static bool is_own(const struct sockets_wanted *wanted, const struct inet_diag_msg *found)
{
    struct address address = {.family = found->idiag_family == AF_INET ? 4 : 6};
    memcpy(address.ip, found->id.idiag_src, address.family == 4 ? 4 : 16);
    address = address_unmapped(&address);
    for (size_t i = 0; i < sizeof(wanted->own) / sizeof(wanted->own[0]); i++) {
        struct address own = wanted->own[i];
        own.port = 0;
        if (own.family != 0 && address_is_equal(&own, &address))
            return true;
    }
    return false;
}

static int see(const struct nlmsghdr *message, void *owner)
{
    struct sweep *sweep = owner;
    char buffer[NETLINK_MESSAGE_BYTES];
    const struct inet_diag_msg *found = mnl_nlmsg_get_payload(message);
    if (!is_own(sweep->wanted, found) || !is_steered_there(sweep->wanted, &found->id))
        return MNL_CB_OK;
    int err = netlink_change(sweep->enders, request(buffer, SOCK_DESTROY, found->idiag_family,
                                                    sweep->protocol, &found->id));
    if (err == 0)
        sweep->ended++;
    else if (err != -ENOENT) /* it went by itself */
        sweep->err = err;
    return MNL_CB_OK;
}

static int sweep_all(struct netlink *lister, struct sweep *sweep)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    char buffer[NETLINK_MESSAGE_BYTES];
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof(families); i++)
        err = netlink_dump(lister,
                           request(buffer, SOCK_DIAG_BY_FAMILY, families[i], sweep->protocol, NULL),
                           see, sweep);
    return err < 0 ? err : sweep->err;
}

int sockets_end(const struct sockets_wanted *wanted)
{
    struct netlink *lister = NULL;
    struct sweep sweep = {.wanted = wanted, .protocol = IPPROTO_TCP};
    int err = netlink_open(NETLINK_SOCK_DIAG, &lister);
    if (err == 0)
        err = netlink_open(NETLINK_SOCK_DIAG, &sweep.enders);
    if (err == 0)
        err = sweep_all(lister, &sweep);
    if (err == 0 && wanted->with_udp) {
        sweep.protocol = IPPROTO_UDP;
        err = sweep_all(lister, &sweep);
    }
    netlink_close(lister);
    netlink_close(sweep.enders);
    return err < 0 ? err : sweep.ended;
}
