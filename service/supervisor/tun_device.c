#include "service/supervisor/tun_device.h"

#include "service/supervisor/steering.h"

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

static int read_features(unsigned *ret)
{
    int fd = open_driver();
    if (fd < 0)
        return fd;
    int err = ioctl(fd, TUNGETFEATURES, ret) < 0 ? -errno : 0;
    close(fd);
    return err;
}

int tun_device_probe(void)
{
    unsigned features;
    return read_features(&features);
}

int tun_device_probe_queues(void)
{
    unsigned features;
    int err = read_features(&features);
    if (err < 0)
        return err;
    if (!(features & IFF_MULTI_QUEUE))
        return -EOPNOTSUPP;
    int program = steering_load();
    if (program < 0)
        return program;
    close(program);
    return 0;
}

/* The descriptor, or < 0. */
static int attach(const char *name, int flags)
{
    struct ifreq request = {.ifr_flags = (short)flags};
    int fd = open_driver();
    if (fd < 0)
        return fd;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static int open_first(const char *name, int flags, struct tun_device *device)
{
    device->has_vnet = true;
    int fd = attach(name, flags | IFF_VNET_HDR);
    if (fd == -EINVAL) {
        device->has_vnet = false;
        fd = attach(name, flags);
    }
    if (fd < 0)
        return fd;
    device->fds[0] = fd;
    device->count = 1;
    return 0;
}

static int steer(const struct tun_device *device)
{
    int program = steering_load();
    if (program < 0)
        return program;
    int err = steering_attach(device->fds[0], program);
    close(program);
    return err;
}

/* Packets must not be on queues that nobody steers: all or none. */
static void open_others(const char *name, int flags, unsigned queues, struct tun_device *device)
{
    int err = steer(device);
    if (device->has_vnet)
        flags |= IFF_VNET_HDR;
    while (err == 0 && device->count < queues) {
        int fd = attach(name, flags);
        if (fd < 0)
            err = fd;
        else
            device->fds[device->count++] = fd;
    }
    while (err < 0 && device->count > 1)
        close(device->fds[--device->count]);
}

int tun_device_open(const char *name, unsigned queues, struct tun_device *ret)
{
    struct tun_device device = {0};
    int flags = IFF_TUN | IFF_NO_PI | (queues > 1 ? IFF_MULTI_QUEUE : 0);
    int err = open_first(name, flags, &device);
    if (err < 0)
        return err;
    if (queues > 1)
        open_others(name, flags, queues < TUN_QUEUES_MAX ? queues : TUN_QUEUES_MAX, &device);
    *ret = device;
    return 0;
}

void tun_device_close(struct tun_device *device)
{
    while (device->count > 0)
        close(device->fds[--device->count]);
}
