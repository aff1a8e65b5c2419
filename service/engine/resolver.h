/* The DNS servers of the configuration as one, with one deadline. Failover: asks the one that
 * answered last, goes on to the next when it fails or is slow. Race: asks the one that is usually
 * fastest, and the next one too when it takes longer than it usually does; the first useful answer
 * is taken. Knows nothing of filters and caches. */
#ifndef SERVICE_ENGINE_RESOLVER_H
#define SERVICE_ENGINE_RESOLVER_H

#include "service/config.h"
#include "service/engine/connect.h"

#include <stddef.h>
#include <stdint.h>

struct resolver;
struct resolver_query;

/* `config` is borrowed for as long as the resolver lives. */
struct resolver *resolver_new(struct connector *connector, const struct config_dns *config);
/* Queries under way end without a call. */
void resolver_free(struct resolver *resolver);

/* err 0 and the answer, with the query's own id, and the server that gave it, borrowed until
 * return; or -ETIMEDOUT, or the error of the last server, and `server` NULL. */
typedef void resolver_done_fn(void *owner, int err, uint8_t *answer, size_t size,
                              const struct endpoint *server);

/* Copies the query. One on_done, from the loop, none after resolver_cancel. */
int resolver_start(struct resolver *resolver, const void *query, size_t size,
                   resolver_done_fn *on_done, void *owner, struct resolver_query **ret);
void resolver_cancel(struct resolver_query *query); /* NULL is accepted */

#endif
