/* The error currency of Atlantic.
 *
 * A function that can fail returns int (or ssize_t): 0 or a positive count, or a negative code. The
 * codes are negative errno values, which is also what libuv returns on Linux, and the few below,
 * which start at -5000, clear of both. The file that includes a third-party library changes that
 * library's codes into these. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    ERR_EOF = -5000,                /* the peer finished; not a fault */
    ERR_REFUSED_BY_PROXY = -5001,   /* the upstream works and says no: policy, quota */
    ERR_AUTH = -5002,               /* the upstream wants other credentials */
    ERR_PROTOCOL = -5003,           /* the other end broke its protocol */
    ERR_TLS = -5004,                /* TLS handshake or certificate */
    ERR_TARGET_REFUSED = -5005,     /* behind a working upstream: connection refused */
    ERR_TARGET_UNREACHABLE = -5006, /* behind a working upstream: host, network or name */
    ERR_NAME = -5007,               /* the name does not exist or has no address */
    ERR_BLOCKED = -5008,            /* a verdict said so */
    ERR_NO_UPSTREAM = -5009,        /* the pool has none that may be tried now */
    ERR_LIMIT = -5010,              /* one of our own limits */
    ERR_UNSUPPORTED = -5011,        /* the upstream kind cannot do this (UDP over HTTP) */
};

/* One short English phrase for a negative code; never NULL, static storage. */
const char *err_text(int err);

/* True for the target's own errors behind a working upstream: they are not charged to it. */
int err_is_target(int err);

#endif
