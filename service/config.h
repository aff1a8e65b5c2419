/* The configuration: one YAML file, read whole, checked whole, with every default filled in, then
 * immutable and counted. A file that is wrong in any way is refused with file, line, column and a
 * hint, and whatever was in force stays. Never rewritten by a program.
 *
 * Both halves read it: the supervisor opens it and passes the descriptor on, because the file may
 * hold credentials and the worker can open nothing of root's. */
#ifndef SERVICE_CONFIG_H
#define SERVICE_CONFIG_H

#include "base/endpoint.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/atlantic/atlantic.yaml"

enum {
    CONFIG_UPSTREAM_NAME_MAX = 63,
    CONFIG_UPSTREAM_ADDRESSES_MAX = 8,
    CONFIG_LISTEN_MAX = 8,
    CONFIG_LISTS_MAX = 64,
};

enum config_upstream_kind {
    CONFIG_DIRECT,
    CONFIG_BLOCK,
    CONFIG_HTTP,
    CONFIG_HTTPS,
    CONFIG_SOCKS5,
};

struct config_upstream {
    char *name; /* default "direct" or host:port; unique */
    enum config_upstream_kind kind;
    struct endpoint server;
    struct address *addresses; /* pinned: the server's name is then never looked up */
    unsigned addresses_count;
    char *user, *password; /* NULL for none */
    bool udp;              /* default true for socks5 */
    bool pipelined;        /* default false: one common server breaks on it */
    char *tls_name, *tls_ca_file;
    bool tls_insecure;
};

enum config_dns_transport { CONFIG_DNS_TCP, CONFIG_DNS_TLS, CONFIG_DNS_HTTPS };

/* "tls://9.9.9.9#dns.quad9.net", "https://9.9.9.9/dns-query#dns.quad9.net",
 * "tcp://192.0.2.53:5353" */
struct config_dns_server {
    enum config_dns_transport transport;
    struct endpoint server; /* an address; port 53, 853 or 443 by default */
    char *tls_name;         /* NULL: verify the address */
    char *path;             /* of HTTPS; otherwise NULL */
};

enum config_blocking {
    CONFIG_BLOCK_NULL,
    CONFIG_BLOCK_NXDOMAIN,
    CONFIG_BLOCK_REFUSED,
    CONFIG_BLOCK_CUSTOM
};

enum config_dns_mode { CONFIG_DNS_REAL, CONFIG_DNS_STAND_IN };
enum config_dns_strategy { CONFIG_DNS_FAILOVER, CONFIG_DNS_RACE };
enum config_ech { CONFIG_ECH_KEEP, CONFIG_ECH_STRIP };

struct config_dns {
    struct config_dns_server *servers; /* tried in order */
    unsigned servers_count;
    enum config_dns_strategy strategy;
    enum config_dns_mode mode; /* whose addresses applications get */
    char **stand_in_except;    /* names that keep their own, with everything below */
    unsigned stand_in_except_count;
    char *tls_ca_file;         /* NULL: the system's */
    struct address *bootstrap; /* resolvers for upstream host names only; plain DNS */
    unsigned bootstrap_count;
    enum config_blocking blocking;
    struct address blocking_address4, blocking_address6;
    uint32_t blocking_ttl_s;
    bool allows_cleartext; /* tcp:// resolvers beside a direct upstream */
    enum config_ech ech;   /* keys of Encrypted Client Hello in answers */
    bool refuses_private_answers;
    char **private_names; /* with everything below: asked for, and may have private addresses */
    unsigned private_names_count;
    uint32_t cache_entries, cache_bytes, timeout_ms;
    uint32_t stale_s; /* how long beyond its time an answer may serve where no server answers */
    bool prefetches;  /* popular names are asked for again before their time is over */
};

/* Where a list is: in a file, at a URL, or what the catalogue says (then the rest comes from
 * there). */
struct config_list {
    char *name, *format, *category; /* format "auto", "hosts", "domains", ... */
    char *file, *url, *catalogue;   /* one of them */
    bool enabled;
};

/* When lists, or the filter, are in force; local time. */
struct config_schedule {
    unsigned *days; /* as tm_wday; those on which it begins; none: every day */
    unsigned days_count;
    uint32_t from_min, to_min;  /* of the day; from there to there, perhaps on the next day */
    char **categories, **lists; /* which; neither: the filter as a whole */
    unsigned categories_count, lists_count;
    bool is_on; /* in force at that time only; false: at all times but that */
};

struct config_filter {
    bool enabled;
    bool builtin;              /* the list that comes with Atlantic */
    struct config_list *lists; /* those of the categories too */
    unsigned lists_count;
    char **categories; /* whose recommended lists are in force */
    unsigned categories_count;
    char **rules; /* the user's own, in the syntax of adblock lists */
    unsigned rules_count;
    uint32_t update_every_s; /* 0: never by itself */
    char *ca_file;           /* for downloads; NULL: the system's */
    char **allow;            /* names: themselves and everything below */
    unsigned allow_count;
    char **deny;
    unsigned deny_count;
    struct config_schedule *schedules;
    unsigned schedules_count;
};

enum config_echo { CONFIG_ECHO_OFF, CONFIG_ECHO_REACHABLE, CONFIG_ECHO_ALWAYS };

struct config_tun {
    char *name; /* atlantic-tun0 */
    uint16_t mtu;
    struct address address4, address6;
    enum config_echo echo; /* reachable */
};

struct config_local {
    struct address *listen; /* 127.0.0.1:1080, [::1]:1080 */
    unsigned listen_count;
    char *user, *password;
};

struct config_limits {
    uint32_t tcp_flows, tcp_per_destination, udp_flows, local_clients;
    uint32_t tcp_knocks, tcp_knocks_per_destination;
    uint32_t buffer_bytes; /* per direction and connection */
    uint64_t memory_bytes; /* all buffers together */
};

struct config_timeouts { /* ms */
    uint32_t connect, dial, stall, tcp_idle, tcp_half_closed, udp_idle;
};

enum config_query_log_mode { CONFIG_QUERY_LOG_OFF, CONFIG_QUERY_LOG_BLOCKED, CONFIG_QUERY_LOG_ALL };
enum config_query_names {
    CONFIG_QUERY_NAMES_PLAIN,
    CONFIG_QUERY_NAMES_HASHED,
    CONFIG_QUERY_NAMES_NONE
};

/* What was asked for and decided, kept by the worker. */
struct config_query_log {
    enum config_query_log_mode mode;
    enum config_query_names names;
    bool shows_apps;             /* which program asked */
    uint32_t age_s, asked_age_s; /* the region may allow less than was asked for */
    bool needs_consent;          /* in that region */
    uint64_t size_bytes;
};

struct config {
    unsigned refs;
    char *region;                      /* ISO 3166-1 alpha-2; NULL: not known */
    struct config_upstream *upstreams; /* default: one, direct */
    unsigned upstreams_count;
    struct config_tun tun;
    struct config_local local;
    struct config_dns dns;
    struct config_filter filter;
    bool refuses_quic; /* UDP 443, so that browsers come by TCP, where the name is visible */
    bool admits_lan;
    bool admits_private_upstreams; /* may the worker ask for upstreams in private ranges */
    struct config_limits limits;
    struct config_timeouts timeouts;
    struct config_query_log query_log;
    enum log_level log_level;
    bool log_names;
    char *user, *group; /* the worker's; "atlantic" */
    uint32_t workers;   /* how many share the work; 0: as many as are good for this host */
};

struct config_error {
    char text[512]; /* "FILE:LINE:COLUMN: what is wrong; what to do" */
};

/* `text` NULL: the embedded default alone. `name` is the file's, for messages. 0, -EINVAL (see
 * *error), -ENOMEM. */
int config_parse(const char *name, const char *text, size_t size, struct config **ret,
                 struct config_error *error);
/* Reads a descriptor from its start; -EINVAL or the error of reading, both with *error. */
int config_read(const char *name, int fd, struct config **ret, struct config_error *error);
struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is accepted; credentials are wiped */

/* May the worker be let out to this address as an upstream's or a bootstrap resolver's? Private
 * ones only if admits_private_upstreams says so or the file names the very address. Ports don't
 * matter. */
bool config_admits(const struct config *config, const struct address *address);

/* What one of `count` workers may have: the limits of the whole, divided. Before it is used. */
void config_divide(struct config *config, unsigned count);

/* Is there a query log, and may it say which program asked? */
bool config_log_shows_apps(const struct config *config);

/* The effective configuration as YAML, credentials as "***"; allocated, NULL out of memory. */
char *config_format(const struct config *config);

#endif
