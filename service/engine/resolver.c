#include "service/engine/resolver.h"

#include "adblock/dns_message.h"
#include "base/err.h"
#include "service/engine/dns_link.h"
#include "service/engine/doh_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_IDLE_MS = 15000, LINKS_MAX = 16 };
/* A kept connection may have been closed by the server just now, so each link is tried twice. */
enum { ROUNDS = 2 };

/* Racing: a server is given about twice its usual time before the next one is asked too. Now and
 * then two are asked at once, to learn of one that has become better. */
enum { HEDGE_MIN_MS = 20, HEDGE_MAX_MS = 1000, USUAL_AT_FIRST_MS = 100, USUAL_MAX_MS = 4000 };
enum { LANES = 2, EXPLORE_EVERY = 32 };

struct server {
    struct dns_link *link; /* or */
    struct doh_link *doh;
    uint32_t usual_ms; /* moving average of what an answer takes */
};

struct resolver {
    struct connector *connector;
    const struct config_dns *config;
    struct server servers[LINKS_MAX];
    size_t count, preferred;
    uint64_t started; /* queries, ever */
    struct list queries;
};

/* One server being asked. */
struct lane {
    struct resolver_query *query;
    struct dns_exchange exchange;
    size_t server;
    uint64_t asked_at_ms;
};

struct resolver_query {
    struct resolver *resolver;
    struct list node;
    struct lane lanes[LANES]; /* failover uses the first alone */
    uint8_t order[LINKS_MAX]; /* the servers, best first; asked round and round */
    size_t attempts;          /* how many were asked */
    struct timer slow;        /* until something else is tried */
    uint64_t deadline_at_ms;
    resolver_done_fn *on_done;
    void *owner;
    size_t size;
    uint8_t bytes[];
};

static struct dns_link *make_link(struct resolver *resolver, const struct config_dns_server *server)
{
    struct dns_link_options options = {
        .server = server->server,
        .is_tls = server->transport == CONFIG_DNS_TLS,
        .tls_name = server->tls_name,
        .tls_ca_file = resolver->config->tls_ca_file,
        .idle_ms = LINK_IDLE_MS,
    };
    return dns_link_new(resolver->connector, &options);
}

static struct doh_link *make_doh_link(struct resolver *resolver,
                                      const struct config_dns_server *server)
{
    struct doh_link_options options = {
        .server = server->server,
        .path = server->path,
        .tls_name = server->tls_name,
        .tls_ca_file = resolver->config->tls_ca_file,
    };
    return doh_link_new(resolver->connector, &options);
}

static int add_server(struct resolver *resolver, const struct config_dns_server *config)
{
    struct server *server = &resolver->servers[resolver->count];

    server->usual_ms = USUAL_AT_FIRST_MS;
    if (config->transport == CONFIG_DNS_HTTPS)
        server->doh = make_doh_link(resolver, config);
    else
        server->link = make_link(resolver, config);
    if (!server->doh && !server->link)
        return -ENOMEM;
    resolver->count++;
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
        if (add_server(resolver, &config->servers[i]) < 0) {
            resolver_free(resolver);
            return NULL;
        }
    }
    return resolver;
}

static uint64_t now_of(const struct resolver *resolver)
{
    return loop_now_ms(resolver->connector->loop);
}

static void query_free(struct resolver_query *query)
{
    for (size_t i = 0; i < LANES; i++)
        dns_exchange_cancel(&query->lanes[i].exchange);
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
    for (size_t i = 0; i < resolver->count; i++) {
        dns_link_free(resolver->servers[i].link);
        doh_link_free(resolver->servers[i].doh);
    }
    free(resolver);
}

/* --- who is asked ---------------------------------------------------------------------------- */

static bool is_race(const struct resolver *resolver)
{
    return resolver->config->strategy == CONFIG_DNS_RACE && resolver->count > 1;
}

/* Failover: round and round from the one that answered last. Race: the fastest first. */
static void set_order(struct resolver_query *query)
{
    const struct resolver *resolver = query->resolver;
    size_t count = resolver->count;

    for (size_t i = 0; i < count; i++)
        query->order[i] = (uint8_t)((resolver->preferred + i) % count);
    for (size_t i = 1; is_race(resolver) && i < count; i++) {
        uint8_t mine = query->order[i];
        size_t at = i;
        for (; at > 0 &&
               resolver->servers[query->order[at - 1]].usual_ms > resolver->servers[mine].usual_ms;
             at--)
            query->order[at] = query->order[at - 1];
        query->order[at] = mine;
    }
}

/* A server took that long, or (`failed`) did not answer at all. */
static void learn(struct lane *lane, bool failed)
{
    struct resolver *resolver = lane->query->resolver;
    struct server *server = &resolver->servers[lane->server];
    uint64_t took_ms = now_of(resolver) - lane->asked_at_ms;

    if (failed)
        took_ms += 2 * (uint64_t)server->usual_ms + USUAL_AT_FIRST_MS;
    if (took_ms > USUAL_MAX_MS)
        took_ms = USUAL_MAX_MS;
    server->usual_ms = (uint32_t)((7 * (uint64_t)server->usual_ms + took_ms) / 8);
}

static uint64_t hedge_ms(const struct resolver_query *query)
{
    uint64_t twice_ms = 2 * (uint64_t)query->resolver->servers[query->order[0]].usual_ms;

    if (query->resolver->started % EXPLORE_EVERY == 0)
        return 0;
    return twice_ms < HEDGE_MIN_MS   ? HEDGE_MIN_MS
           : twice_ms > HEDGE_MAX_MS ? HEDGE_MAX_MS
                                     : twice_ms;
}

/* What is left is shared by the servers that were not asked yet. */
static uint64_t patience_ms(const struct resolver_query *query)
{
    uint64_t left_ms = query->deadline_at_ms - now_of(query->resolver);
    size_t count = query->resolver->count;

    if (is_race(query->resolver) && query->attempts == 1)
        return hedge_ms(query);
    return left_ms / (count > query->attempts ? count - query->attempts + 1 : 1);
}

static int start_lane(struct lane *lane)
{
    const struct server *server = &lane->query->resolver->servers[lane->server];
    return server->doh ? doh_link_start(server->doh, &lane->exchange)
                       : dns_link_start(server->link, &lane->exchange);
}

static bool is_busy(const struct lane *lane)
{
    return lane->exchange.link || lane->exchange.transfer;
}

/* Ask the next server that takes the question. */
static int ask_next(struct lane *lane)
{
    struct resolver_query *query = lane->query;
    struct resolver *resolver = query->resolver;
    int err = ERR_NO_UPSTREAM;

    if (now_of(resolver) >= query->deadline_at_ms)
        return -ETIMEDOUT;
    while (query->attempts < ROUNDS * resolver->count) {
        lane->server = query->order[query->attempts++ % resolver->count];
        lane->asked_at_ms = now_of(resolver);
        err = start_lane(lane);
        if (err == 0)
            return timer_start(&query->slow, patience_ms(query));
    }
    return err;
}

/* --- the end --------------------------------------------------------------------------------- */

/* A server that is there and cannot, or does not want to: perhaps another one does. */
static bool is_of_no_use(const uint8_t *answer)
{
    int rcode = answer[3] & 15; /* RFC 1035 sec. 4.1.1 */
    return rcode == DNS_SERVFAIL || rcode == DNS_REFUSED;
}

static void end(struct resolver_query *query, int err, uint8_t *answer, size_t size,
                const struct endpoint *server)
{
    resolver_done_fn *on_done = query->on_done;
    void *owner = query->owner;

    if (err == 0)
        memcpy(answer, query->bytes, 2); /* the asker's id */
    query_free(query);
    on_done(owner, err, answer, size, server);
}

static const struct endpoint *server_of(const struct lane *lane)
{
    return &lane->query->resolver->config->servers[lane->server].server;
}

static bool is_under_way(const struct resolver_query *query)
{
    for (size_t i = 0; i < LANES; i++)
        if (is_busy(&query->lanes[i]))
            return true;
    return false;
}

static void on_answer(void *owner, int err, uint8_t *answer, size_t size)
{
    struct lane *lane = owner;
    struct resolver_query *query = lane->query;
    bool has_others = query->attempts < query->resolver->count;
    bool is_useless = err < 0 || is_of_no_use(answer);

    learn(lane, is_useless);
    if (!is_useless)
        query->resolver->preferred = lane->server;
    if ((err < 0 || (has_others && is_useless)) && ask_next(lane) == 0)
        return;
    if (is_useless && is_under_way(query))
        return; /* the other one may know */
    end(query, err, answer, size, err < 0 ? NULL : server_of(lane));
}

/* The lane to use now: a free one, or else that which was asked first. */
static struct lane *free_lane(struct resolver_query *query)
{
    struct lane *first = &query->lanes[0], *second = &query->lanes[1];

    if (!is_race(query->resolver) || !is_busy(first))
        return first;
    return !is_busy(second) || second->asked_at_ms < first->asked_at_ms ? second : first;
}

static void give_up_all(struct resolver_query *query)
{
    for (size_t i = 0; i < LANES; i++) {
        if (!is_busy(&query->lanes[i]))
            continue;
        learn(&query->lanes[i], true);
        dns_exchange_give_up(&query->lanes[i].exchange);
    }
}

static void on_slow(void *owner)
{
    struct resolver_query *query = owner;
    struct lane *lane = free_lane(query);
    uint64_t now_ms = now_of(query->resolver);

    if (is_busy(lane)) {
        learn(lane, true);
        dns_exchange_give_up(&lane->exchange);
    }
    if (ask_next(lane) == 0)
        return;
    if (is_under_way(query) && now_ms < query->deadline_at_ms &&
        timer_start(&query->slow, query->deadline_at_ms - now_ms) == 0)
        return;
    give_up_all(query);
    end(query, -ETIMEDOUT, NULL, 0, NULL);
}

/* --- the query ------------------------------------------------------------------------------- */

static void lane_init(struct lane *lane, struct resolver_query *query)
{
    lane->query = query;
    lane->exchange.query = query->bytes;
    lane->exchange.size = query->size;
    lane->exchange.on_done = on_answer;
    lane->exchange.owner = lane;
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
    timer_init(&query->slow, resolver->connector->loop, on_slow, query);
    query->deadline_at_ms = now_of(resolver) + resolver->config->timeout_ms;
    query->on_done = on_done;
    query->owner = owner;
    query->size = size;
    memcpy(query->bytes, bytes, size);
    for (size_t i = 0; i < LANES; i++)
        lane_init(&query->lanes[i], query);
    resolver->started++;
    set_order(query);
    err = ask_next(&query->lanes[0]);
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
