/* The engine's facts in the control socket's words: one adapter, so that neither knows the other.
 */
#ifndef SERVICE_WORKER_FACTS_H
#define SERVICE_WORKER_FACTS_H

#include "service/control/control.h"
#include "service/engine/engine.h"

#include <sys/types.h>

struct journal;

struct facts {
    struct loop *loop;
    struct engine *engine;
    const struct journal *journal; /* NULL: none is kept */
    uint64_t started_at_ms;
};

/* `facts` must outlive whatever the source is given to. */
struct control_source facts_source(struct facts *facts);

#endif
