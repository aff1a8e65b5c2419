/* A connected kernel TCP socket as a stream (base/stream.h). Bytes are read when the owner peeks,
 * straight into pooled chunks, and written at once, as far as the kernel takes them: an idle
 * connection holds no buffer. */
#ifndef PROXY_SOCKET_STREAM_H
#define PROXY_SOCKET_STREAM_H

#include "base/endpoint.h"
#include "base/stream.h"

/* `fd` is connected and non-blocking; it belongs to the stream on success and stays the caller's on
 * failure. Reading stops while `buffer_bytes` are unread. Returns 0, -ENOMEM or what the loop's
 * watch said. */
int socket_stream_new(struct loop *loop, int fd, size_t buffer_bytes, struct stream **ret);

/* From now on a peer that is gone (proxy/stall.h) breaks the stream with -ETIMEDOUT. */
void socket_stream_watch_peer(struct stream *stream, uint32_t limit_ms);

/* Of a stream made here. 0 or a negative code (a socket that was reset has no peer). */
int socket_stream_local_address(const struct stream *stream, struct address *ret);
int socket_stream_peer_address(const struct stream *stream, struct address *ret);

#endif
