#include "service/engine/resolver.h"

#include "adblock/dns_message.h"
#include "base/err.h"
#include "service/engine/dns_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_IDLE_MS = 15000, LINKS_MAX = 16 };
/* A kept connection may have been closed by the server just now, so each link is tried twice. */
enum { ROUNDS = 2 };

struct resolver {
    struct connector *connector;
    const struct config_dns *config;
    struct dns_link *links[LINKS_MAX];
    size_t link_count, preferred;
    struct list queries;
};

struct resolver_query {
    struct resolver *resolver;
    struct list node;
    struct dns_exchange exchange;
    size_t link, attempts; /* which one is asked now; how many were asked */
    struct timer slow;     /* this attempt */
    uint64_t deadline_at_ms;
    resolver_done_fn *on_done;
    void *owner;
    size_t size;
    uint8_t bytes[];
};

static int add_link(struct resolver *resolver, const struct config_dns_server *server)
{
    struct dns_link_options options = {
        .server = server->server,
        .is_tls = server->transport == CONFIG_DNS_TLS,
        .tls_name = server->tls_name,
        .tls_ca_file = resolver->config->tls_ca_file,
        .idle_ms = LINK_IDLE_MS,
    };
    struct dns_link *link = dns_link_new(resolver->connector, &options);

    if (!link)
        return -ENOMEM;
    resolver->links[resolver->link_count++] = link;
    return 0;
}

struct resolver *resolver_new(struct connector *connector, const struct config_dns *config)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return NULL;
    resolver->connector = connector;
    resolver->config = config;
    list_init(&resolver->queries);
    for (unsigned i = 0; i < config->servers_count && i < LINKS_MAX; i++) {
        if (add_link(resolver, &config->servers[i]) < 0) {
            resolver_free(resolver);
            return NULL;
        }
    }
    return resolver;
}

static void query_free(struct resolver_query *query)
{
    dns_exchange_cancel(&query->exchange);
    timer_stop(&query->slow);
    list_remove(&query->node);
    free(query);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    list_each(node, &resolver->queries)
        query_free(list_item(node, struct resolver_query, node));
    for (size_t i = 0; i < resolver->link_count; i++)
        dns_link_free(resolver->links[i]);
    free(resolver);
}

/* A server that is there and cannot, or does not want to: perhaps another one does. */
static bool is_of_no_use(const uint8_t *answer)
{
    int rcode = answer[3] & 15; /* RFC 1035 sec. 4.1.1 */
    return rcode == DNS_SERVFAIL || rcode == DNS_REFUSED;
}

static void end(struct resolver_query *query, int err, uint8_t *answer, size_t size)
{
    resolver_done_fn *on_done = query->on_done;
    void *owner = query->owner;

    if (err == 0) {
        if (!is_of_no_use(answer))
            query->resolver->preferred = query->link;
        memcpy(answer, query->bytes, 2); /* the asker's id */
    }
    query_free(query);
    on_done(owner, err, answer, size);
}

/* Ask the next link that takes the question. */
static int ask_next(struct resolver_query *query)
{
    struct resolver *resolver = query->resolver;
    uint64_t now_ms = loop_now_ms(resolver->connector->loop);
    int err = ERR_NO_UPSTREAM;

    if (now_ms >= query->deadline_at_ms)
        return -ETIMEDOUT;
    while (query->attempts < ROUNDS * resolver->link_count) {
        query->link = (query->link + (query->attempts++ > 0)) % resolver->link_count;
        err = dns_link_start(resolver->links[query->link], &query->exchange);
        if (err == 0) {
            uint64_t left_ms = query->deadline_at_ms - now_ms;
            uint64_t links_left = resolver->link_count > query->attempts
                                      ? resolver->link_count - query->attempts + 1
                                      : 1;
            return timer_start(&query->slow, left_ms / links_left);
        }
    }
    return err;
}

static void on_answer(void *owner, int err, uint8_t *answer, size_t size)
{
    struct resolver_query *query = owner;
    bool has_others = query->attempts < query->resolver->link_count;

    if ((err < 0 || (has_others && is_of_no_use(answer))) && ask_next(query) == 0)
        return;
    end(query, err, answer, size);
}

static void on_slow(void *owner)
{
    struct resolver_query *query = owner;
    int err;

    dns_exchange_give_up(&query->exchange);
    err = ask_next(query);
    if (err < 0)
        end(query, -ETIMEDOUT, NULL, 0);
}

int resolver_start(struct resolver *resolver, const void *bytes, size_t size,
                   resolver_done_fn *on_done, void *owner, struct resolver_query **ret)
{
    struct resolver_query *query = calloc(1, sizeof(*query) + size);
    int err;

    if (!query)
        return -ENOMEM;
    query->resolver = resolver;
    list_append(&resolver->queries, &query->node);
    query->exchange.query = query->bytes;
    query->exchange.size = size;
    query->exchange.on_done = on_answer;
    query->exchange.owner = query;
    query->link = resolver->preferred;
    timer_init(&query->slow, resolver->connector->loop, on_slow, query);
    query->deadline_at_ms = loop_now_ms(resolver->connector->loop) + resolver->config->timeout_ms;
    query->on_done = on_done;
    query->owner = owner;
    query->size = size;
    memcpy(query->bytes, bytes, size);
    err = ask_next(query);
    if (err < 0) {
        query_free(query);
        return err;
    }
    *ret = query;
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    if (query)
        query_free(query);
}
