/* How atlanticd ends; part of its manual (packaging/man/atlanticd.8). */
#ifndef SUPERVISOR_EXIT_STATUS_H
#define SUPERVISOR_EXIT_STATUS_H

enum exit_status {
    EXIT_FINE = 0,
    EXIT_TROUBLE = 1,    /* anything not listed */
    EXIT_USAGE = 2,      /* the command line */
    EXIT_PRIVILEGES = 3, /* not root, or without CAP_NET_ADMIN */
    EXIT_NO_TUN = 4,     /* no /dev/net/tun */
    EXIT_CONFIG = 5,     /* the configuration is wrong or cannot be read */
    EXIT_NO_USER = 6,    /* the worker's user or group does not exist */
    EXIT_LISTEN = 7,     /* an address of the local endpoint cannot be listened on */
    EXIT_WORKER = 8,     /* the worker cannot start */
    EXIT_SECOND = 9,     /* another atlanticd runs in this run folder */
    EXIT_FENCE = 10,     /* nftables refuses the fence */
};

#endif
