/* What the worker gives up before it reads the first byte from the network: it can run no program,
 * look into no process, open no raw or netlink socket, change nothing of the host. It starts
 * without capabilities and with no_new_privs already (the supervisor's work); this is the second
 * fence. */
#ifndef SERVICE_WORKER_SANDBOX_H
#define SERVICE_WORKER_SANDBOX_H

/* 0, or < 0 with the system call filter not in force. Cannot be undone; threads made later
 * inherit it. */
int sandbox_enter(void);

#endif
