#include "tun2socks/tun.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static unsigned offload_bits(enum tun_offload offload)
{
    static const unsigned bits[] = {
        [TUN_OFFLOAD_NONE] = 0,
        [TUN_OFFLOAD_CHECKSUM] = TUN_F_CSUM,
        [TUN_OFFLOAD_TCP] = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
        [TUN_OFFLOAD_UDP] = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6,
    };
    return bits[offload];
}

static bool is_device(int fd)
{
    struct ifreq request = {0};
    return ioctl(fd, TUNGETIFF, &request) == 0;
}

static enum tun_offload negotiate(int fd, enum tun_offload most)
{
    enum tun_offload offload = most;
    while (offload > TUN_OFFLOAD_NONE && ioctl(fd, TUNSETOFFLOAD, offload_bits(offload)) < 0)
        offload--;
    if (offload == TUN_OFFLOAD_NONE)
        ioctl(fd, TUNSETOFFLOAD, 0UL); /* an earlier owner may have asked for more */
    return offload;
}

int tun_open(struct tun *tun, int fd, bool with_vnet, enum tun_offload most)
{
    int header_size = sizeof(struct virtio_net_hdr);
    *tun = (struct tun){.fd = fd, .has_vnet = with_vnet};
    if (!with_vnet)
        return 0;
    tun->offload = most;
    if (!is_device(fd))
        return 0;
    if (ioctl(fd, TUNSETVNETHDRSZ, &header_size) < 0)
        return -errno;
    tun->offload = negotiate(fd, most);
    return 0;
}

ssize_t tun_read(struct tun *tun, void *data, size_t capacity, struct virtio_net_hdr *ret_header)
{
    struct virtio_net_hdr header = {0};
    struct iovec parts[] = {{.iov_base = &header, .iov_len = sizeof(header)},
                            {.iov_base = data, .iov_len = capacity}};
    ssize_t header_size = tun->has_vnet ? (ssize_t)sizeof(header) : 0;
    ssize_t size = tun->has_vnet ? readv(tun->fd, parts, 2) : read(tun->fd, data, capacity);
    if (size < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (size == 0)
        return -EPIPE;
    size = size > header_size ? size - header_size : 0;
    tun->packets_in++;
    tun->bytes_in += (uint64_t)size;
    *ret_header = header;
    return size;
}

void tun_write(struct tun *tun, const struct virtio_net_hdr *header, struct iovec *parts, int count)
{
    parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)header, .iov_len = sizeof(*header)};
    ssize_t written =
        tun->has_vnet ? writev(tun->fd, parts, count) : writev(tun->fd, parts + 1, count - 1);
    if (written < 0) {
        tun->dropped_out++;
        return;
    }
    tun->packets_out++;
    tun->bytes_out += (uint64_t)written - (tun->has_vnet ? sizeof(*header) : 0);
}

void tun_write_packet(struct tun *tun, const void *data, size_t size)
{
    static const struct virtio_net_hdr finished = {0};
    struct iovec parts[2];
    parts[1] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    tun_write(tun, &finished, parts, 2);
}
