#include "service/supervisor/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { RECEIVE_BYTES = 64 * 1024 }; /* the kernel sends dumps in parts of at most 32 KB */

struct netlink {
    struct mnl_socket *socket;
    uint32_t sequence;
    size_t buffer_bytes;
    char *buffer;
};

int netlink_open(int bus, struct netlink **ret)
{
    struct netlink *netlink = calloc(1, sizeof(*netlink));
    if (!netlink)
        return -ENOMEM;
    int err = 0;
    netlink->sequence = (uint32_t)time(NULL);
    netlink->buffer_bytes = RECEIVE_BYTES;
    netlink->buffer = malloc(netlink->buffer_bytes);
    netlink->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (!netlink->buffer)
        err = -ENOMEM;
    else if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        err = -errno;
    if (err < 0) {
        netlink_close(netlink);
        return err;
    }
    *ret = netlink;
    return 0;
}

void netlink_close(struct netlink *netlink)
{
    if (!netlink)
        return;
    if (netlink->socket)
        mnl_socket_close(netlink->socket);
    free(netlink->buffer);
    free(netlink);
}

uint32_t netlink_port(const struct netlink *netlink)
{
    return mnl_socket_get_portid(netlink->socket);
}

struct nlmsghdr *netlink_message(void *buffer, uint16_t type, uint16_t flags, size_t header_size,
                                 void **ret_header)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    *ret_header = mnl_nlmsg_put_extra_header(message, header_size);
    return message;
}

/* Does this conversation end in these messages? Others that broke off may have left theirs. */
static bool has_end(const struct netlink *netlink, size_t size)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)netlink->buffer;
    int left = (int)size;
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
        if (message->nlmsg_seq == netlink->sequence &&
            (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR))
            return true;
    return false;
}

/* One that broke off (a list that changed while it was told) is heard to its end: what is left of
 * it would be taken for the answer to the next question. */
static void hear_out(struct netlink *netlink, size_t size)
{
    while (!has_end(netlink, size)) {
        ssize_t more = mnl_socket_recvfrom(netlink->socket, netlink->buffer, netlink->buffer_bytes);
        if (more < 0 && errno != EINTR)
            return;
        size = more < 0 ? 0 : (size_t)more;
    }
}

static int converse(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t fn, void *owner)
{
    message->nlmsg_seq = ++netlink->sequence;
    if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(netlink->socket, netlink->buffer, netlink->buffer_bytes);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return -errno;
        int more = mnl_cb_run(netlink->buffer, (size_t)size, netlink->sequence,
                              netlink_port(netlink), fn, owner);
        if (more < 0) {
            int err = -errno;
            hear_out(netlink, (size_t)size);
            return err;
        }
        if (more == MNL_CB_STOP)
            return 0;
    }
}

int netlink_change(struct netlink *netlink, struct nlmsghdr *message)
{
    message->nlmsg_flags |= NLM_F_ACK;
    return converse(netlink, message, NULL, NULL);
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t fn, void *owner)
{
    message->nlmsg_flags |= NLM_F_ACK; /* ends the conversation */
    return converse(netlink, message, fn, owner);
}

int netlink_dump(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t fn, void *owner)
{
    message->nlmsg_flags |= NLM_F_DUMP;
    return converse(netlink, message, fn, owner);
}
