/* What a log is told of questions that were answered, where it wants to know of those too. */
#ifndef SERVICE_ENGINE_DNS_TRACE_H
#define SERVICE_ENGINE_DNS_TRACE_H

#include "service/engine/decisions.h"
#include "service/engine/dns_policy.h"

/* Unless the question has been told already, as refused or rewritten: `told_before` is
 * decisions.told when it came. `server` NULL: none was asked, or none answered. */
void dns_trace(struct decisions *decisions, const struct dns_asked *asked, uint64_t told_before,
               const uint8_t *answer, size_t size, uint64_t took_ms, const struct endpoint *server);

#endif
