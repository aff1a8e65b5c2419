/* The last moments of a TCP socket that nobody owns any more. close(2) with unread bytes in the
 * kernel becomes a reset at once, and a reset drops what the peer has not yet received from us; so
 * such a socket sends its FIN and reads away what still comes, for a while and up to a limit. */
#ifndef PROXY_LINGER_H
#define PROXY_LINGER_H

#include "base/loop.h"

/* Close the socket, now or later; takes the descriptor, which nobody may be watching any more. */
void linger_close(struct loop *loop, int fd);

#endif
