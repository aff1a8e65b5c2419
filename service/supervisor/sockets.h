/* Ending the applications' sockets that use the TUN's addresses, when what carried them is gone:
 * they hear it at once instead of waiting for bytes that never come, and none goes on speaking with
 * an address that is no longer this host's. */
#ifndef SUPERVISOR_SOCKETS_H
#define SUPERVISOR_SOCKETS_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

struct sockets_wanted {
    struct address own[2]; /* family 0: none */
    bool with_udp;         /* else TCP alone */
    /* Only those whose packets go to this queue, of so many; `queues` 0: all. */
    unsigned queue, queues;
};

/* Returns how many were ended, or < 0; -EOPNOTSUPP: this kernel cannot. */
int sockets_end(const struct sockets_wanted *wanted);

#endif
