/* The host's network devices: which of them lead out, what they reach without a router; and how our
 * own is set up. */
#ifndef SUPERVISOR_LINKS_H
#define SUPERVISOR_LINKS_H

#include "killswitch/fence.h"
#include "service/supervisor/netlink.h"

struct links {
    size_t device_count;
    char devices[FENCE_DEVICES_MAX][16];
    int indexes[FENCE_DEVICES_MAX];
    size_t onlink_count;
    struct fence_prefix onlink[FENCE_ONLINK_MAX];
    size_t left_out; /* more than we have room for */
};

/* Everything but loopback and `tun`. 0 or < 0. */
int links_read(struct netlink *netlink, const char *tun, struct links *ret);

bool links_are_equal(const struct links *a, const struct links *b);

struct link_setup {
    uint16_t mtu;
    struct address address4, address6;
};
/* MTU, addresses, no automatic IPv6 address, up. A host without IPv6 gets none. Idempotent. */
int link_set_up(struct netlink *netlink, int index, const struct link_setup *setup);
/* Delete a TUN device by its name, whoever holds it; a device of another kind is left alone
 * (-EEXIST). 0 also when there is none. */
int link_delete_tun(struct netlink *netlink, const char *name);

#endif
