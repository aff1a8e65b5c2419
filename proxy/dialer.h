/* What dials share (options, limits, TLS settings), and one dial: upstream + target -> a connected
 * stream, or an association for datagrams. Upstream names are resolved before (proxy/resolve); a
 * dial tries the upstream's addresses in order within its one deadline. */
#ifndef PROXY_DIALER_H
#define PROXY_DIALER_H

#include "base/dgram.h"
#include "base/endpoint.h"
#include "base/stream.h"
#include "proxy/upstream.h"

#include <stdint.h>

struct dialer;
struct dial;

/* 0 stands for the default. */
struct dialer_options {
    uint32_t connect_timeout_ms; /* one address; default 3000 */
    uint32_t dial_timeout_ms;    /* the whole attempt; default 8000 */
    uint32_t stall_timeout_ms;   /* a peer that acknowledges nothing; default 10000 */
    uint32_t buffer_bytes;       /* unread bytes held per upstream stream; default 256 KiB */
};

struct dialer *dialer_new(struct loop *loop, const struct dialer_options *options);
/* For dials that start from now on; 0 means the default. */
void dialer_set_options(struct dialer *dialer, const struct dialer_options *options);
void dialer_free(struct dialer *dialer); /* all dials must have ended */

/* err 0 and a connected stream that the receiver owns, or NULL and a negative code:
 * ERR_TARGET_REFUSED, ERR_TARGET_UNREACHABLE, ERR_NAME  the target's own trouble
 * ERR_REFUSED_BY_PROXY, ERR_AUTH, ERR_TLS, ERR_PROTOCOL, -ECONNREFUSED, -ETIMEDOUT, ... upstream's
 * ERR_BLOCKED  kind block;  ERR_UNSUPPORTED  this kind cannot
 * With UPSTREAM_DIRECT a refusal is the target's own: ERR_TARGET_REFUSED. The receiver is woken
 * once it has become the stream's owner: what the other end sent meanwhile is in it. */
typedef void dial_done_fn(void *owner, struct stream *stream, int err);

/* Exactly one on_done, from the loop, none after dial_cancel. UPSTREAM_DIRECT wants an address as
 * target (-EINVAL for a name); the others pass a name on as it is. Takes its own reference of
 * `upstream`. Returns 0 or < 0 (then no on_done): -EHOSTUNREACH while the upstream has no address.
 */
int dial_start(struct dialer *dialer, struct upstream *upstream, const struct endpoint *target,
               dial_done_fn *on_done, void *owner, struct dial **ret);
void dial_cancel(struct dial *dial); /* NULL is accepted */

/* The same for UDP: SOCKS5 UDP ASSOCIATE or a socket of our own (direct). */
typedef void associate_done_fn(void *owner, struct dgram *dgram, int err);
struct associate;
int associate_start(struct dialer *dialer, struct upstream *upstream, associate_done_fn *on_done,
                    void *owner, struct associate **ret);
void associate_cancel(struct associate *associate);

/* TLS over a connected stream, client side; takes `inner` in any case. The stream is usable at
 * once: writes wait for the handshake, a failed handshake is ERR_TLS from peek. `ca_file` NULL: the
 * system's; `name` is sent as SNI and verified. (proxy/tls_stream.c; mbedTLS is known there and in
 * tls_trust.c alone)
 */
struct tls_options {
    const char *name, *ca_file;
    bool is_insecure;
    const char *alpn; /* "dot", "http/1.1" or NULL */
};
int tls_stream_new(struct loop *loop, struct stream *inner, const struct tls_options *options,
                   struct stream **ret);

#endif
