/* Waiting for descriptors: epoll, directly. For loop.c alone; everybody else opens a `watch`.
 *
 * Not uv_poll_t: that pays up to seven system calls to open and close one and two for every change
 * of interest, where this pays two and one. Changes are collected and applied before the next
 * wait, so that pausing and resuming within one turn is free. */
#ifndef BASE_POLLER_H
#define BASE_POLLER_H

#include "base/loop.h"

#include <sys/epoll.h>

enum { POLLER_EVENTS = 256 }; /* descriptors served in one turn */

struct poller {
    int epoll_fd;
    size_t interested;   /* watches that can wake us */
    struct list changed; /* watches whose interest epoll does not know yet */
    struct list closed;  /* freed when no event of the current turn can name them */
    int ready_count;
    struct epoll_event ready[POLLER_EVENTS];
};

/* `foreign_fd` is one descriptor that is not a watch: poller_dispatch tells whether it is readable.
 */
int poller_init(struct poller *poller, int foreign_fd);
void poller_done(struct poller *poller);
/* Apply changes, then wait at most `wait_ms`; -1 for ever. */
void poller_wait(struct poller *poller, int wait_ms);
/* Call the watches that were found ready. True when the foreign descriptor was among them. */
bool poller_dispatch(struct poller *poller);

/* Where the watches of a loop live. */
struct poller *loop_poller(struct loop *loop);

#endif
