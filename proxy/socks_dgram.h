/* An association with a SOCKS5 server as a dgram (RFC 1928 sec. 7): datagrams go to the server's
 * relay with a header each; the TCP connection that asked for it holds it open. */
#ifndef PROXY_SOCKS_DGRAM_H
#define PROXY_SOCKS_DGRAM_H

#include "base/dgram.h"
#include "base/stream.h"

/* `control` is the connection whose UDP ASSOCIATE was granted; taken in any case. Its end is the
 * end of the association (on_end). `relay` is where the server wants the datagrams. 0 or < 0. */
int socks_dgram_new(struct loop *loop, struct stream *control, const struct address *relay,
                    struct dgram **ret);

/* Where to send, by a server's reply (`bound`) and by where the server itself is: replies say
 * 0.0.0.0 for "here", and a private address from behind their own NAT. 0 or ERR_PROTOCOL. */
int socks_dgram_find_relay(const struct address *server, const struct address *bound,
                           struct address *ret);

#endif
