/* A piece of a regular file, moved whole: a call that was interrupted, or that took but a part,
 * goes on until all is done. The descriptor's own position is neither used nor moved. Not for pipes
 * and sockets, which have no places. */
#ifndef BASE_WHOLE_H
#define BASE_WHOLE_H

#include <stddef.h>
#include <sys/types.h>

/* How much there was, less than `size` only where the file ends before; or < 0. */
ssize_t whole_read(int fd, void *to, size_t size, size_t at);
/* All of it, or < 0 and nobody knows how much. -EIO: the file takes no more and does not say why.
 */
int whole_write(int fd, const void *data, size_t size, size_t at);

#endif
