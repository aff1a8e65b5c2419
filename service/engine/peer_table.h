/* Whom one socket of an application talks to by stand-ins, and at which addresses: what comes from
 * there has to come from the stand-in again. */
#ifndef SERVICE_ENGINE_PEER_TABLE_H
#define SERVICE_ENGINE_PEER_TABLE_H

#include "base/endpoint.h"

#include <stddef.h>

enum {
    PEER_TABLE_MAX = 32
}; /* of one socket; then the oldest makes room, and is looked up again */

struct peer_pair {
    struct address stand_in, real; /* with ports */
};

/* Zeroed at first. */
struct peer_table {
    struct peer_pair pairs[PEER_TABLE_MAX];
    size_t count; /* ever; the newest is at (count - 1) % PEER_TABLE_MAX */
};

void peer_table_put(struct peer_table *table, const struct address *stand_in,
                    const struct address *real);
/* NULL: none. Valid until the next put. */
const struct address *peer_table_real(const struct peer_table *table,
                                      const struct address *stand_in);
const struct address *peer_table_stand_in(const struct peer_table *table,
                                          const struct address *real);

#endif
