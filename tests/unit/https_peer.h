/* An HTTPS server on the loopback interface, on the loop of the test: takes one request after the
 * other on each of any number of connections (HTTP/1.1) and hands each to the test. */
#ifndef TESTS_HTTPS_PEER_H
#define TESTS_HTTPS_PEER_H

#include "tls_peer.h"

#include "base/endpoint.h"
#include "base/list.h"
#include "base/loop.h"

#include <stdint.h>

struct https_request {
    const char *head; /* terminated; with the request line */
    const uint8_t *body;
    size_t size;
};

struct https_peer;
/* Answer with https_say, or close, or leave it without an answer. */
typedef void https_fn(struct https_peer *peer, const struct https_request *request);

struct https_server {
    struct loop *loop;
    struct tls_peer_options tls;
    https_fn *on_request;
    void *owner;
    struct address address;
    int listener, accepted;
    struct watch *watch;
    struct list peers;
};

void https_server_open(struct https_server *server, struct loop *loop,
                       const struct tls_peer_options *tls, https_fn *on_request, void *owner);
void https_server_close(struct https_server *server);
/* Let go of every connection; the listener stays. */
void https_server_hang_up(struct https_server *server);
/* Send what did not fit before; call it in each turn where much is said. */
void https_server_flush(struct https_server *server);

struct https_server *https_peer_server(const struct https_peer *peer);
void https_say(struct https_peer *peer, const void *data, size_t size);
/* No more after what was said. */
void https_finish(struct https_peer *peer);

#endif
