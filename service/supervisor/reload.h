/* One reload at a time: read again, adjust the fence, ask the worker, then swap or put back.
 * Whatever is wrong with the new configuration, the old one stays in force. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "base/loop.h"
#include "service/supervisor/protection.h"
#include "service/supervisor/provisions.h"

/* Embedded in its owner; everything is borrowed. */
struct reload {
    struct provisions *provisions;
    struct protection *protection;
    struct worker *worker;
    const char *config_path;
    /* Exactly once per start, inside it or later; NULL: the new configuration is in force. */
    void (*on_done)(void *owner, const char *error);
    void *owner;

    struct timer due;
    struct renewal renewal;
    bool is_waiting; /* for the worker */
};

void reload_init(struct reload *reload, struct loop *loop); /* after the fields above are set */
void reload_done(struct reload *reload);
bool reload_is_waiting(const struct reload *reload);
/* Not while one is waiting. */
void reload_start(struct reload *reload);
/* IPC_CONFIGURED. */
void reload_take(struct reload *reload, const struct ipc_message *message);
void reload_worker_is_gone(struct reload *reload);

#endif
