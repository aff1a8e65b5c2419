#include "service/engine/admission.h"

#include "base/err.h"
#include "proxy/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "upstream"
#include "base/log.h"

/* A name is looked up again when its addresses age, but not more often than this; after a failure
 * sooner. */
enum { REFRESH_MIN_MS = 5 * 60 * 1000, RETRY_MS = 5000, POOL_MAX = 256 };

/* One upstream's server. */
struct server {
    struct list node;
    struct admission *admission;
    struct upstream *upstream;                        /* counted */
    struct address addresses[UPSTREAM_ADDRESSES_MAX]; /* asked to be admitted */
    bool is_admitted[UPSTREAM_ADDRESSES_MAX];
    size_t count, unanswered;
    struct timer refresh;
    struct lookup *lookup;
};

/* A name being looked up; outlives a server that is no longer wanted. */
struct lookup {
    struct server *server; /* NULL: nobody waits for it any more */
};

struct admission {
    struct loop *loop;
    struct pool *pool;
    struct admission_host host;
    struct resolve *resolve;
    struct list servers;
};

static void refresh(void *owner);

struct admission *admission_new(struct loop *loop, struct pool *pool,
                                const struct admission_host *host)
{
    struct admission *admission = calloc(1, sizeof(*admission));
    if (!admission)
        return NULL;
    admission->loop = loop;
    admission->pool = pool;
    admission->host = *host;
    list_init(&admission->servers);
    return admission;
}

static void server_free(struct server *server)
{
    if (server->lookup)
        server->lookup->server = NULL;
    timer_stop(&server->refresh);
    list_remove(&server->node);
    upstream_unref(server->upstream);
    free(server);
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    list_each(node, &admission->servers)
        server_free(list_item(node, struct server, node));
    resolve_free(admission->resolve);
    free(admission);
}

static void ask_for(struct server *server, const struct address *address)
{
    const struct admission_host *host = &server->admission->host;
    struct address any_port = *address;

    host->admit(host->owner, address, IPPROTO_TCP);
    any_port.port = 0;
    if (server->upstream->kind == UPSTREAM_SOCKS5 && server->upstream->has_udp)
        host->admit(host->owner, &any_port, IPPROTO_UDP);
}

static bool has_address(const struct address *list, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (address_is_equal(&list[i], address))
            return true;
    return false;
}

static void withdraw_others(struct server *server, const struct address *keep, size_t count)
{
    const struct admission_host *host = &server->admission->host;

    for (size_t i = 0; i < server->count; i++) {
        struct address any_port = server->addresses[i];
        if (has_address(keep, count, &server->addresses[i]))
            continue;
        host->withdraw(host->owner, &server->addresses[i], IPPROTO_TCP);
        any_port.port = 0;
        if (server->upstream->kind == UPSTREAM_SOCKS5 && server->upstream->has_udp)
            host->withdraw(host->owner, &any_port, IPPROTO_UDP);
    }
}

static void use_addresses(struct server *server, const struct address *addresses, size_t count)
{
    struct address with_port[UPSTREAM_ADDRESSES_MAX];

    if (count > UPSTREAM_ADDRESSES_MAX)
        count = UPSTREAM_ADDRESSES_MAX;
    for (size_t i = 0; i < count; i++) {
        with_port[i] = addresses[i];
        with_port[i].port = server->upstream->server.address.port;
    }
    withdraw_others(server, with_port, count);
    memcpy(server->addresses, with_port, count * sizeof(*with_port));
    memset(server->is_admitted, 0, sizeof(server->is_admitted));
    server->count = server->unanswered = count;
    for (size_t i = 0; i < count; i++)
        ask_for(server, &with_port[i]);
}

/* --- names ----------------------------------------------------------------------------------- */

static void on_resolved(void *owner, int err, const struct address *addresses, size_t count,
                        uint32_t ttl_s)
{
    struct lookup *lookup = owner;
    struct server *server = lookup->server;
    uint64_t next_ms = ttl_s * UINT64_C(1000);

    free(lookup);
    if (!server)
        return;
    server->lookup = NULL;
    if (err < 0) {
        log_warning("cannot look up upstream=%s err=\"%s\"", server->upstream->name, err_text(err));
        if (server->count == 0)
            server->admission->host.on_failed(server->admission->host.owner, server->upstream->name,
                                              err);
        timer_start(&server->refresh, RETRY_MS);
        return;
    }
    use_addresses(server, addresses, count);
    timer_start(&server->refresh, next_ms > REFRESH_MIN_MS ? next_ms : REFRESH_MIN_MS);
}

static void refresh(void *owner)
{
    struct server *server = owner;
    struct lookup *lookup = malloc(sizeof(*lookup));

    if (!lookup) {
        timer_start(&server->refresh, RETRY_MS);
        return;
    }
    lookup->server = server;
    server->lookup = lookup;
    if (resolve_start(server->admission->resolve, server->upstream->server.name, on_resolved,
                      lookup) < 0)
        on_resolved(lookup, -ENOMEM, NULL, 0, 0);
}

/* --- configuration --------------------------------------------------------------------------- */

static const struct config_upstream *find_config(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->upstreams_count; i++)
        if (strcmp(config->upstreams[i].name, name) == 0)
            return &config->upstreams[i];
    return NULL;
}

static int add_server(struct admission *admission, struct upstream *upstream,
                      const struct config *config)
{
    const struct config_upstream *wanted = find_config(config, upstream->name);
    struct server *server = calloc(1, sizeof(*server));

    if (!server)
        return -ENOMEM;
    server->admission = admission;
    server->upstream = upstream_ref(upstream);
    timer_init(&server->refresh, admission->loop, refresh, server);
    list_append(&admission->servers, &server->node);
    if (wanted && wanted->addresses_count > 0)
        use_addresses(server, wanted->addresses, wanted->addresses_count);
    else if (!endpoint_is_name(&upstream->server))
        use_addresses(server, &upstream->server.address, 1);
    else
        return timer_start(&server->refresh, 0);
    return 0;
}

static int renew_resolve(struct admission *admission, const struct config_dns *dns)
{
    struct resolve *resolve;
    int err = resolve_new(admission->loop, dns->bootstrap, dns->bootstrap_count, &resolve);

    if (err < 0)
        return err;
    resolve_free(admission->resolve);
    admission->resolve = resolve;
    for (unsigned i = 0; i < dns->bootstrap_count; i++)
        admission->host.admit(admission->host.owner, &dns->bootstrap[i], IPPROTO_UDP);
    return 0;
}

/* What the last configuration had admitted goes; the root half counts what is asked for again. */
static void drop_servers(struct admission *admission)
{
    list_each(node, &admission->servers) {
        struct server *server = list_item(node, struct server, node);
        withdraw_others(server, NULL, 0);
        server_free(server);
    }
}

int admission_start(struct admission *admission, const struct config *config)
{
    static struct pool_member members[POOL_MAX];
    size_t count = pool_members(admission->pool, members, POOL_MAX);
    int err;

    drop_servers(admission);
    err = renew_resolve(admission, &config->dns);
    for (size_t i = 0; i < count && err == 0; i++) {
        enum upstream_kind kind = members[i].upstream->kind;
        if (kind != UPSTREAM_DIRECT && kind != UPSTREAM_BLOCK)
            err = add_server(admission, members[i].upstream, config);
    }
    return err;
}

/* --- answers --------------------------------------------------------------------------------- */

static void settle(struct server *server)
{
    const struct admission_host *host = &server->admission->host;
    struct address admitted[UPSTREAM_ADDRESSES_MAX];
    unsigned count = 0;

    for (size_t i = 0; i < server->count; i++)
        if (server->is_admitted[i])
            admitted[count++] = server->addresses[i];
    upstream_set_addresses(server->upstream, admitted, count);
    if (count > 0)
        host->on_ready(host->owner);
    else
        host->on_failed(host->owner, server->upstream->name, -EPERM);
}

/* Only the answer about TCP decides: without UDP an upstream is still of use. */
void admission_answer(struct admission *admission, const struct address *address, int protocol,
                      int err)
{
    if (protocol != IPPROTO_TCP)
        return;
    list_each(node, &admission->servers) {
        struct server *server = list_item(node, struct server, node);
        for (size_t i = 0; i < server->count && server->unanswered > 0; i++) {
            if (!address_is_equal(&server->addresses[i], address))
                continue;
            server->is_admitted[i] = err == 0;
            if (--server->unanswered == 0)
                settle(server);
        }
    }
}
