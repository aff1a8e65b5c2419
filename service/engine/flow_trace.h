/* What a log is told of conversations and requests; see decisions.h. */
#ifndef SERVICE_ENGINE_FLOW_TRACE_H
#define SERVICE_ENGINE_FLOW_TRACE_H

#include "service/engine/decisions.h"
#include "service/engine/flow.h"

/* A connection that an upstream took. */
void flow_trace(struct decisions *decisions, const struct flow *flow, const struct caller *caller);
/* Another peer of a UDP socket, not refused; `host` may be NULL. */
void flow_trace_peer(struct decisions *decisions, const struct caller *caller,
                     const struct endpoint *peer, const char *host);
/* A request that was judged at the gate: counted, and noted as refused or told as passed. */
void flow_trace_request(struct decisions *decisions, const struct caller *caller,
                        const struct filter_request *request, const struct verdict *verdict);

#endif
