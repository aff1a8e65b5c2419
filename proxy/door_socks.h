/* The door's SOCKS5 side (RFC 1928, 1929): greeting, login, then CONNECT or UDP ASSOCIATE. Names
 * are passed on as they are. BIND and SOCKS4 are not spoken. The bytes are proxy/socks5's business.
 */
#ifndef PROXY_DOOR_SOCKS_H
#define PROXY_DOOR_SOCKS_H

#include "proxy/door_client.h"

/* The first step; sets the others. */
int door_socks_step(struct door_client *client);

#endif
