/* One attempt to get through one upstream, under one deadline: connect, TLS where the kind has it,
 * handshake. What dials and associations have in common; for dial.c and associate.c alone. */
#ifndef PROXY_ATTEMPT_H
#define PROXY_ATTEMPT_H

#include "proxy/dialer.h"
#include "proxy/socks5.h"

struct dialer {
    struct loop *loop;
    struct dialer_options options;
    unsigned attempts; /* under way */
};

struct attempt;

/* The stream is the receiver's. `server` is whom it is connected to, `bound` what a SOCKS5 server's
 * reply said (family 0: nothing). On failure err < 0 and the rest is NULL. The attempt is gone
 * afterwards. */
typedef void attempt_done_fn(void *owner, struct stream *stream, const struct address *server,
                             const struct address *bound, int err);

/* Exactly one on_done, from the loop, none after attempt_cancel. Takes its own reference of the
 * upstream, copies the target. 0, -EINVAL (a name for UPSTREAM_DIRECT), -EHOSTUNREACH (the
 * upstream's name has no address yet), -ENOMEM. */
int attempt_start(struct dialer *dialer, struct upstream *upstream, enum socks5_command command,
                  const struct endpoint *target, attempt_done_fn *on_done, void *owner,
                  struct attempt **ret);
void attempt_cancel(struct attempt *attempt); /* NULL is accepted */

#endif
