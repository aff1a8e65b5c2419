/* An application's UDP socket: its datagrams to whatever peers, through one association with one
 * upstream (so that peers see one source, RFC 4787 REQ-1). Questions to port 53 are answered by the
 * resolver; what nobody can carry is refused at once. */
#ifndef SERVICE_ENGINE_UDP_FLOW_H
#define SERVICE_ENGINE_UDP_FLOW_H

#include "base/dgram.h"
#include "service/engine/traffic.h"

/* Takes the application's side. */
void udp_flow_start(struct traffic *traffic, const char *door, struct dgram *client);
void udp_flow_abort_all(struct traffic *traffic);

#endif
