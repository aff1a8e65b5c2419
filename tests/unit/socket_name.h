/* Where a socket is bound: what the kernel chose, so that no test depends on a free port. */
#ifndef TESTS_SOCKET_NAME_H
#define TESTS_SOCKET_NAME_H

#include "base/endpoint.h"

struct address socket_name(int fd);

#endif
