#include "service/supervisor/tun_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_driver(void)
{
    int fd = open(TUN_DEVICE_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tun_device_probe(void)
{
    unsigned features;
    int fd = open_driver();
    if (fd < 0)
        return fd;
    int err = ioctl(fd, TUNGETFEATURES, &features) < 0 ? -errno : 0;
    close(fd);
    return err;
}

static int attach(int fd, const char *name, int flags)
{
    struct ifreq request = {.ifr_flags = (short)flags};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tun_device_open(const char *name, int *ret_fd, bool *ret_has_vnet)
{
    int fd = open_driver();
    if (fd < 0)
        return fd;
    bool has_vnet = true;
    int err = attach(fd, name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
    if (err == -EINVAL) {
        has_vnet = false;
        err = attach(fd, name, IFF_TUN | IFF_NO_PI);
    }
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_has_vnet = has_vnet;
    return 0;
}
