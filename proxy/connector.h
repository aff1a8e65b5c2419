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

struct connector_options {
    uint32_t timeout_ms; /* patience with one address */
    bool speaks_first;   /* the receiver writes at once, before it hears anything */
};

/* Exactly one on_done, from the loop, none after connector_cancel. Copies options and addresses.
 * 0, -EINVAL for no address, -ENOMEM. */
int connector_start(struct loop *loop, const struct connector_options *options,
                    const struct address *addresses, size_t count, connector_done_fn *on_done,
                    void *owner, struct connector **ret);
void connector_cancel(struct connector *connector); /* NULL is accepted */

#endif
