/* A TCP conversation from knock to end: who is it for, may it pass, by which upstream, join.
 *
 *   ACCEPTED  it knocked. Names that are known already are judged here.
 *   SNIFFING  web ports only: admitted before the target answers, because the name is in what the
 *             client says first.
 *   DIALING   an upstream is being connected.
 *   RELAYING  both sides are joined. */
#ifndef SERVICE_ENGINE_TCP_FLOW_H
#define SERVICE_ENGINE_TCP_FLOW_H

#include "base/inbound.h"
#include "service/engine/traffic.h"

/* Takes the inbound. Everything that can go wrong is told to whoever knocked. */
void tcp_flow_start(struct traffic *traffic, struct inbound *inbound);
/* End all of them, with resets. */
void tcp_flow_abort_all(struct traffic *traffic);

#endif
