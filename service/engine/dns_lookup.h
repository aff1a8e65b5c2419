/* The addresses of a name, for our own use: what an upstream of kind direct needs to know. Not
 * filtered: the conversation was judged already. */
#ifndef SERVICE_ENGINE_DNS_LOOKUP_H
#define SERVICE_ENGINE_DNS_LOOKUP_H

#include "service/engine/dns.h"

/* err 0 and at least one address, IPv4 first, ports 0, borrowed until return; or ERR_NAME. One
 * on_done, from the loop, none after dns_lookup_cancel. */
typedef void dns_lookup_fn(void *owner, int err, const struct address *addresses, size_t count);
struct dns_lookup;
int dns_lookup_start(struct dns *dns, const char *name, dns_lookup_fn *on_done, void *owner,
                     struct dns_lookup **ret);
void dns_lookup_cancel(struct dns_lookup *lookup); /* NULL is accepted */

#endif
