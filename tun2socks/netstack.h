/* Packets in, conversations out: the TUN descriptor, lwIP behind it, and what comes of them.
 * Accepts any destination, IPv4 and IPv6. One per process: lwIP's state is global.
 *
 * A TCP SYN becomes an inbound that lwIP sees only when it is admitted; an application's UDP socket
 * (source address and port) becomes a dgram at its first datagram and ends by its idle timeout. */
#ifndef TUN2SOCKS_NETSTACK_H
#define TUN2SOCKS_NETSTACK_H

#include "base/dgram.h"
#include "base/inbound.h"

#include <stdint.h>

struct netstack;

/* What ICMP echo gets: nothing answers for the target but us. */
enum netstack_echo {
    NETSTACK_ECHO_REFUSE,
    NETSTACK_ECHO_ANSWER, /* whether or not the target is there */
    NETSTACK_ECHO_ASK     /* on_echo finds out */
};

/* What the device may be asked for; less is for tests of the ways to do without. */
enum netstack_offload {
    NETSTACK_OFFLOAD_ALL,
    NETSTACK_OFFLOAD_NO_UDP,
    NETSTACK_OFFLOAD_NO_TCP,
    NETSTACK_OFFLOAD_NONE
};

struct netstack_options {
    uint16_t mtu;     /* of the device */
    uint32_t tcp_max; /* connections at a time */
    /* Half-open: SYNs that wait for an answer, or whose answer is unconfirmed. */
    uint32_t knocks_max;
    uint32_t knocks_per_destination; /* to each address; 0: as many as there may be in all */
    uint32_t udp_max;                /* application sockets at a time */
    uint32_t udp_idle_ms;  /* default 60000; RFC 4787 sec. 4.3 wants >= 2 min for unknown use */
    uint32_t buffer_bytes; /* per direction and connection: receive window and send queue */
    enum netstack_echo echo;
    enum netstack_offload offload;
};

struct netstack_events {
    void (*on_inbound)(void *owner, struct inbound *inbound);
    void (*on_udp)(void *owner, struct dgram *client); /* set callbacks; the datagram follows */
    /* Can it be reached? Say so with netstack_echo_result, now or later. May be asked again about
     * the same target only after that. */
    void (*on_echo)(void *owner, const struct address *target);
};

struct netstack_stats {
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint64_t bad_packets, refused_udp, dropped_out;
    uint64_t refused_tcp;                 /* at a limit of all */
    uint64_t refused_tcp_per_destination; /* at the limit of a destination's half-open ones */
    uint64_t refused_tcp_silently;        /* of both, in a flood: nobody was told */
    uint64_t dropped_in;                  /* no memory to keep it in; TCP will send it again */
    uint64_t echo_answered, echo_refused;
    uint32_t tcp, udp, knocks;
    uint32_t half_open; /* knocks, and streams whose handshake is not done */
};

/* `tun_fd`: an open TUN device with IFF_NO_PI, not blocking; with_vnet: IFF_VNET_HDR is on
 * (offloads are then asked for by the netstack, and what the kernel refuses is done without).
 * Borrowed: the caller closes it after netstack_close. */
int netstack_open(struct loop *loop, int tun_fd, bool with_vnet,
                  const struct netstack_options *options, const struct netstack_events *events,
                  void *owner, struct netstack **ret);
/* 0: whoever pings this address is answered; ERR_BLOCKED, ERR_LIMIT, ERR_REFUSED_BY_PROXY: told
 * that it is prohibited; other < 0: that it cannot be reached. */
void netstack_echo_result(struct netstack *netstack, const struct address *target, int err);
struct netstack_stats netstack_stats(const struct netstack *netstack);
/* Resets every connection that is left; their streams report -ENETDOWN. */
void netstack_close(struct netstack *netstack);

#endif
