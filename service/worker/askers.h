/* Which programs ask: names for the ends of conversations, for the query log. Only the root half
 * can know (IPC_WHOSE); it is asked once for each socket, never waited for, and no more often than
 * the limits allow. What was learned is kept a moment: ports are used again. */
#ifndef SERVICE_WORKER_ASKERS_H
#define SERVICE_WORKER_ASKERS_H

#include "base/list.h"
#include "base/loop.h"
#include "service/engine/caller.h"
#include "service/worker/wire.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ASKERS_SLOTS = 512,      /* sockets that are known at a time; a power of two */
    ASKERS_WAITING_MAX = 64, /* questions under way */
    ASKERS_PER_SECOND = 500, /* questions */
    ASKERS_WAIT_MS = 500,    /* then the row is written without */
    ASKERS_KNOWN_MS = 5000,
};

struct asker {
    struct address client;
    struct address server; /* it was asked for with this one */
    int protocol;
    bool is_waiting; /* for the answer; what follows is not known yet */
    uint64_t until_ms;
    uint32_t number;  /* of the question */
    struct list node; /* while it waits, in the order of asking */
    struct list rows; /* the owner's, who empties it in on_done */

    int64_t user;            /* -1: not known */
    char name[IPC_NAME_MAX]; /* "": not known */
};

struct askers_stats {
    uint64_t asked, named;
    uint64_t unnamed; /* there was no answer in time, or it named none */
    uint64_t unasked; /* the limits were reached */
};

struct askers;

/* `on_done`: this one waits no longer. `wire` is borrowed. NULL: no memory. */
typedef void askers_fn(void *owner, struct asker *asker);
struct askers *askers_new(struct loop *loop, struct wire *wire, askers_fn *on_done, void *owner);
/* What waits ends before. NULL is accepted. */
void askers_free(struct askers *askers);

/* Known, or asked for now; good until the next call. NULL: it cannot be known. */
struct asker *askers_find(struct askers *askers, const struct caller *caller);
/* IPC_OWNER. */
void askers_take(struct askers *askers, const struct ipc_message *answer);
struct askers_stats askers_stats(const struct askers *askers);

#endif
