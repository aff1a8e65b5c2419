/* The wire between the halves, one for each worker: a SOCK_SEQPACKET pair, fixed-size messages,
 * passed descriptors. Size and kind are checked on receipt; a message that does not fit is the end
 * of the worker. The worker can ask to have an upstream's endpoint admitted and can report; it
 * cannot disarm, name files or run commands. */
#ifndef SERVICE_IPC_H
#define SERVICE_IPC_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IPC_TEXT_MAX = 256,
    IPC_NAME_MAX = 64,
    IPC_FDS_MAX = 8,
    IPC_NAMES_BYTES = 4 * 1024 * 1024, /* of the workers' table of names; pages on demand */
};

enum ipc_kind {
    /* supervisor to worker */
    IPC_CONFIG = 1, /* fd: the configuration file, or none: the embedded default */
    IPC_LISTEN,     /* fds: the local endpoint's listening sockets; a later one replaces them all */
    IPC_CONTROL,    /* fd: control.sock, listening */
    IPC_STATE_DIR,  /* fd: the worker's own state folder, a directory */
    IPC_PLACE,      /* before IPC_START: its number in value, from 0, of so many in flag; fd: the
                       memory in which workers keep names for each other, none for one alone */
    IPC_SIBLING,    /* fd: a stream socket to the worker of this number in value; at any time, and a
                       later one of that number replaces it */
    IPC_START,      /* all of the above is said: go */
    IPC_TUN,        /* fd: the TUN device; flag: IFF_VNET_HDR is on. After IPC_READY; a second one
                       without IPC_TUN_OFF between means that the first device is dead */
    IPC_TUN_OFF,    /* let go of it; answered by IPC_TUN_RELEASED */
    IPC_ADMITTED,   /* the answer to IPC_ADMIT: value 0 or a negative code; its address, and its
                       protocol in flag */
    IPC_PING,       /* answered by IPC_PONG */
    IPC_OWNER,      /* the answer to IPC_WHOSE: its number in flag, the user's id in value, -1 if
                       there is no such socket; the program in name, "" if it is not known */
    IPC_STOP,       /* flush, close, exit 0 */

    /* worker to supervisor */
    IPC_READY = 100, /* started: doors open */
    IPC_CONFIGURED,  /* the answer to a later IPC_CONFIG: value 0, or < 0 and text */
    IPC_TUN_RELEASED,
    IPC_ADMIT,    /* address, protocol in value; UDP with port 0: every port of the address but
                     plain DNS, for a SOCKS5 server that relays from any. Forgotten when the worker
                     ends; what the configuration names by address is admitted unasked */
    IPC_WITHDRAW, /* the same, the other way */
    IPC_REPORT,   /* state in value (enum ipc_state), reason in text, upstream in name */
    IPC_PONG,     /* flag 0: nothing but the ping has woken the worker since the one before. Then it
                     is asked no more, until it says unasked that it has woken up: flag 1 */
    IPC_WHOSE,    /* whose is the socket of this host with this address, which speaks to `peer` by
                     the protocol in value? Answered by IPC_OWNER with the number in flag; "nobody
                     knows" for what is asked too often, or where no query log shows programs */
    IPC_FAILED,   /* cannot start: value, text; it exits then */
};

/* How the worker stands towards its upstreams. */
enum ipc_state { IPC_CONNECTING, IPC_ON, IPC_BLOCKED, IPC_FAILING };

struct ipc_message {
    uint32_t kind;
    int32_t value;
    uint32_t flag;
    struct address address;
    struct address peer; /* of IPC_WHOSE */
    char name[IPC_NAME_MAX];
    char text[IPC_TEXT_MAX];
};

/* A pair of connected sockets, close-on-exec, not blocking. */
int ipc_pair(int ret_fds[2]);
/* 0, -EAGAIN, or the wire is broken. The descriptors stay the caller's. */
int ipc_send(int fd, const struct ipc_message *message, const int *fds, size_t count);
/* 0 with the message (texts always terminated) and `*ret_count` descriptors (at most IPC_FDS_MAX,
 * close-on-exec, the caller's now); -EAGAIN nothing now; ERR_EOF; -EBADMSG wrong size or kind, and
 * every descriptor that came with it was closed. `from_worker`: which kinds are allowed. */
int ipc_receive(int fd, bool from_worker, struct ipc_message *ret, int ret_fds[IPC_FDS_MAX],
                size_t *ret_count);

#endif
