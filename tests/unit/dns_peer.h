/* A DNS server over TCP that knows a few names, for loopback_server. */
#ifndef TESTS_DNS_PEER_H
#define TESTS_DNS_PEER_H

#include "loopback_server.h"

#include "adblock/dns_message.h"

enum { DNS_PEER_BIG = 100 }; /* addresses of big.example: more than fit a datagram */

/* The server's owner. */
struct dns_peer {
    int questions;
    bool is_silent; /* takes questions and answers none */
    int rcode;      /* not 0: answers with this, whatever is asked */
    size_t cut_at;  /* answers are sent in two parts, this many bytes first */
};

/* nothing.example: NXDOMAIN. big.example: many addresses. two.example: 127.0.0.2, 127.0.0.1.
 * nowhere.example: 0.0.0.0.
 * alias.example: a CNAME to ads.example, and that one's address. Others: 192.0.2.1, 2001:db8::1. */
void dns_peer_answer(struct loopback_peer *peer);

#endif
