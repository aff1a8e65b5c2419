/* Ending the applications' sockets that use the TUN's addresses, when what carried them is gone:
 * they hear it at once instead of waiting for bytes that never come, and none goes on speaking with
 * an address that is no longer this host's. */
#ifndef SUPERVISOR_SOCKETS_H
#define SUPERVISOR_SOCKETS_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

/* Every TCP socket, and with `with_udp` every UDP socket, whose own address is one of these (family
 * 0 is none). Returns how many, or < 0; -EOPNOTSUPP: this kernel cannot. */
int sockets_end(const struct address *own, size_t count, bool with_udp);

#endif
