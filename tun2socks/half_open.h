/* Connections whose handshake is not done: SYNs that nobody has answered yet, and answers that the
 * client has not confirmed. Counts all of them, and those to each destination (an IP address with
 * all its ports): one that never answers shall leave room for the others. */
#ifndef TUN2SOCKS_HALF_OPEN_H
#define TUN2SOCKS_HALF_OPEN_H

#include "base/endpoint.h"
#include "base/map.h"

struct half_open_destination;

struct half_open {
    struct map destinations; /* those that have any */
    uint32_t count;
    uint32_t limit, limit_each;
};

void half_open_init(struct half_open *half_open);
void half_open_done(struct half_open *half_open); /* of an empty one */

bool half_open_is_full(const struct half_open *half_open);
bool half_open_is_full_for(const struct half_open *half_open, const struct address *target);

/* One more; the limits are the caller's business. 0 and what has to be given to half_open_leave, or
 * -ENOMEM. */
int half_open_enter(struct half_open *half_open, const struct address *target,
                    struct half_open_destination **ret);
void half_open_leave(struct half_open *half_open, struct half_open_destination *destination);

#endif
