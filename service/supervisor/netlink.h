/* The kernel's netlink through libmnl: one question, one answer, both whole before the call
 * returns. The kernel answers at once, so nothing here waits. */
#ifndef SUPERVISOR_NETLINK_H
#define SUPERVISOR_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_MESSAGE_BYTES = 1024 };

struct netlink;

/* `bus`: NETLINK_ROUTE, NETLINK_SOCK_DIAG. */
int netlink_open(int bus, struct netlink **ret);
void netlink_close(struct netlink *netlink); /* NULL is accepted */
/* What the kernel writes as the origin of changes we ask for. */
uint32_t netlink_port(const struct netlink *netlink);

/* A fresh message in `buffer` (NETLINK_MESSAGE_BYTES) with its family header, which is zeroed. */
struct nlmsghdr *netlink_message(void *buffer, uint16_t type, uint16_t flags, size_t header_size,
                                 void **ret_header);
/* Change something: 0 or the kernel's negative errno. */
int netlink_change(struct netlink *netlink, struct nlmsghdr *message);
/* Look at one thing: `fn` sees it. 0 or < 0. */
int netlink_ask(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t fn, void *owner);
/* List something: `fn` sees each part. 0 or < 0. */
int netlink_dump(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t fn, void *owner);

#endif
