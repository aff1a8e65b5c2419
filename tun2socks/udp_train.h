/* Datagrams that follow each other from one peer to one application socket go to the device
 * together, as a superpacket (Linux 6.2): at most until the end of the turn, and the first one does
 * not wait. Where the device takes none, each goes alone. */
#ifndef TUN2SOCKS_UDP_TRAIN_H
#define TUN2SOCKS_UDP_TRAIN_H

#include "base/loop.h"
#include "tun2socks/ip_writer.h"
#include "tun2socks/tun.h"

enum { UDP_TRAIN_MAX_BYTES = 65000 };

struct udp_train {
    struct tun *tun;
    struct deferred flush;
    struct address peer, client; /* of the last datagram */
    size_t piece;                /* its size */
    size_t size, count;          /* of those that are kept */
    uint8_t *bytes;              /* made when first needed */
};

void udp_train_init(struct udp_train *train, struct loop *loop, struct tun *tun);
void udp_train_done(struct udp_train *train); /* what is kept is dropped */

/* One datagram that fits the device's MTU, of addresses of one family. */
void udp_train_send(struct udp_train *train, const struct address *peer,
                    const struct address *client, const void *data, size_t size);
/* What is kept goes now: before something else that must not overtake it. */
void udp_train_flush(struct udp_train *train);

#endif
