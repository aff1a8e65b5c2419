/* One DNS server, reached by TCP or TLS (RFC 7766, RFC 7858) through whichever upstream carries it.
 * Questions share one connection, opened when the first one comes and closed when it has been idle
 * for a while; answers come back in any order. */
#ifndef SERVICE_ENGINE_DNS_LINK_H
#define SERVICE_ENGINE_DNS_LINK_H

#include "base/endpoint.h"
#include "base/list.h"
#include "service/engine/connect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_link;
struct doh_transfer;

struct dns_link_options {
    struct endpoint server;
    bool is_tls;
    const char *tls_name;    /* borrowed for good; NULL: verify the address */
    const char *tls_ca_file; /* borrowed for good; NULL: the system's */
    uint32_t idle_ms;        /* an unused connection is kept this long; RFC 7766 sec. 6.2.3 */
};

/* One question under way on a link, of this kind or of doh_link.h; embedded in the asker. */
struct dns_exchange {
    struct list node;
    struct dns_link *link;         /* NULL when it is not under way here */
    struct doh_transfer *transfer; /* the same by HTTPS */
    uint16_t link_id;              /* its id on this connection */
    uint64_t heard_before;         /* messages on the link when it was asked */
    const uint8_t *query; /* borrowed until the end; sent with link_id in place of its own */
    size_t size;
    /* err 0 and the answer (its id is the link's: set it), borrowed until return; or < 0. */
    void (*on_done)(void *owner, int err, uint8_t *answer, size_t size);
    void *owner;
};

struct dns_link *dns_link_new(struct connector *connector, const struct dns_link_options *options);
/* Exchanges under way end without a call. */
void dns_link_free(struct dns_link *link);

/* One on_done, from the loop, none after dns_exchange_cancel. ERR_LIMIT: too many are under way. */
int dns_link_start(struct dns_link *link, struct dns_exchange *exchange);
void dns_exchange_cancel(struct dns_exchange *exchange);
/* The same for one that took too long: a connection on which nothing at all was heard meanwhile is
 * given up as well, and whatever else waits on it fails with -ETIMEDOUT, from the loop. */
void dns_exchange_give_up(struct dns_exchange *exchange);

#endif
