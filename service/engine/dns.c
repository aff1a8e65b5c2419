#include "service/engine/dns.h"

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "service/engine/resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Applications keep addresses longer than the TTL says. */
enum { NAME_KEPT_MS = 60 * 60 * 1000 };

struct dns {
    struct connector *connector;
    struct dns_blocking_options blocking;
    struct decisions *decisions;
    struct name_cache *names;
    struct answer_cache *cache;
    struct resolver *resolver;
    struct map jobs; /* by question */
    struct list all; /* the same */
    size_t waits;
    struct dns_stats stats;
};

/* One question on its way to a server, for everybody who asked it meanwhile. */
struct job {
    struct map_node node;
    struct list in_all;
    struct dns *dns;
    struct dns_question question;
    struct resolver_query *query;
    struct list waits;
};

struct dns_wait {
    struct list node;
    struct job *job;
    struct dns_asker asker;
    struct dns_question question;
    size_t size;
    uint8_t query[];
};

static uint64_t question_hash(const struct dns_question *question)
{
    return map_hash(question->name, strlen(question->name)) ^ question->qtype;
}

static bool is_job_of(const struct map_node *node, const void *key)
{
    const struct dns_question *mine = &((const struct job *)(const void *)node)->question;
    const struct dns_question *other = key;

    return mine->qtype == other->qtype && mine->qclass == other->qclass &&
           mine->has_edns == other->has_edns && mine->wants_dnssec == other->wants_dnssec &&
           strcmp(mine->name, other->name) == 0;
}

struct dns *dns_new(struct connector *connector, const struct config_dns *config,
                    struct decisions *decisions, struct name_cache *names)
{
    struct dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return NULL;
    dns->connector = connector;
    dns->decisions = decisions;
    dns->names = names;
    map_init(&dns->jobs, is_job_of);
    list_init(&dns->all);
    if (dns_configure(dns, config) < 0) {
        dns_free(dns);
        return NULL;
    }
    return dns;
}

/* No new asker can join from now on. */
static void job_close(struct job *job)
{
    if (list_is_empty(&job->in_all))
        return;
    list_remove(&job->in_all);
    map_remove(&job->dns->jobs, &job->node);
}

static void job_free(struct job *job)
{
    job_close(job);
    list_each(node, &job->waits) {
        job->dns->waits--;
        free(list_item(node, struct dns_wait, node));
    }
    resolver_cancel(job->query);
    free(job);
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    assert(list_is_empty(&dns->all));
    resolver_free(dns->resolver);
    answer_cache_free(dns->cache);
    map_done(&dns->jobs);
    free(dns);
}

void dns_forget(struct dns *dns)
{
    answer_cache_clear(dns->cache);
}

struct dns_stats dns_stats(const struct dns *dns)
{
    struct dns_stats stats = dns->stats;
    stats.cache = answer_cache_stats(dns->cache);
    return stats;
}

struct loop *dns_loop(const struct dns *dns)
{
    return dns->connector->loop;
}

static bool is_blocked(struct dns *dns, const char *name, uint16_t qtype,
                       const struct address *client)
{
    if (!decisions_name_is_blocked(dns->decisions, "dns", name, qtype, client))
        return false;
    dns->stats.blocked++;
    return true;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* An answer made for one asker fits another after its id and its spelling of the name (some check
 * it, RFC 5452 sec. 9.3) are put in, and if it is not too long for a datagram. */
static ssize_t fit_answer(const struct dns_wait *wait, const uint8_t *answer, size_t size,
                          uint8_t *to)
{
    const struct dns_question *question = &wait->question;
    size_t most = question->udp_size < DNS_UDP_OURS ? question->udp_size : DNS_UDP_OURS;

    if (!wait->asker.is_stream && size > most)
        return dns_message_truncated(wait->query, wait->size, question, to, DNS_MESSAGE_MAX);
    if (size < question->end || size > DNS_MESSAGE_MAX)
        return -EBADMSG;
    memcpy(to, answer, size);
    memcpy(to, wait->query, 2);
    memcpy(to + 12, wait->query + 12, question->end - 12);
    return (ssize_t)size;
}

struct outcome {
    const uint8_t *answer; /* NULL: SERVFAIL */
    size_t size;
    bool is_blocked; /* an alias is on a list */
};

static void answer_wait(struct dns *dns, struct dns_wait *wait, const struct outcome *outcome)
{
    uint8_t to[DNS_MESSAGE_MAX];
    ssize_t size = -EBADMSG;

    if (outcome->is_blocked)
        size = dns_message_blocked(wait->query, wait->size, &wait->question, &dns->blocking, to,
                                   sizeof(to));
    else if (outcome->answer)
        size = fit_answer(wait, outcome->answer, outcome->size, to);
    if (size < 0)
        size = dns_message_error(wait->query, wait->size, DNS_SERVFAIL, to, sizeof(to));
    if (size > 0)
        wait->asker.on_answer(wait->asker.owner, to, (size_t)size);
}

static void answer_all(struct job *job, const struct outcome *outcome)
{
    while (!list_is_empty(&job->waits)) {
        struct dns_wait *wait = list_item(job->waits.next, struct dns_wait, node);
        list_remove(&wait->node);
        job->dns->waits--;
        answer_wait(job->dns, wait, outcome);
        free(wait);
    }
}

static bool has_blocked_alias(struct dns *dns, const struct dns_question *question,
                              const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->alias_count; i++)
        if (is_blocked(dns, answer->aliases[i], question->qtype, NULL))
            return true;
    return false;
}

static void keep(struct dns *dns, const struct dns_question *question,
                 const struct dns_answer *answer, const uint8_t *bytes, size_t size)
{
    uint64_t now_ms = loop_now_ms(dns->connector->loop);
    uint64_t kept_ms = answer->ttl_s * UINT64_C(1000);

    if (kept_ms < NAME_KEPT_MS)
        kept_ms = NAME_KEPT_MS;
    answer_cache_put(dns->cache, question, bytes, size, answer->ttl_s, now_ms);
    for (size_t i = 0; i < answer->address_count; i++)
        name_cache_put(dns->names, &answer->addresses[i], question->name, now_ms + kept_ms);
}

static void on_resolved(void *owner, int err, uint8_t *bytes, size_t size)
{
    struct job *job = owner;
    struct dns *dns = job->dns;
    struct dns_answer answer;
    struct outcome outcome = {0};

    job->query = NULL;
    job_close(job);
    if (err == 0)
        err = dns_message_parse_answer(bytes, size, &job->question, &answer);
    if (err < 0) {
        dns->stats.failed++;
    } else {
        outcome = (struct outcome){bytes, size, has_blocked_alias(dns, &job->question, &answer)};
        if (!outcome.is_blocked && !answer.is_truncated)
            keep(dns, &job->question, &answer, bytes, size);
    }
    answer_all(job, &outcome);
    job_free(job);
}

/* Whatever is under way is answered with SERVFAIL: applications ask again. */
int dns_configure(struct dns *dns, const struct config_dns *config)
{
    struct answer_cache *cache = answer_cache_new(config->cache_entries, config->cache_bytes);
    struct resolver *resolver = resolver_new(dns->connector, config);

    if (!cache || !resolver) {
        answer_cache_free(cache);
        resolver_free(resolver);
        return -ENOMEM;
    }
    while (!list_is_empty(&dns->all)) {
        struct job *job = list_item(dns->all.next, struct job, in_all);
        resolver_cancel(job->query);
        on_resolved(job, -ECANCELED, NULL, 0);
    }
    answer_cache_free(dns->cache);
    resolver_free(dns->resolver);
    dns->cache = cache;
    dns->resolver = resolver;
    dns->blocking = (struct dns_blocking_options){
        .mode = (enum dns_blocking)config->blocking,
        .address4 = config->blocking_address4,
        .address6 = config->blocking_address6,
        .ttl_s = config->blocking_ttl_s,
    };
    return 0;
}

/* --- the question ---------------------------------------------------------------------------- */

static int job_new(struct dns *dns, const struct dns_question *question, const void *query,
                   size_t size, struct job **ret)
{
    struct job *job = calloc(1, sizeof(*job));
    int err;

    if (!job)
        return -ENOMEM;
    job->dns = dns;
    job->question = *question;
    list_init(&job->waits);
    list_init(&job->in_all);
    err = resolver_start(dns->resolver, query, size, on_resolved, job, &job->query);
    if (err == 0)
        err = map_insert(&dns->jobs, &job->node, question_hash(question));
    if (err < 0) {
        resolver_cancel(job->query);
        free(job);
        return err;
    }
    list_append(&dns->all, &job->in_all);
    dns->stats.forwarded++;
    *ret = job;
    return 0;
}

static int find_or_make_job(struct dns *dns, const struct dns_question *question, const void *query,
                            size_t size, struct job **ret)
{
    struct map_node *node = map_find(&dns->jobs, question_hash(question), question);

    if (!node)
        return job_new(dns, question, query, size, ret);
    *ret = map_item(node, struct job, node);
    return 0;
}

static int wait_new(struct dns *dns, const void *query, size_t size,
                    const struct dns_question *question, const struct dns_asker *asker,
                    struct dns_wait **ret)
{
    struct dns_wait *wait;
    struct job *job;
    int err;

    if (dns->waits >= DNS_WAITS_MAX) {
        dns->stats.refused_at_limit++;
        return ERR_LIMIT;
    }
    wait = malloc(sizeof(*wait) + size);
    if (!wait)
        return -ENOMEM;
    err = find_or_make_job(dns, question, query, size, &job);
    if (err < 0) {
        free(wait);
        return err;
    }
    *wait = (struct dns_wait){.job = job, .asker = *asker, .question = *question, .size = size};
    memcpy(wait->query, query, size);
    list_append(&job->waits, &wait->node);
    dns->waits++;
    *ret = wait;
    return 0;
}

ssize_t dns_resolve(struct dns *dns, const void *query, size_t size,
                    const struct dns_question *question, const struct dns_asker *asker, uint8_t *to,
                    size_t capacity, struct dns_wait **ret)
{
    ssize_t got =
        answer_cache_get(dns->cache, question, loop_now_ms(dns->connector->loop), to, capacity);
    size_t most = question->udp_size < capacity ? question->udp_size : capacity;

    if (got >= 0) {
        dns->stats.from_cache++;
        if (!asker->is_stream && (size_t)got > most)
            return dns_message_truncated(query, size, question, to, capacity);
        memcpy(to + 12, (const uint8_t *)query + 12, question->end - 12);
        return got;
    }
    if (got == -ENOBUFS)
        return dns_message_truncated(query, size, question, to, capacity);
    if (wait_new(dns, query, size, question, asker, ret) < 0)
        return dns_message_error(query, size, DNS_SERVFAIL, to, capacity);
    return 0;
}

ssize_t dns_ask(struct dns *dns, const void *query, size_t size, const struct dns_asker *asker,
                uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct dns_question question;
    int rcode = dns_message_parse_question(query, size, &question);

    dns->stats.questions++;
    if (rcode != 0)
        dns->stats.malformed++;
    if (rcode < 0)
        return rcode;
    if (rcode > 0)
        return dns_message_error(query, size, rcode, to, capacity);
    if (is_blocked(dns, question.name, question.qtype, asker->client))
        return dns_message_blocked(query, size, &question, &dns->blocking, to, capacity);
    return dns_resolve(dns, query, size, &question, asker, to, capacity, ret);
}

void dns_wait_cancel(struct dns_wait *wait)
{
    struct job *job;

    if (!wait)
        return;
    job = wait->job;
    list_remove(&wait->node);
    job->dns->waits--;
    free(wait);
    if (list_is_empty(&job->waits) && job->query) /* else it is being answered just now */
        job_free(job);
}
