/* One DNS server, reached by HTTPS (RFC 8484) through whichever upstream carries it. Questions
 * share one HTTP/2 connection, which libcurl opens and closes as it sees fit; what it takes for a
 * network is a port of our own. */
#ifndef SERVICE_ENGINE_DOH_LINK_H
#define SERVICE_ENGINE_DOH_LINK_H

#include "base/endpoint.h"
#include "service/engine/connect.h"
#include "service/engine/dns_link.h"

struct doh_link;
struct doh_transfer;

/* All of it is borrowed during the call alone. */
struct doh_link_options {
    struct endpoint server;
    const char *path;
    const char *tls_name;    /* NULL: verify the address */
    const char *tls_ca_file; /* NULL: the system's */
};

struct doh_link *doh_link_new(struct connector *connector, const struct doh_link_options *options);
/* Exchanges under way end without a call. NULL is accepted. */
void doh_link_free(struct doh_link *link);

/* See dns_link_start. */
int doh_link_start(struct doh_link *link, struct dns_exchange *exchange);
/* Nobody waits for it any more; `gave_up`: it took too long, and the connection is given up as well
 * if nothing was heard on it meanwhile. */
void doh_transfer_cancel(struct doh_transfer *transfer, bool gave_up);

#endif
