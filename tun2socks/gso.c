#include "tun2socks/gso.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { TCP_CHECKSUM_AT = 16, UDP_CHECKSUM_AT = 6 };

bool gso_vouches_checksum(const struct virtio_net_hdr *header)
{
    return (header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0;
}

size_t gso_datagram_size(const struct virtio_net_hdr *header)
{
    return header->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4 ? header->gso_size : 0;
}

struct virtio_net_hdr gso_for_tcp(uint8_t family, size_t transport_at, size_t header_size,
                                  size_t payload_size, size_t piece_size)
{
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = (uint16_t)transport_at,
        .csum_offset = TCP_CHECKSUM_AT,
    };
    if (payload_size > piece_size) {
        header.gso_type = family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        header.gso_size = (uint16_t)piece_size;
        header.hdr_len = (uint16_t)header_size;
    }
    return header;
}

struct virtio_net_hdr gso_for_udp(size_t transport_at, size_t payload_size, size_t piece_size)
{
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = (uint16_t)transport_at,
        .csum_offset = UDP_CHECKSUM_AT,
    };
    if (payload_size > piece_size) {
        header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
        header.gso_size = (uint16_t)piece_size;
        header.hdr_len = (uint16_t)(transport_at + UDP_HEADER_BYTES);
    }
    return header;
}
