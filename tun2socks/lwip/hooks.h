/* The three places where lwIP asks us while it works. */
#ifndef TUN2SOCKS_LWIP_HOOKS_H
#define TUN2SOCKS_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/ip_addr.h"

struct tcp_pcb;

/* Initial sequence numbers that cannot be guessed (RFC 6528). */
u32_t lwip_port_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                    u16_t remote_port);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port)                            \
    lwip_port_isn(local_ip, local_port, remote_ip, remote_port)

/* No options are added; but this call says whose segment is about to reach the interface, which has
 * to know how large the pieces may be. */
extern const struct tcp_pcb *lwip_port_sending;
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options)                                     \
    (lwip_port_sending = (pcb), (options))

#endif
