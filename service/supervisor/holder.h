/* Which program has a socket. A glance looks at the youngest processes, which may be gone in a
 * moment, and at those where something was found lately: what opens one socket opens more. A search
 * goes through all of /proc, which is so dear that it belongs on a thread of its own.
 *
 * Needs no capability but those to change the user: where the kernel does not show us a process as
 * we are (no CAP_SYS_PTRACE), it is looked at with the eyes of its owner. Processes of root, and
 * those that the kernel hides from their owners too, stay unknown then. */
#ifndef SUPERVISOR_HOLDER_H
#define SUPERVISOR_HOLDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOLDER_NAME_MAX = 64, HOLDER_RECENT_MAX = 8 };

struct holder_wanted {
    uint32_t inode;             /* of the socket */
    uid_t user;                 /* whose it is: nobody else's processes are looked at */
    char name[HOLDER_NAME_MAX]; /* "" until it is found: of the executable, printable */
};

/* Where something was found, the latest first; zeroed at first. */
struct holder_memory {
    pid_t recent[HOLDER_RECENT_MAX];
};

/* Both fill in the names that they find, and return how many are still missing. */
size_t holder_glance(struct holder_memory *memory, struct holder_wanted *wanted, size_t count);
size_t holder_search(struct holder_memory *memory, struct holder_wanted *wanted, size_t count,
                     unsigned limit_ms);

#endif
