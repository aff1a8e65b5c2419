/* A UDP socket of our own as a dgram (base/dgram.h): any peer, IPv4 and IPv6, the same port of ours
 * towards all of them (full cone). */
#ifndef PROXY_UDP_SOCKET_DGRAM_H
#define PROXY_UDP_SOCKET_DGRAM_H

#include "base/dgram.h"
#include "base/loop.h"

/* 0 or a negative code. Datagrams to a name are dropped with ERR_UNSUPPORTED. */
int udp_socket_dgram_new(struct loop *loop, struct dgram **ret);

#endif
