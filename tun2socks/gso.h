/* The virtio-net header in front of each packet of a TUN device with IFF_VNET_HDR: which checksum
 * somebody vouches for, and how a superpacket would be cut. Virtio 1.2 sec. 5.1.6, and
 * include/uapi/linux/virtio_net.h. */
#ifndef TUN2SOCKS_GSO_H
#define TUN2SOCKS_GSO_H

#include "tun2socks/packet.h"

#include <linux/virtio_net.h>

/* What came in. */
bool gso_vouches_checksum(const struct virtio_net_hdr *header);
/* How many payload bytes each of the datagrams has that a UDP superpacket stands for; 0: it is one
 * datagram. */
size_t gso_datagram_size(const struct virtio_net_hdr *header);

/* What goes out: `transport_at` is where the TCP or UDP header starts and `header_size` where the
 * payload does, both counted from the IP header; the checksum field holds the pseudo header's sum.
 * `piece_size` is the payload of each packet on the wire if `payload_size` is more than that. */
struct virtio_net_hdr gso_for_tcp(uint8_t family, size_t transport_at, size_t header_size,
                                  size_t payload_size, size_t piece_size);
struct virtio_net_hdr gso_for_udp(size_t transport_at, size_t payload_size, size_t piece_size);

#endif
