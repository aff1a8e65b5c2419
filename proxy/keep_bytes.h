/* Queues what was just read into a chunk: by reference, or copied where a reference would pin much
 * more memory than it uses. */
#ifndef PROXY_KEEP_BYTES_H
#define PROXY_KEEP_BYTES_H

#include "base/buf.h"

/* The first `size` bytes of `chunk`, for which `to` has room; takes the chunk. `is_waiting`: older
 * bytes waited before this read, their reader slows the flow down. 0, or -ENOMEM and
 * the bytes are lost; the chunk pool's limit alone is no reason for that. */
int keep_bytes(struct buf *to, struct chunk *chunk, size_t size, bool is_waiting);

#endif
