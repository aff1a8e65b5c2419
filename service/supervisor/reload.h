/* One reload at a time: read again, adjust the fence, ask every worker, then swap or put back.
 * Whatever is wrong with the new configuration, and whichever worker says so, the old one stays in
 * force, and in all of them. */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "base/loop.h"
#include "service/supervisor/protection.h"
#include "service/supervisor/provisions.h"

/* Embedded in its owner; everything is borrowed. */
struct reload {
    struct provisions *provisions;
    struct protection *protection;
    struct crew *crew;
    const char *config_path;
    /* Exactly once per start, inside it or later; NULL: the new configuration is in force. */
    void (*on_done)(void *owner, const char *error);
    void *owner;

    struct timer due;
    struct renewal renewal;
    bool is_waiting;            /* for workers */
    unsigned asked, accepted;   /* a bit for each worker */
    unsigned ignored[CREW_MAX]; /* answers of each that belong to a reload that has failed */
};

void reload_init(struct reload *reload, struct loop *loop); /* after the fields above are set */
void reload_done(struct reload *reload);
bool reload_is_waiting(const struct reload *reload);
/* Not while one is waiting. */
void reload_start(struct reload *reload);
/* IPC_CONFIGURED of the worker of this number. */
void reload_take(struct reload *reload, unsigned number, const struct ipc_message *message);
void reload_worker_is_gone(struct reload *reload, unsigned number);

#endif
