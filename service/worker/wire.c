#include "service/worker/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* How long a full wire may hold us up before the supervisor is taken for dead. */
enum { SEND_WAIT_MS = 2000 };

int wire_try(struct wire *wire, const struct ipc_message *message)
{
    return wire->is_closed ? -EPIPE : ipc_send(wire->fd, message, NULL, 0);
}

void wire_send(struct wire *wire, const struct ipc_message *message)
{
    struct pollfd writable = {.fd = wire->fd, .events = POLLOUT};
    int err;

    if (wire->is_closed) /* not to be waited for again */
        return;
    err = ipc_send(wire->fd, message, NULL, 0);
    if (err == -EAGAIN && poll(&writable, 1, SEND_WAIT_MS) == 1)
        err = ipc_send(wire->fd, message, NULL, 0);
    if (err == 0)
        return;
    wire->is_closed = true;
    wire->on_broken(wire->owner);
}

void wire_say(struct wire *wire, enum ipc_kind kind, int value, const char *text)
{
    struct ipc_message message = {.kind = kind, .value = value};

    snprintf(message.text, sizeof(message.text), "%s", text);
    wire_send(wire, &message);
}

static enum ipc_state ipc_state_of(enum health_state state)
{
    switch (state) {
    case HEALTH_CONNECTING: return IPC_CONNECTING;
    case HEALTH_ON: return IPC_ON;
    case HEALTH_BLOCKED: return IPC_BLOCKED;
    case HEALTH_FAILING: return IPC_FAILING;
    }
    return IPC_FAILING;
}

void wire_report(struct wire *wire, enum health_state state, const char *reason,
                 const char *upstream)
{
    struct ipc_message message = {.kind = IPC_REPORT, .value = (int32_t)ipc_state_of(state)};

    snprintf(message.text, sizeof(message.text), "%s", reason);
    snprintf(message.name, sizeof(message.name), "%s", upstream);
    wire_send(wire, &message);
}

void wire_ask_fence(struct wire *wire, enum ipc_kind kind, const struct address *address,
                    int protocol)
{
    struct ipc_message message = {.kind = kind, .value = protocol, .address = *address};
    wire_send(wire, &message);
}
