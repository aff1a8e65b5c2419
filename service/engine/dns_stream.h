/* An application that asks the DNS over TCP (RFC 7766): questions with a length in front, answered
 * as they come, in any order. */
#ifndef SERVICE_ENGINE_DNS_STREAM_H
#define SERVICE_ENGINE_DNS_STREAM_H

#include "base/stream.h"
#include "service/engine/traffic.h"

/* Takes the stream. */
void dns_stream_start(struct traffic *traffic, struct stream *client, const struct caller *caller);
void dns_stream_abort_all(struct traffic *traffic);

#endif
