/* What the plain relay and the SOCKS5 server of the benchmarks share: one thread, epoll, two kernel
 * sockets joined as cheaply as that can be done simply. Bytes pass through one 64 KB buffer while
 * they are in the cache; a buffer of its own only where a peer is slow. */
#ifndef TESTS_BENCH_RELAY_PAIR_H
#define TESTS_BENCH_RELAY_PAIR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Anything epoll knows; embedded first. */
struct source {
    void (*on_ready)(struct source *source, uint32_t events);
    int fd;
    uint32_t events;
};

struct relay_pair;

struct relay_side {
    struct source source;
    struct relay_pair *pair;
    bool is_eof, is_shut;
    char *kept; /* bytes for this side that it did not take */
    size_t kept_at, kept_size;
};

/* Before the sides are joined: < 0 give up, 0 wait for more, 1 joined. */
typedef int relay_step_fn(struct relay_pair *pair, struct relay_side *side, uint32_t events);

struct relay_pair {
    struct relay_side client, server;         /* a descriptor of -1: not there yet */
    relay_step_fn *step;                      /* NULL once they are joined */
    void (*on_dead)(struct relay_pair *pair); /* at the end of the turn: nothing names it then */
    void *owner;
    struct sockaddr_in target;
    bool is_dead;
    struct relay_pair *next_dead;
};

typedef void relay_accept_fn(int fd);

void relay_loop_init(void);
/* Several processes may listen on one port. Exits when that cannot be. */
void relay_listen(int port, relay_accept_fn *on_accept);
void relay_loop_run(void);

void relay_watch(struct source *source, uint32_t events); /* new or changed */
void relay_forget(struct source *source);                 /* and close */

struct relay_pair *relay_pair_new(int client_fd, relay_step_fn *step);
void relay_pair_kill(struct relay_pair *pair); /* freed at the end of the turn */
/* A socket that is being connected: < 0 failed. With a mark, unless that is 0. */
int relay_connect(struct relay_side *side, const struct sockaddr_in *to, int mark);

#endif
