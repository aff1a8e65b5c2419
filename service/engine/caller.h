/* Who calls: both ends of the application's socket, as the kernel that it belongs to knows them.
 * Where the server's end is a name's stand-in, or an address that is answered here, it is that one:
 * it is what the socket was connected to. */
#ifndef SERVICE_ENGINE_CALLER_H
#define SERVICE_ENGINE_CALLER_H

#include "base/dgram.h"
#include "base/inbound.h"

#include <netinet/in.h>

struct caller {
    struct address client, server; /* family 0: unknown */
    int protocol;                  /* IPPROTO_TCP, IPPROTO_UDP; 0: neither */
};

static inline struct caller caller_of_inbound(const struct inbound *inbound)
{
    return (struct caller){
        .client = inbound->client,
        .server = inbound->local.family ? inbound->local : inbound->target.address,
        .protocol = IPPROTO_TCP,
    };
}

/* Of a datagram for `peer`. */
static inline struct caller caller_of_datagram(const struct dgram *dgram,
                                               const struct endpoint *peer)
{
    return (struct caller){
        .client = dgram->client,
        .server = dgram->local.family ? dgram->local : peer->address,
        .protocol = IPPROTO_UDP,
    };
}

#endif
