/* What protection changes on the host besides the fence: the TUN device, routes and rules, kernel
 * settings. Goes up in that order and down in the reverse one; each part is idempotent and cleans
 * up what a killed predecessor left. The fence is armed before and outlasts it all. */
#ifndef SUPERVISOR_HOST_NET_H
#define SUPERVISOR_HOST_NET_H

#include "killswitch/fence.h"
#include "service/supervisor/links.h"
#include "service/supervisor/tun_device.h"

#include <stdbool.h>

struct host_net;

struct host_net_error {
    char text[256]; /* a sentence for people */
};

/* `run_dir` is borrowed for the whole life: old kernel settings are kept there. */
int host_net_new(const char *run_dir, struct host_net **ret);
/* Changes nothing on the host but what ends with the last TUN descriptor. NULL is accepted. */
void host_net_free(struct host_net *host_net);

/* The devices and networks of this host, for the fence. */
int host_net_survey(struct host_net *host_net, const char *tun, struct links *ret);

/* From nothing to all, or nothing: < 0 with *error. The fence must be armed. */
int host_net_up(struct host_net *host_net, const struct fence *fence, uint16_t mtu, unsigned queues,
                struct host_net_error *error);
/* Put back what is missing (a rule or route that somebody removed). -ENODEV: the TUN itself is
 * gone, go down and up again. */
int host_net_repair(struct host_net *host_net, const struct fence *fence,
                    struct host_net_error *error);
/* Rules anew: the LAN's networks are others now. Meanwhile the fence holds. */
int host_net_reroute(struct host_net *host_net, const struct fence *fence,
                     struct host_net_error *error);
/* Everything as it was before; applications' sockets that used the TUN are ended. Also for
 * leftovers: the TUN of that name is deleted if it is a TUN device. */
int host_net_down(struct host_net *host_net, const struct fence *fence,
                  struct host_net_error *error);
/* What this queue of the TUN carried is lost: end the applications' TCP sockets that used it. */
void host_net_cut(const struct host_net *host_net, const struct fence *fence, unsigned queue);

bool host_net_is_up(const struct host_net *host_net);
/* While up: the device and its queues; borrowed until it goes down. */
const struct tun_device *host_net_tun(const struct host_net *host_net);
int host_net_tun_index(const struct host_net *host_net);
/* The origin of our own route changes, for whoever watches them. */
uint32_t host_net_port(const struct host_net *host_net);

#endif
