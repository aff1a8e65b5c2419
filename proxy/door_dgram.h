/* A SOCKS5 UDP association of the door as a dgram (RFC 1928 sec. 7): a socket on the address that
 * the client's connection came in by. It takes datagrams from that client alone (its IP, and the
 * port that it announced or that its first datagram came from); fragments are dropped. Lives until
 * its owner closes it; when the client's connection ends the owner is told by on_end. */
#ifndef PROXY_DOOR_DGRAM_H
#define PROXY_DOOR_DGRAM_H

#include "proxy/door_client.h"

/* Sets client->association, where the dgram's close clears it; that also ends the client, unless it
 * happens inside on_associate. `announced` is what the request said. 0 or < 0. */
int door_dgram_open(struct door_client *client, const struct address *announced,
                    struct address *ret_bound);
/* The client's connection is over: say so, once. */
void door_dgram_end(struct dgram *dgram, int err);

#endif
