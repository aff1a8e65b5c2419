/* One proxy server that conversations may leave by: kind, where, credentials. Counted, because a
 * dial in progress outlives a reload; credentials are wiped when the last reference goes. Health
 * belongs to the pool. */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stdint.h>

enum upstream_kind {
    UPSTREAM_DIRECT, /* the worker's own socket, straight to the target */
    UPSTREAM_BLOCK,  /* refuses everything: ERR_BLOCKED */
    UPSTREAM_HTTP,   /* CONNECT (RFC 9110 sec. 9.3.6) */
    UPSTREAM_HTTPS,  /* CONNECT inside TLS */
    UPSTREAM_SOCKS5, /* RFC 1928, 1929 */
};

enum { UPSTREAM_NAME_MAX = 63, UPSTREAM_ADDRESSES_MAX = 8 };

struct upstream_options {
    const char *name; /* unique in the pool; for logs, status and usage */
    enum upstream_kind kind;
    struct endpoint server;      /* unused for direct and block */
    const char *user, *password; /* NULL for none */
    bool has_udp;                /* socks5: offer UDP ASSOCIATE; direct: always */
    bool is_pipelined;           /* socks5: send greeting, login and request at once */
    const char *tls_name;        /* https: name to verify; NULL: server's */
    const char *tls_ca_file;     /* https: NULL for the system's */
    bool tls_insecure;           /* https: do not verify (logged as a warning) */
    /* Not to be dialed before upstream_set_addresses, even where `server` is an address: a firewall
     * has to let it through first. */
    bool needs_admission;
};

struct upstream {
    unsigned refs;
    char name[UPSTREAM_NAME_MAX + 1];
    enum upstream_kind kind;
    struct endpoint server;
    char *user, *password;
    char *tls_name, *tls_ca_file;
    bool has_udp, is_pipelined, tls_insecure;
    /* Where the server is, most preferred first; set by whoever resolved its name. */
    struct address addresses[UPSTREAM_ADDRESSES_MAX];
    unsigned address_count;
};

/* Copies the strings. 0, -EINVAL, -ENOMEM. */
int upstream_new(const struct upstream_options *options, struct upstream **ret);
struct upstream *upstream_ref(struct upstream *upstream);
void upstream_unref(struct upstream *upstream); /* NULL is accepted */
void upstream_set_addresses(struct upstream *upstream, const struct address *addresses,
                            unsigned count);
bool upstream_is_same(const struct upstream *upstream, const struct upstream_options *options);
/* Has it an address to connect to, or does it need none? */
bool upstream_is_dialable(const struct upstream *upstream);
const char *upstream_kind_text(enum upstream_kind kind);

#endif
