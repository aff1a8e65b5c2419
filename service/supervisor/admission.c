#include "service/supervisor/admission.h"

#include "base/cleanup.h"
#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { DNS_PORT = 53, MDNS_PORT = 5353, LLMNR_PORT = 5355 };

static bool is_same_ip(struct address a, struct address b)
{
    a.port = b.port = 0;
    return address_is_equal(&a, &b);
}

static bool is_clear_dns(uint16_t port)
{
    return port == DNS_PORT || port == MDNS_PORT || port == LLMNR_PORT;
}

static bool has_direct(const struct config *config)
{
    for (unsigned i = 0; i < config->upstreams_count; i++)
        if (config->upstreams[i].kind == CONFIG_DIRECT)
            return true;
    return false;
}

static bool is_proxy(const struct config_upstream *upstream)
{
    return upstream->kind != CONFIG_DIRECT && upstream->kind != CONFIG_BLOCK;
}

static bool must_be_looked_up(const struct config_upstream *upstream)
{
    return is_proxy(upstream) && upstream->server.address.family == 0 &&
           upstream->addresses_count == 0;
}

static bool has_names(const struct config *config)
{
    for (unsigned i = 0; i < config->upstreams_count; i++)
        if (must_be_looked_up(&config->upstreams[i]))
            return true;
    return false;
}

/* resolv.conf(5): "nameserver ADDRESS", the first ones count. */
static void read_resolv_conf(struct admission *admission, const char *path)
{
    char line[256], word[64];
    _fclose_ FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file) &&
           admission->resolver_count < ADMISSION_RESOLVERS_MAX) {
        struct address address;
        if (sscanf(line, "nameserver %63s", word) != 1 || address_parse_ip(word, &address) < 0)
            continue;
        address.port = DNS_PORT;
        admission->resolvers[admission->resolver_count++] = address;
    }
}

static void set_resolvers(struct admission *admission, const char *resolv_conf)
{
    const struct config_dns *dns = &admission->config->dns;
    admission->resolver_count = 0;
    for (unsigned i = 0; i < dns->bootstrap_count && i < ADMISSION_RESOLVERS_MAX; i++) {
        struct address address = dns->bootstrap[i];
        if (address.port == 0)
            address.port = DNS_PORT;
        admission->resolvers[admission->resolver_count++] = address;
    }
    if (dns->bootstrap_count == 0)
        read_resolv_conf(admission, resolv_conf);
}

static bool is_resolver(const struct admission *admission, const struct address *address)
{
    for (size_t i = 0; i < admission->resolver_count; i++)
        if (address_is_equal(&admission->resolvers[i], address))
            return true;
    return false;
}

/* Root's own file names this very endpoint as a proxy or, beside `direct`, as a DNS server. */
static bool is_named(const struct config *config, const struct address *address)
{
    for (unsigned i = 0; i < config->upstreams_count; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];
        if (!is_proxy(upstream) || upstream->server.address.port != address->port)
            continue;
        if (is_same_ip(upstream->server.address, *address))
            return true;
        for (unsigned j = 0; j < upstream->addresses_count; j++)
            if (is_same_ip(upstream->addresses[j], *address))
                return true;
    }
    for (unsigned i = 0; has_direct(config) && i < config->dns.servers_count; i++)
        if (address_is_equal(&config->dns.servers[i].server.address, address))
            return true;
    return false;
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->ip, zero, sizeof(zero)) == 0;
}

static bool is_broadcast(const struct address *address)
{
    return address->family == 4 && memcmp(address->ip, "\xff\xff\xff\xff", 4) == 0;
}

static int check(const struct admission *admission, const struct fence_admitted *wanted)
{
    const struct address *address = &wanted->address;
    bool is_tcp = wanted->protocol == IPPROTO_TCP, is_udp = wanted->protocol == IPPROTO_UDP;
    if (address->family == 0 || (!is_tcp && !is_udp) || (is_tcp && address->port == 0))
        return -EINVAL;
    if (address_is_multicast(address) || is_broadcast(address) || is_unspecified(address))
        return -EACCES;
    if (is_resolver(admission, address) || (is_tcp && is_named(admission->config, address)))
        return 0;
    if (is_clear_dns(address->port) || !config_admits(admission->config, address))
        return -EACCES;
    return 0;
}

static bool is_same(const struct fence_admitted *a, const struct fence_admitted *b)
{
    return a->protocol == b->protocol && address_is_equal(&a->address, &b->address);
}

/* Only what fits: asked ones come last and are limited at the door. */
static void add(struct fence *fence, const struct address *address, int protocol)
{
    struct fence_admitted next = {.address = *address, .protocol = protocol};
    if (address->family == 0 || address_is_loopback(address))
        return;
    for (size_t i = 0; i < fence->admitted_count; i++)
        if (is_same(&fence->admitted[i], &next))
            return;
    if (fence->admitted_count < FENCE_ADMITTED_MAX)
        fence->admitted[fence->admitted_count++] = next;
}

static void add_upstream(struct fence *fence, const struct config_upstream *upstream)
{
    if (!is_proxy(upstream))
        return;
    if (upstream->addresses_count == 0)
        add(fence, &upstream->server.address, IPPROTO_TCP);
    for (unsigned i = 0; i < upstream->addresses_count; i++) {
        struct address address = upstream->addresses[i];
        address.port = upstream->server.address.port;
        add(fence, &address, IPPROTO_TCP);
    }
}

/* `direct` reaches any endpoint but plain DNS: that needs root's word. */
static void add_dns(struct fence *fence, const struct admission *admission)
{
    const struct config *config = admission->config;
    for (size_t i = 0; has_names(config) && i < admission->resolver_count; i++) {
        add(fence, &admission->resolvers[i], IPPROTO_UDP);
        add(fence, &admission->resolvers[i], IPPROTO_TCP);
    }
    for (unsigned i = 0; has_direct(config) && i < config->dns.servers_count; i++)
        if (config->dns.servers[i].transport != CONFIG_DNS_TCP || config->dns.allows_cleartext)
            add(fence, &config->dns.servers[i].server.address, IPPROTO_TCP);
}

static void add_configured(struct fence *fence, const struct admission *admission)
{
    const struct config *config = admission->config;
    for (unsigned i = 0; i < config->upstreams_count; i++)
        add_upstream(fence, &config->upstreams[i]);
    add_dns(fence, admission);
}

void admission_describe(const struct admission *admission, struct fence *ret)
{
    ret->admits_all = has_direct(admission->config);
    ret->admits_lan = admission->config->admits_lan;
    ret->admitted_count = 0;
    add_configured(ret, admission);
    for (size_t i = 0; i < admission->asked_count; i++)
        add(ret, &admission->asked[i].endpoint.address, admission->asked[i].endpoint.protocol);
}

void admission_set_config(struct admission *admission, const struct config *config,
                          const char *resolv_conf)
{
    admission->config = config;
    set_resolvers(admission, resolv_conf);
    size_t kept = 0;
    for (size_t i = 0; i < admission->asked_count; i++)
        if (check(admission, &admission->asked[i].endpoint) == 0)
            admission->asked[kept++] = admission->asked[i];
    admission->asked_count = kept;
}

void admission_forget(struct admission *admission, unsigned worker)
{
    size_t kept = 0;
    for (size_t i = 0; i < admission->asked_count; i++) {
        struct admission_asked asked = admission->asked[i];
        asked.workers &= ~(UINT32_C(1) << worker);
        if (asked.workers)
            admission->asked[kept++] = asked;
    }
    admission->asked_count = kept;
}

static struct fence_admitted wanted(const struct address *address, int protocol)
{
    return (struct fence_admitted){.address = address_unmapped(address), .protocol = protocol};
}

static struct admission_asked *find(struct admission *admission,
                                    const struct fence_admitted *endpoint)
{
    for (size_t i = 0; i < admission->asked_count; i++)
        if (is_same(&admission->asked[i].endpoint, endpoint))
            return &admission->asked[i];
    return NULL;
}

int admission_ask(struct admission *admission, unsigned worker, const struct address *address,
                  int protocol, struct fence_admitted *ret)
{
    struct fence_admitted asked = wanted(address, protocol);
    int err = check(admission, &asked);
    if (err < 0)
        return err;
    if (address_is_loopback(&asked.address))
        return 1;

    struct admission_asked *known = find(admission, &asked);
    if (known) {
        known->workers |= UINT32_C(1) << worker;
        return 1;
    }
    struct fence fence;
    admission_describe(admission, &fence);
    for (size_t i = 0; i < fence.admitted_count; i++)
        if (is_same(&fence.admitted[i], &asked))
            return 1;
    if (fence.admitted_count == FENCE_ADMITTED_MAX)
        return ERR_LIMIT;
    admission->asked[admission->asked_count++] =
        (struct admission_asked){.endpoint = asked, .workers = UINT32_C(1) << worker};
    *ret = asked;
    return 0;
}

int admission_withdraw(struct admission *admission, unsigned worker, const struct address *address,
                       int protocol, struct fence_admitted *ret)
{
    struct fence_admitted gone = wanted(address, protocol);
    struct admission_asked *known = find(admission, &gone);
    if (!known)
        return 1;
    known->workers &= ~(UINT32_C(1) << worker);
    if (known->workers)
        return 1;
    *known = admission->asked[--admission->asked_count];
    *ret = gone;
    return 0;
}
