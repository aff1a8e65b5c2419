/* lwIP as a TCP engine and nothing else: packets are parsed, demultiplexed and checked before it
 * sees them, so everything but the TCP core, pbufs and IP header writing is off. */
#ifndef TUN2SOCKS_LWIP_LWIPOPTS_H
#define TUN2SOCKS_LWIP_LWIPOPTS_H

#include <stdint.h>

/* Driven by our loop; memory from malloc, no fixed pools. */
#define NO_SYS                          1
#define SYS_LIGHTWEIGHT_PROT            0
#define LWIP_TIMERS                     0
#define MEM_LIBC_MALLOC                 1
#define MEMP_MEM_MALLOC                 1
#define MEM_ALIGNMENT                   8
#define LWIP_STATS                      0
#define LWIP_SOCKET                     0
#define LWIP_NETCONN                    0
#define LWIP_COMPAT_MUTEX               0
#define LWIP_DISABLE_MEMP_SANITY_CHECKS 1

/* One interface without a link layer. */
#define LWIP_SINGLE_NETIF               1
#define LWIP_ARP                        0
#define LWIP_ETHERNET                   0
#define LWIP_NETIF_LOOPBACK             0
#define LWIP_HAVE_LOOPIF                0
#define LWIP_IPV4                       1
#define LWIP_IPV6                       1
#define LWIP_IPV6_MLD                   0
#define LWIP_IPV6_AUTOCONFIG            0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT   0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS   0
#define LWIP_ND6_QUEUEING               0
#define LWIP_ND6_TCP_REACHABILITY_HINTS 0
#define LWIP_ND6_ALLOW_RA_UPDATES       0
#define LWIP_ICMP                       0
#define LWIP_ICMP6                      1 /* nd6.c does not compile without; nothing is ever fed to it */
#define LWIP_RAW                        0
#define LWIP_UDP                        0
#define LWIP_DNS                        0
#define LWIP_DHCP                       0
#define LWIP_IGMP                       0
#define IP_REASSEMBLY                   0 /* tun2socks/fragments.c */
#define LWIP_IPV6_REASS                 0
#define IP_FRAG                         0 /* a superpacket may not be cut */
#define LWIP_IPV6_FRAG                  0
#define IP_DEFAULT_TTL                  64

/* Incoming checksums are verified before lwIP; outgoing ones are made by whoever is cheaper. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define CHECKSUM_CHECK_IP            0
#define CHECKSUM_CHECK_TCP           0
#define CHECKSUM_CHECK_UDP           0
#define CHECKSUM_CHECK_ICMP          0
#define CHECKSUM_CHECK_ICMP6         0

#define LWIP_SUPPORT_CUSTOM_PBUF  1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_PBUF_REF_T           uint32_t

/* TCP. Segments may be larger than what goes on the wire: the interface's mtu decides what is
 * advertised, gso.c cuts what is sent. */
#define LWIP_TCP                       1
#define TCP_MSS                        65475
#define TCP_WND                        lwip_port_buffer_bytes
#define TCP_SND_BUF                    lwip_port_buffer_bytes
#define TCP_SND_QUEUELEN               8192
#define TCP_SNDLOWAT                   (TCP_SND_BUF / 2)
#define TCP_SNDQUEUELOWAT              4096
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define LWIP_WND_SCALE                 1
#define TCP_RCV_SCALE                  7
#define TCP_OVERSIZE                   0 /* a tiny copied write would allocate a whole segment */
#define TCP_LISTEN_BACKLOG             0
#define LWIP_TCP_TIMESTAMPS            0
#define LWIP_TCP_SACK_OUT              1
#define TCP_QUEUE_OOSEQ                1
#define TCP_OOSEQ_MAX_BYTES            1 /* there is a limit, and it is the window */
#define TCP_OOSEQ_BYTES_LIMIT(pcb)     TCP_WND
#define TCP_OOSEQ_MAX_PBUFS            256
#define LWIP_TCP_PCB_NUM_EXT_ARGS      1
#define LWIP_TCP_RTO_TIME              1000 /* RFC 6298 sec. 2.1; the path is this host */
/* TIME_WAIT is left at once (tcp_stream.c); what remains of the MSL is that lwIP drops a connection
 * in LAST_ACK after twice that without a packet, even if its bytes are not yet delivered. */
#define TCP_MSL                        60000
#define TCP_MAXRTX                     8 /* some minutes: the peer is a kernel on this host, or gone */
#define LWIP_HOOK_FILENAME             "tun2socks/lwip/hooks.h"

extern uint32_t lwip_port_buffer_bytes;

#endif
