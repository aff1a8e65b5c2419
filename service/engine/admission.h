/* Upstream names -> addresses -> let through the fence -> usable. Runs at each configuration and
 * when a name's addresses age; an upstream without admitted addresses cannot be dialed. */
#ifndef SERVICE_ENGINE_ADMISSION_H
#define SERVICE_ENGINE_ADMISSION_H

#include "base/loop.h"
#include "proxy/pool.h"
#include "service/config.h"

#include <stddef.h>

struct admission;

/* Asks the root half; `protocol` is IPPROTO_TCP or IPPROTO_UDP, port 0 means every port of the
 * address (a SOCKS5 server names its UDP port only when it is asked for an association). The
 * answer to admit comes by admission_answer. */
struct admission_host {
    void (*admit)(void *owner, const struct address *address, int protocol);
    void (*withdraw)(void *owner, const struct address *address, int protocol);
    void (*on_ready)(void *owner);                                 /* an upstream became usable */
    void (*on_failed)(void *owner, const char *upstream, int err); /* no address for it */
    void *owner;
};

struct admission *admission_new(struct loop *loop, struct pool *pool,
                                const struct admission_host *host);
void admission_free(struct admission *admission);

/* For the pool's members as they are now; `config` is borrowed until the next call. 0 or < 0. */
int admission_start(struct admission *admission, const struct config *config);
void admission_answer(struct admission *admission, const struct address *address, int protocol,
                      int err);

#endif
