/* What lwIP asks of its platform: gcc or clang on Linux. */
#ifndef TUN2SOCKS_LWIP_ARCH_CC_H
#define TUN2SOCKS_LWIP_ARCH_CC_H

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A broken invariant inside lwIP means broken memory soon: stop, the supervisor starts a new
 * worker. */
#define LWIP_PLATFORM_ASSERT(message)                                                              \
    do {                                                                                           \
        fprintf(stderr, "<3>lwip: assertion failed: %s (%s:%d)\n", message, __FILE__, __LINE__);   \
        abort();                                                                                   \
    } while (0)
#define LWIP_PLATFORM_DIAG(x) ((void)0)

#define LWIP_RAND() lwip_port_random()
uint32_t lwip_port_random(void);

#endif
