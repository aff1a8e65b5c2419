/* A netstack whose TUN device is a socket pair: the test holds the other end and plays the kernel
 * of the applications. Links tun2socks and cmocka. */
#ifndef TESTS_FAKE_TUN_RIG_H
#define TESTS_FAKE_TUN_RIG_H

#include "tests/fake/packet_bytes.h"
#include "tun2socks/netstack.h"

#include <linux/virtio_net.h>

enum { RIG_INBOUNDS_MAX = 64 };

struct tun_rig {
    struct loop *loop;
    int fd; /* the kernel's end */
    int device;
    bool has_vnet;
    struct netstack *netstack;
    struct inbound *inbounds[RIG_INBOUNDS_MAX]; /* that wait for the test */
    int inbound_count;
    struct dgram *dgram; /* the newest */
    int dgram_count;
    int gone_count, end_count, end_err;
    int echo_count; /* questions that the test has to answer */
    struct address echo_target;
    struct virtio_net_hdr said; /* in front of the last packet from the netstack */
    struct endpoint peer;       /* of the last datagram */
    uint8_t datagram[PACKET_BYTES_MAX];
    size_t datagram_size;
    int datagram_count;
    bool refuses_udp;
    bool keeps_one_dgram; /* closes the last one when a new one comes */
};

struct netstack_options rig_options(void);
void rig_open(struct tun_rig *rig, const struct netstack_options *options, bool with_vnet);
void rig_close(struct tun_rig *rig);

/* Give one packet to the netstack and let it work. */
void rig_put(struct tun_rig *rig, const uint8_t *packet, size_t size);
/* Run the loop until there is nothing to do at once. */
void rig_turn(struct tun_rig *rig);
/* The next packet from the netstack; false: none is there. Fails the test if it is malformed. */
bool rig_next(struct tun_rig *rig, struct seen *ret);
/* The same unread and unjudged; what is left to the device is done. */
bool rig_receive(struct tun_rig *rig, struct seen *ret);
void rig_drain(struct tun_rig *rig);
void rig_pass_ms(struct tun_rig *rig, uint64_t ms); /* of the fake clock, in steps */

struct address rig_address(const char *text);

/* A TCP client that does as it is told. */
struct rig_client {
    struct tun_rig *rig;
    struct address address, target;
    uint32_t seq, ack; /* next to send, next expected */
    uint16_t window;
};
void client_init(struct rig_client *client, struct tun_rig *rig, const char *address,
                 const char *target);
/* `data` advances seq, as do SYN and FIN. */
void client_send(struct rig_client *client, uint8_t flags, const void *data, size_t size);
void client_send_at(struct rig_client *client, uint32_t seq, uint8_t flags, const void *data,
                    size_t size);
/* Expects a segment to this client with exactly these flags (PSH aside). */
void client_expect(struct rig_client *client, uint8_t flags, struct seen *ret);
/* Handshake; returns the admitted stream. */
struct stream *client_connect(struct rig_client *client);

#endif
