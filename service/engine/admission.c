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

enum answer { NO_ANSWER, ADMITTED, REFUSED };

/* One upstream's server. */
struct server {
    struct list node;
    struct admission *admission;
    struct upstream *upstream;                        /* counted */
    struct address addresses[UPSTREAM_ADDRESSES_MAX]; /* asked to be admitted */
    enum answer answers[UPSTREAM_ADDRESSES_MAX];
    size_t count;
    bool wants_udp;
    struct timer refresh;
    struct lookup *lookup;
};

/* A name being looked up; outlives a server that is no longer wanted. */
struct lookup {
    struct list node;
    struct server *server; /* NULL: nobody waits for it any more */
};

struct admission {
    struct loop *loop;
    struct pool *pool;
    struct admission_host host;
    struct resolve *resolve;
    struct list servers, lookups;
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
    list_init(&admission->lookups);
    return admission;
}

static void lookup_free(struct lookup *lookup)
{
    if (lookup->server)
        lookup->server->lookup = NULL;
    list_remove(&lookup->node);
    free(lookup);
}

/* Look-ups that are under way end with it, without a call. */
static void drop_resolve(struct admission *admission)
{
    resolve_free(admission->resolve);
    admission->resolve = NULL;
    list_each(node, &admission->lookups)
        lookup_free(list_item(node, struct lookup, node));
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
    drop_resolve(admission);
    free(admission);
}

/* --- what is asked of the host --------------------------------------------------------------- */

/* A SOCKS5 server names its UDP port only when it is asked for an association. */
static struct address any_port_of(const struct address *address)
{
    struct address any_port = *address;
    any_port.port = 0;
    return any_port;
}

static void ask_for(struct server *server, const struct address *address)
{
    const struct admission_host *host = &server->admission->host;
    struct address any_port = any_port_of(address);

    host->admit(host->owner, address, IPPROTO_TCP);
    if (server->wants_udp)
        host->admit(host->owner, &any_port, IPPROTO_UDP);
}

/* Port 0 stands for any. */
static bool has_address(const struct address *list, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++) {
        struct address any_port = any_port_of(&list[i]);
        if (address_is_equal(address->port ? &list[i] : &any_port, address))
            return true;
    }
    return false;
}

/* The root half keeps a set, so what two upstreams share must outlive the first of them. */
static bool is_used(const struct admission *admission, const struct address *address, bool for_udp)
{
    list_each(node, &admission->servers) {
        const struct server *server = list_item(node, struct server, node);
        if ((server->wants_udp || !for_udp) &&
            has_address(server->addresses, server->count, address))
            return true;
    }
    return false;
}

/* What a server no longer has; `gone` was its own and it is in no list with it any more. */
static void withdraw_unused(struct admission *admission, const struct address *gone, size_t count,
                            bool has_udp)
{
    const struct admission_host *host = &admission->host;

    for (size_t i = 0; i < count; i++) {
        struct address any_port = any_port_of(&gone[i]);
        if (!is_used(admission, &gone[i], false))
            host->withdraw(host->owner, &gone[i], IPPROTO_TCP);
        if (has_udp && !is_used(admission, &any_port, true))
            host->withdraw(host->owner, &any_port, IPPROTO_UDP);
    }
}

static void use_addresses(struct server *server, const struct address *addresses, size_t count)
{
    struct address before[UPSTREAM_ADDRESSES_MAX];
    size_t before_count = server->count;

    memcpy(before, server->addresses, sizeof(before));
    server->count = count < UPSTREAM_ADDRESSES_MAX ? count : UPSTREAM_ADDRESSES_MAX;
    for (size_t i = 0; i < server->count; i++) {
        server->addresses[i] = addresses[i];
        server->addresses[i].port = server->upstream->server.address.port;
        server->answers[i] = NO_ANSWER;
    }
    withdraw_unused(server->admission, before, before_count, server->wants_udp);
    for (size_t i = 0; i < server->count; i++)
        ask_for(server, &server->addresses[i]);
}

/* --- names ----------------------------------------------------------------------------------- */

static void on_resolved(void *owner, int err, const struct address *addresses, size_t count,
                        uint32_t ttl_s)
{
    struct lookup *lookup = owner;
    struct server *server = lookup->server;
    uint64_t next_ms = ttl_s * UINT64_C(1000);

    lookup_free(lookup);
    if (!server)
        return;
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
    list_append(&server->admission->lookups, &lookup->node);
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
    server->wants_udp = upstream->kind == UPSTREAM_SOCKS5 && upstream->has_udp;
    timer_init(&server->refresh, admission->loop, refresh, server);
    list_append(&admission->servers, &server->node);
    if (wanted && wanted->addresses_count > 0) {
        use_addresses(server, wanted->addresses, wanted->addresses_count);
        return 0;
    }
    if (!endpoint_is_name(&upstream->server)) {
        use_addresses(server, &upstream->server.address, 1);
        return 0;
    }
    /* One that was there before the reload is of use until its name was looked up again. */
    use_addresses(server, upstream->addresses, upstream->address_count);
    return timer_start(&server->refresh, 0);
}

static int renew_resolve(struct admission *admission, const struct config_dns *dns)
{
    struct resolve *resolve;
    int err = resolve_new(admission->loop, dns->bootstrap, dns->bootstrap_count, &resolve);

    if (err < 0)
        return err;
    drop_resolve(admission);
    admission->resolve = resolve;
    for (unsigned i = 0; i < dns->bootstrap_count; i++)
        admission->host.admit(admission->host.owner, &dns->bootstrap[i], IPPROTO_UDP);
    return 0;
}

/* What the last configuration had admitted and this one does not name goes. */
static void drop_servers(struct admission *admission, struct list *servers)
{
    list_each(node, servers) {
        struct server *server = list_item(node, struct server, node);
        withdraw_unused(admission, server->addresses, server->count, server->wants_udp);
        server_free(server);
    }
}

int admission_start(struct admission *admission, const struct config *config)
{
    static struct pool_member members[POOL_MAX];
    size_t count = pool_members(admission->pool, members, POOL_MAX);
    struct list before;
    int err = renew_resolve(admission, &config->dns);

    if (err < 0)
        return err;
    list_init(&before);
    list_splice(&before, &admission->servers);
    for (size_t i = 0; i < count && err == 0; i++) {
        enum upstream_kind kind = members[i].upstream->kind;
        if (kind != UPSTREAM_DIRECT && kind != UPSTREAM_BLOCK)
            err = add_server(admission, members[i].upstream, config);
    }
    drop_servers(admission, &before);
    return err;
}

/* --- answers --------------------------------------------------------------------------------- */

static void settle(struct server *server)
{
    const struct admission_host *host = &server->admission->host;
    struct address admitted[UPSTREAM_ADDRESSES_MAX];
    unsigned count = 0;

    for (size_t i = 0; i < server->count; i++)
        if (server->answers[i] == ADMITTED)
            admitted[count++] = server->addresses[i];
    upstream_set_addresses(server->upstream, admitted, count);
    if (count > 0)
        host->on_ready(host->owner);
    else
        host->on_failed(host->owner, server->upstream->name, -EPERM);
}

static bool is_waiting(const struct server *server)
{
    for (size_t i = 0; i < server->count; i++)
        if (server->answers[i] == NO_ANSWER)
            return true;
    return false;
}

static void take_answer(struct server *server, const struct address *address, enum answer answer)
{
    if (!is_waiting(server))
        return;
    for (size_t i = 0; i < server->count; i++)
        if (address_is_equal(&server->addresses[i], address))
            server->answers[i] = answer;
    if (!is_waiting(server))
        settle(server);
}

/* Only the answer about TCP decides: without UDP an upstream is still of use. Each upstream that
 * waits for an answer about this address has it. */
void admission_answer(struct admission *admission, const struct address *address, int protocol,
                      int err)
{
    if (protocol != IPPROTO_TCP)
        return;
    list_each(node, &admission->servers)
        take_answer(list_item(node, struct server, node), address, err == 0 ? ADMITTED : REFUSED);
}
