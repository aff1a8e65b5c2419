/* IP fragments put together again: of UDP datagrams larger than the MTU, mostly. Bounded in number,
 * bytes and time; a datagram whose fragments overlap is dropped as a whole (RFC 5722, RFC 1858).
 * RFC 791 sec. 3.2, RFC 8200 sec. 4.5. */
#ifndef TUN2SOCKS_FRAGMENTS_H
#define TUN2SOCKS_FRAGMENTS_H

#include "base/list.h"
#include "base/loop.h"
#include "tun2socks/packet.h"

enum { FRAGMENTS_MAX_DATAGRAMS = 64 };

struct fragments {
    struct loop *loop;
    struct list pending; /* the oldest first */
    uint32_t count;
    struct timer expiry;
    uint64_t dropped; /* datagrams that were never completed */
};

void fragments_init(struct fragments *fragments, struct loop *loop);
void fragments_done(struct fragments *fragments);

/* Takes what it needs of the fragment. 1: the datagram is complete; *ret describes it as one packet
 * and *ret_memory is what it lies in, to be freed by the caller. 0: not yet. -EBADMSG: nonsense. */
int fragments_put(struct fragments *fragments, const struct packet *fragment, struct packet *ret,
                  void **ret_memory);

#endif
