/* UDP as base/dgram.h, past lwIP: one dgram per application socket (source address and port),
 * whoever it talks to, and whoever answers (full cone). RFC 768, RFC 4787. */
#ifndef TUN2SOCKS_UDP_DGRAM_H
#define TUN2SOCKS_UDP_DGRAM_H

#include "base/dgram.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "tun2socks/packet.h"
#include "tun2socks/tun.h"
#include "tun2socks/udp_train.h"

struct udp_table {
    struct loop *loop;
    struct tun *tun;
    struct map clients; /* by client address */
    struct list order;  /* the longest idle first */
    struct timer idle;
    struct udp_train train;
    uint32_t limit, idle_ms;
    uint16_t mtu;
    uint32_t fragment_id;
    uint64_t refused;             /* at the limit */
    uint64_t ended;               /* dgrams, ever */
    const struct packet *current; /* what on_datagram is being called for */
    void (*on_udp)(void *owner, struct dgram *client);
    void *owner;
};

void udp_table_init(struct udp_table *table, struct loop *loop, struct tun *tun);
/* What is left ends with -ENETDOWN and stays with its owners. */
void udp_table_done(struct udp_table *table);

/* A datagram with a right checksum. `piece_size`: it stands for several datagrams of that payload
 * (0: it does not). */
void udp_table_input(struct udp_table *table, struct packet *packet, size_t piece_size);
/* The client's kernel says that nobody reads this socket any more. */
void udp_table_gone(struct udp_table *table, const struct address *client);

#endif
