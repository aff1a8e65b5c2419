/* The listening sockets that the worker serves but may not open: the local endpoint's. Opened by
 * root, so that any port will do, and kept over the worker's deaths, so that clients meet a pause
 * and not a refusal. */
#ifndef SUPERVISOR_DOORS_H
#define SUPERVISOR_DOORS_H

#include "service/config.h"
#include "service/ipc.h"

struct doors {
    size_t count;
    struct address addresses[IPC_FDS_MAX];
    int fds[IPC_FDS_MAX];
};

struct doors_error {
    char text[256];
};

/* `old`: sockets for the same addresses are taken over from there (duplicated); NULL for none.
 * An IPv6 address on a host without IPv6 is left out. 0; < 0 with *error, then nothing is open. */
int doors_open(const struct config_local *local, const struct doors *old, struct doors *ret,
               struct doors_error *error);
void doors_close(struct doors *doors);

#endif
