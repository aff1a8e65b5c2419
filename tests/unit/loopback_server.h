/* A TCP server on the loopback interface, on the loop of the test: any number of connections, each
 * byte handed to the test, or to one of a few servers that tests need often. */
#ifndef TESTS_LOOPBACK_SERVER_H
#define TESTS_LOOPBACK_SERVER_H

#include "base/endpoint.h"
#include "base/list.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct loopback_server;

struct loopback_peer {
    struct list node;
    struct loopback_server *server;
    int fd;
    struct watch *watch;
    int step; /* for the server's own use */
    bool has_ended;
    size_t size;
    uint8_t got[70000]; /* what came and was not used up */
};

/* Something came, or (has_ended) the end. Nobody there: bytes are collected, ends are kept. */
typedef void loopback_fn(struct loopback_peer *peer);

struct loopback_server {
    struct loop *loop;
    struct address address;
    loopback_fn *on_bytes;
    void *owner;
    size_t accepted;
    struct list peers;
    int listener;
    struct watch *listening;
};

/* on_bytes NULL: takes connections and never says anything. */
void loopback_server_open(struct loopback_server *server, struct loop *loop, loopback_fn *on_bytes,
                          void *owner);
void loopback_server_close(struct loopback_server *server);
/* Let go of every connection; the listener stays. */
void loopback_server_hang_up(struct loopback_server *server);

void loopback_say(struct loopback_peer *peer, const void *data, size_t size);
void loopback_use_up(struct loopback_peer *peer, size_t size);
void loopback_hang_up(struct loopback_peer *peer); /* frees it: a handler returns at once */
struct loopback_peer *loopback_newest(struct loopback_server *server);

/* Servers. */
void loopback_echo(struct loopback_peer *peer);
void loopback_slam(struct loopback_peer *peer); /* closes at the first byte */
/* SOCKS5 without login. `owner` is a uint8_t *, the code of its replies; 0: it then echoes. */
void loopback_socks5(struct loopback_peer *peer);
bool loopback_socks5_greet(struct loopback_peer *peer); /* its beginning; true when it is through */

/* A port on which nobody listens, as long as the descriptor is open. */
int loopback_nobody(struct address *ret);

#endif
