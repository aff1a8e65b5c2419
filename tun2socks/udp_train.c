#include "tun2socks/udp_train.h"

#include "tun2socks/gso.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 64 }; /* UDP_MAX_SEGMENTS of older kernels */

static void write_packet(struct tun *tun, const struct address *peer, const struct address *client,
                         const void *data, size_t size, size_t piece)
{
    uint8_t headers[IP_WRITER_HEADER_MAX + UDP_HEADER_BYTES];
    size_t ip_size = ip_write_header(headers, peer, client, IPPROTO_UDP, UDP_HEADER_BYTES + size);
    struct virtio_net_hdr header = {0};
    if (tun->has_vnet)
        header = gso_for_udp(ip_size, size, piece);
    udp_write_header(headers + ip_size, peer, client, data, size, tun->has_vnet);
    struct iovec parts[3];
    parts[1] = (struct iovec){.iov_base = headers, .iov_len = ip_size + UDP_HEADER_BYTES};
    parts[2] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    tun_write(tun, &header, parts, 3);
}

void udp_train_flush(struct udp_train *train)
{
    if (train->count > 0)
        write_packet(train->tun, &train->peer, &train->client, train->bytes, train->size,
                     train->piece);
    train->size = train->count = 0;
    deferred_cancel(&train->flush);
}

static void on_flush(void *owner)
{
    udp_train_flush(owner);
}

void udp_train_init(struct udp_train *train, struct loop *loop, struct tun *tun)
{
    *train = (struct udp_train){.tun = tun};
    deferred_init(&train->flush, loop, on_flush, train);
}

void udp_train_done(struct udp_train *train)
{
    deferred_cancel(&train->flush);
    free(train->bytes);
    train->bytes = NULL;
}

static bool can_keep(struct udp_train *train)
{
    if (train->tun->offload < TUN_OFFLOAD_UDP || 2 * train->piece > UDP_TRAIN_MAX_BYTES)
        return false;
    if (!train->bytes)
        train->bytes = malloc(UDP_TRAIN_MAX_BYTES);
    return train->bytes != NULL;
}

static void keep(struct udp_train *train, const void *data, size_t size)
{
    if (train->count == 0)
        deferred_schedule(&train->flush);
    memcpy(train->bytes + train->size, data, size);
    train->size += size;
    train->count++;
    /* Only the last one of a superpacket may be shorter. */
    if (size < train->piece || train->count == PIECES_MAX ||
        train->size + train->piece > UDP_TRAIN_MAX_BYTES)
        udp_train_flush(train);
}

void udp_train_send(struct udp_train *train, const struct address *peer,
                    const struct address *client, const void *data, size_t size)
{
    bool follows = size > 0 && train->piece > 0 &&
                   (train->count > 0 ? size <= train->piece : size == train->piece) &&
                   address_is_equal(&train->client, client) && address_is_equal(&train->peer, peer);
    if (follows && can_keep(train)) {
        keep(train, data, size);
        return;
    }
    udp_train_flush(train);
    train->peer = *peer;
    train->client = *client;
    train->piece = size;
    write_packet(train->tun, peer, client, data, size, size);
}
