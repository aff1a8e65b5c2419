/* The datagram half of the benchmarks' SOCKS5 server: one association. RFC 1928 sec. 7. */
#ifndef TESTS_BENCH_SOCKS_UDP_H
#define TESTS_BENCH_SOCKS_UDP_H

struct sockaddr_in;
struct socks_udp;

/* `bound`: in, the address to be reached at; out, with the port. NULL when there is no socket. */
struct socks_udp *socks_udp_open(struct sockaddr_in *bound);
void socks_udp_close(struct socks_udp *udp);

#endif
