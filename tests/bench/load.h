/* Load for the benchmarks: one client thread or one server process, epoll, plain sockets. Whatever
 * fails ends the program with a word about it.
 *
 * The first byte of a connection or of a datagram tells the server what it is for. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    LOAD_BUFFER_BYTES = 256 * 1024,
    LOAD_EVENTS = 256,
    LOAD_WARM_UP_US = 400000,
    LOAD_DISCARD = 'u',
    LOAD_SOURCE = 'd',
    LOAD_ECHO = 'e',
    LOAD_COUNT = 'c', /* TCP only: how many datagrams were discarded so far, in 20 digits */
    LOAD_COUNT_DIGITS = 20,
};

extern char load_buffer[LOAD_BUFFER_BYTES];
extern struct sockaddr_storage load_target;
extern socklen_t load_target_size;

void load_die(const char *what) __attribute__((noreturn));
uint64_t load_now_us(void);
void load_set_target(const char *host, const char *port);
/* Sleeps until the n-th of `rate` moments per second since `start_us`. */
void load_pace(uint64_t start_us, uint64_t n, double rate);
void load_sort(uint32_t *samples, size_t count);

int load_epoll(void);
void load_watch(int epoll, int operation, int fd, uint32_t events, char purpose);
int load_event_fd(uint64_t data);
char load_event_purpose(uint64_t data);

int load_connect(char purpose);          /* blocking */
void load_exchange(int fd, size_t size); /* `size` bytes there and back */

void load_serve(int processes) __attribute__((noreturn)); /* at the target's address and port */
void load_count(void);                                    /* how many datagrams it discarded */

void load_tcp_bulk(char purpose, int streams, double seconds);
void load_tcp_rtt(size_t size, double seconds);
void load_tcp_rate(int at_a_time, double seconds);
void load_tcp_wide(int connections, double seconds);
void load_tcp_drip(double writes_per_second, double seconds);
void load_tcp_hold(int connections);

void load_udp_up(size_t size, double per_second, double seconds);
void load_udp_down(size_t size, double per_second, double seconds);
void load_udp_flows(int at_a_time, double seconds);
void load_udp_hold(int flows);
void load_udp_segments(size_t size, double seconds);

#endif
