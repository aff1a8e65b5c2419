/* Hears what others do to the host while it is protected: devices and addresses that come and go,
 * our tables or rules removed. Says what kind of thing happened; the owner looks for itself and
 * mends. */
#ifndef SUPERVISOR_HOST_WATCH_H
#define SUPERVISOR_HOST_WATCH_H

#include "base/loop.h"

struct host_watch;

struct host_watch_events {
    loop_fn *on_links;   /* a device or an address of the host changed */
    loop_fn *on_routing; /* one of our rules, our routes or the TUN changed, not by us */
    loop_fn *on_fence;   /* our tables were changed, not by us */
};

/* `routing_port`: where our own changes of routes come from (netlink's origin). */
int host_watch_open(struct loop *loop, uint32_t routing_port,
                    const struct host_watch_events *events, void *owner, struct host_watch **ret);
void host_watch_close(struct host_watch *watch); /* NULL is accepted */

/* The TUN's index while there is one, else 0. */
void host_watch_set_tun(struct host_watch *watch, int index);
/* To be called right after each change we made to the fence: what is heard until now was us, and
 * from its origin we are known from now on. */
void host_watch_was_us(struct host_watch *watch);

#endif
