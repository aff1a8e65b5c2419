/* A TCP connection to the first of several addresses that answers: one after the other, each with
 * its own patience. Speaks no protocol. */
#ifndef PROXY_CONNECTOR_H
#define PROXY_CONNECTOR_H

#include "base/endpoint.h"
#include "base/loop.h"

struct connector;

/* err 0 and a connected, non-blocking descriptor that the receiver owns, or -1 and the error of the
 * last address: -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, ... The connector is gone afterwards. */
typedef void connector_done_fn(void *owner, int fd, int err);

/* `timeout_ms` is the patience with one address. Exactly one on_done, from the loop, none after
 * connector_cancel. Copies the addresses. 0, -EINVAL for none, -ENOMEM. */
int connector_start(struct loop *loop, uint32_t timeout_ms, const struct address *addresses,
                    size_t count, connector_done_fn *on_done, void *owner, struct connector **ret);
void connector_cancel(struct connector *connector); /* NULL is accepted */

#endif
