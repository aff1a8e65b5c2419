/* Whom the worker may speak to through the fence: what root's configuration names, and what the
 * worker asks for, checked. Pure but for /etc/resolv.conf; the fence is the supervisor's business.
 */
#ifndef SUPERVISOR_ADMISSION_H
#define SUPERVISOR_ADMISSION_H

#include "killswitch/fence.h"
#include "service/config.h"

enum { ADMISSION_RESOLVERS_MAX = 8, ADMISSION_WORKERS_MAX = 32 };

/* What workers asked for, and which of them still want it. */
struct admission_asked {
    struct fence_admitted endpoint;
    uint32_t workers; /* a bit for each */
};

struct admission {
    const struct config *config; /* borrowed */
    size_t resolver_count;       /* plain DNS for upstream names */
    struct address resolvers[ADMISSION_RESOLVERS_MAX];
    size_t asked_count;
    struct admission_asked asked[FENCE_ADMITTED_MAX];
};

/* The configured bootstrap resolvers, or those of `resolv_conf` (path) when there are none. What
 * the worker asked for earlier stays as far as this configuration allows it. */
void admission_set_config(struct admission *admission, const struct config *config,
                          const char *resolv_conf);
/* A new worker has not asked for anything yet; what others want stays. */
void admission_forget(struct admission *admission, unsigned worker);

/* 0 new, *ret is what the fence is to admit; 1 needs nothing: admitted already, or loopback, which
 * the fence does not meet. -EINVAL no endpoint; -EACCES not allowed; ERR_LIMIT too many.
 * UDP with port 0 is every port of that address: where a SOCKS5 server relays from. */
int admission_ask(struct admission *admission, unsigned worker, const struct address *address,
                  int protocol, struct fence_admitted *ret);
/* 0 no worker wants it any more, *ret is to go; 1 nothing to do. */
int admission_withdraw(struct admission *admission, unsigned worker, const struct address *address,
                       int protocol, struct fence_admitted *ret);

/* Fill in admits_all, admits_lan and the admitted endpoints. */
void admission_describe(const struct admission *admission, struct fence *ret);

#endif
