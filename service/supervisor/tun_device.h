/* The TUN device: made by opening it, gone when the last descriptor of it is closed. Each
 * descriptor is a queue with packets of its own; a queue outlives whoever read from it as long as
 * its descriptor is held here. */
#ifndef SUPERVISOR_TUN_DEVICE_H
#define SUPERVISOR_TUN_DEVICE_H

#include <stdbool.h>

#define TUN_DEVICE_PATH "/dev/net/tun"

enum { TUN_QUEUES_MAX = 8 };

struct tun_device {
    unsigned count; /* of queues; 0: not open */
    int fds[TUN_QUEUES_MAX];
    bool has_vnet; /* frames carry the virtio header that offloads need */
};

/* Is there a TUN driver at all? 0 or < 0. */
int tun_device_probe(void);
/* Can packets be steered to several queues here? 0 or < 0. */
int tun_device_probe_queues(void);
/* 0, -EBUSY (a device of this name is held by somebody), ... The descriptors do not block and are
 * close-on-exec. A kernel that refuses several queues gives one. */
int tun_device_open(const char *name, unsigned queues, struct tun_device *ret);
void tun_device_close(struct tun_device *device); /* idempotent */

#endif
