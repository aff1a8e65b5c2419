/* The TUN device: made by opening it, gone when the last descriptor of it is closed. */
#ifndef SUPERVISOR_TUN_DEVICE_H
#define SUPERVISOR_TUN_DEVICE_H

#include <stdbool.h>

#define TUN_DEVICE_PATH "/dev/net/tun"

/* Is there a TUN driver at all? 0 or < 0. */
int tun_device_probe(void);
/* 0, -EBUSY (a device of this name is held by somebody), ... The descriptor does not block and is
 * close-on-exec; *ret_has_vnet: frames carry the virtio header that offloads need. */
int tun_device_open(const char *name, int *ret_fd, bool *ret_has_vnet);

#endif
