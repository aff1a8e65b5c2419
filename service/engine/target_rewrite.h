/* Rules that answer a name otherwise ($dnsrewrite, hosts files with addresses, RPZ) are kept also
 * where no question is asked: a client of the local endpoint, or a stand-in, names its target. */
#ifndef SERVICE_ENGINE_TARGET_REWRITE_H
#define SERVICE_ENGINE_TARGET_REWRITE_H

#include "base/endpoint.h"
#include "service/engine/decisions.h"

/* Put what a rule answers in the place of a name; whatever else `target` is stays. 0, or
 * ERR_BLOCKED: the answer is this very host, or nobody. */
int target_rewrite(struct decisions *decisions, const struct address *client,
                   struct endpoint *target);

#endif
