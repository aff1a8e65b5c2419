/* Whether a target of a ping can be reached: no upstream carries ICMP, so it is asked for
 * a connection instead, through the same upstream as everything else. One that is made, or that the
 * target itself refuses, shows that it is there, and takes about as long as a ping would. */
#ifndef SERVICE_ENGINE_ECHO_H
#define SERVICE_ENGINE_ECHO_H

#include "service/engine/traffic.h"

/* err 0: it is there. From within echo_ask or later. */
typedef void echo_result_fn(void *owner, const struct address *target, int err);

struct echo {
    struct traffic *traffic;
    struct list probes;
    size_t count;
    echo_result_fn *on_result;
    void *owner;
};

void echo_init(struct echo *echo, struct traffic *traffic, echo_result_fn *on_result, void *owner);
/* Exactly one result; questions about a target that is being looked for share it. */
void echo_ask(struct echo *echo, const struct address *target);
void echo_stop(struct echo *echo); /* no result for what is under way */

#endif
