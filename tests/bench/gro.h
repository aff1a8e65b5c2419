/* Datagrams that the kernel has put together (UDP_GRO, Linux 5.0), received with one call. */
#ifndef TESTS_BENCH_GRO_H
#define TESTS_BENCH_GRO_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

void gro_enable(int fd); /* where the kernel cannot they come one by one */

/* Does not wait. Size of what came or < 0 (errno), and of each datagram in it; the last one may be
 * shorter. */
ssize_t gro_receive(int fd, void *buffer, size_t capacity, struct sockaddr_storage *ret_from,
                    socklen_t *ret_from_size, size_t *ret_each);

#endif
