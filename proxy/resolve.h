/* Names of upstream servers -> addresses, by c-ares, from the bootstrap resolvers alone. Never
 * asked for the names that applications want. */
#ifndef PROXY_RESOLVE_H
#define PROXY_RESOLVE_H

#include "base/endpoint.h"
#include "base/loop.h"

struct resolve;

/* `servers` empty: those of /etc/resolv.conf as it was at start. */
int resolve_new(struct loop *loop, const struct address *servers, size_t count,
                struct resolve **ret);
void resolve_free(struct resolve *resolve); /* pending look-ups end without a call */

/* err 0 and at least one address (IPv4 first, port 0), or ERR_NAME, -ETIMEDOUT, ... */
typedef void resolve_done_fn(void *owner, int err, const struct address *addresses, size_t count,
                             uint32_t ttl_s);
int resolve_start(struct resolve *resolve, const char *name, resolve_done_fn *on_done, void *owner);

#endif
