/* The worker's end of the wire to the supervisor (service/ipc.h): what the worker says there, in
 * whole sentences. What it hears there is worker.c's business. */
#ifndef SERVICE_WORKER_WIRE_H
#define SERVICE_WORKER_WIRE_H

#include "base/loop.h"
#include "service/engine/health.h"
#include "service/ipc.h"

/* Embedded in its owner. */
struct wire {
    int fd;             /* borrowed */
    loop_fn *on_broken; /* nobody reads any more: the supervisor is taken for dead */
    void *owner;
    bool is_closed; /* nothing is said any more; set by its owner, or when it broke */
};

/* 0; < 0: the wire is full, or closed. Waits for nothing: of what may as well stay unsaid. */
int wire_try(struct wire *wire, const struct ipc_message *message);
/* These wait a moment where the wire is full. */
void wire_send(struct wire *wire, const struct ipc_message *message);
void wire_say(struct wire *wire, enum ipc_kind kind, int value, const char *text);
void wire_report(struct wire *wire, enum health_state state, const char *reason,
                 const char *upstream);
/* IPC_ADMIT or IPC_WITHDRAW. */
void wire_ask_fence(struct wire *wire, enum ipc_kind kind, const struct address *address,
                    int protocol);

#endif
