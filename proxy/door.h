/* The local endpoint: SOCKS5 (RFC 1928, 1929; CONNECT and UDP ASSOCIATE) and HTTP proxy (CONNECT
 * and absolute-URI) on the same port, told apart by the first byte.
 *
 * Each CONNECT is one inbound. Each absolute-URI request is one inbound of its own, whose stream
 * holds that one request in origin form and takes its response; the client's connection is kept
 * alive across them (so each request gets its own verdict and upstream). */
#ifndef PROXY_DOOR_H
#define PROXY_DOOR_H

#include "base/dgram.h"
#include "base/inbound.h"

#include <stdint.h>

struct door;

struct door_options {
    const char *user, *password; /* both NULL: no login asked */
    uint32_t clients_max;        /* connections at a time; beyond it they are refused */
    uint32_t buffer_bytes;       /* unread bytes held per client */
    uint32_t handshake_timeout_ms;
};

struct door_events {
    void (*on_inbound)(void *owner, struct inbound *inbound);
    /* Set its callbacks, then it runs. Closing it at once tells the client that UDP is not to be
     * had; so does a NULL here. */
    void (*on_associate)(void *owner, struct dgram *client);
};

struct door_stats {
    uint64_t accepted, refused_at_limit, bad_logins, bad_requests;
    uint64_t datagrams_dropped; /* of strangers, malformed, or more than a socket holds */
    uint32_t clients;           /* connections now, tunnels and associations included */
};

/* `listeners` are bound and listening TCP sockets, taken in any case. UDP ASSOCIATE opens a
 * datagram socket on the address that the client's connection came in by. */
int door_open(struct loop *loop, const int *listeners, size_t count,
              const struct door_options *options, const struct door_events *events, void *owner,
              struct door **ret);
int door_set_options(struct door *door, const struct door_options *options);
struct door_stats door_stats(const struct door *door);
/* Stops listening; clients that are still in their handshake, or between two requests, are closed.
 * What the owner holds (inbounds, streams, dgrams) stays his to end. */
void door_close(struct door *door);

#endif
