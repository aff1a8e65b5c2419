/* Packets from and to a TUN descriptor that somebody else opened. Knows about offloads, not about
 * what is in the packets. */
#ifndef TUN2SOCKS_TUN_H
#define TUN2SOCKS_TUN_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What the kernel may hand over, each step including those before it. */
enum tun_offload {
    TUN_OFFLOAD_NONE,     /* every packet as on a wire, checksums finished */
    TUN_OFFLOAD_CHECKSUM, /* checksums may be left to us */
    TUN_OFFLOAD_TCP,      /* TCP superpackets */
    TUN_OFFLOAD_UDP,      /* UDP superpackets (Linux 6.2) */
};

struct tun {
    int fd;
    bool has_vnet; /* each packet has a struct virtio_net_hdr in front */
    enum tun_offload offload;
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint64_t dropped_out; /* the kernel did not take it */
};

/* Borrows `fd`. Asks for the offloads up to `most`, for less where the kernel refuses. A descriptor
 * that is no TUN device (in tests the other end is a program) has nobody to ask and is taken to
 * understand all. Returns 0 or a negative code. */
int tun_open(struct tun *tun, int fd, bool with_vnet, enum tun_offload most);

/* One packet, at most `capacity` bytes of it; *ret_header is zeroes without vnet. Returns its size;
 * -EAGAIN none is there; other < 0 the device is broken. */
ssize_t tun_read(struct tun *tun, void *data, size_t capacity, struct virtio_net_hdr *ret_header);

/* One packet in pieces; parts[0] is left free by the caller for the vnet header. A packet that the
 * kernel does not take is dropped and counted. */
void tun_write(struct tun *tun, const struct virtio_net_hdr *header, struct iovec *parts,
               int count);
/* The same for a finished packet in one piece. */
void tun_write_packet(struct tun *tun, const void *data, size_t size);

#endif
