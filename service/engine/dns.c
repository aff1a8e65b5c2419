#include "service/engine/dns.h"

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "service/engine/resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Applications keep addresses longer than the TTL says, browsers for as long as a page is open. */
enum { NAME_KEPT_MS = 24 * 60 * 60 * 1000 };
/* Of an alias that a rule made. */
enum { ALIAS_TTL_S = 60 };

struct dns {
    struct connector *connector;
    struct dns_policy policy;
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

/* What decides how an answer is made from what a server said. */
struct ask {
    struct dns_asked asked;
    bool is_listed;                 /* the lists are asked about the answer */
    char alias[NAME_MAX_BYTES + 1]; /* what is asked for instead; "" for none */
};

struct dns_wait {
    struct list node;
    struct job *job;
    dns_answer_fn *on_answer;
    void *owner;
    struct address client;
    struct ask ask;
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
           mine->checking_disabled == other->checking_disabled &&
           mine->wants_dnssec == other->wants_dnssec && strcmp(mine->name, other->name) == 0;
}

struct dns *dns_new(struct connector *connector, const struct config_dns *config,
                    struct decisions *decisions, struct name_cache *names)
{
    struct dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return NULL;
    dns->connector = connector;
    dns->policy.decisions = decisions;
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
    stats.policy = dns->policy.stats;
    stats.cache = answer_cache_stats(dns->cache);
    return stats;
}

struct loop *dns_loop(const struct dns *dns)
{
    return dns->connector->loop;
}

/* --- the answer ------------------------------------------------------------------------------ */

struct naming {
    struct dns *dns;
    const char *name;
};

static bool name_address(void *owner, const char *name, const struct address *address)
{
    struct naming *naming = owner;
    uint64_t now_ms = loop_now_ms(naming->dns->connector->loop);

    (void)name;
    if (address)
        name_cache_put(naming->dns->names, address, naming->name, now_ms + NAME_KEPT_MS);
    return true;
}

/* Make the answer for one asker from what a server, or the cache, said. */
static ssize_t make_answer(struct dns *dns, const struct ask *ask, const uint8_t *said, size_t size,
                           uint8_t *to, size_t capacity)
{
    const struct dns_asked *asked = &ask->asked;
    size_t most = asked->question.udp_size < DNS_UDP_OURS ? asked->question.udp_size : DNS_UDP_OURS;
    enum dns_judgement judgement =
        dns_policy_judge(&dns->policy, asked, ask->is_listed, said, size);
    uint8_t whole[DNS_MESSAGE_MAX];
    ssize_t made = (ssize_t)size;

    if (judgement != DNS_JUDGED_GOOD)
        return dns_policy_refuse(&dns->policy, asked, judgement, to, capacity);
    dns_message_each_lead(said, size, name_address, &(struct naming){dns, asked->question.name});
    if (ask->alias[0])
        made = dns_message_alias(&asked->question, ask->alias, ALIAS_TTL_S, said, size, whole,
                                 sizeof(whole));
    else
        memcpy(whole, said, size);
    if (made > 0)
        made = dns_message_fit(whole, (size_t)made, asked->query, asked->size, &asked->question,
                               asked->is_stream ? DNS_MESSAGE_MAX : most);
    if (made < 0 || (size_t)made > capacity)
        return dns_message_error(asked->query, asked->size, DNS_SERVFAIL, to, capacity);
    memcpy(to, whole, (size_t)made);
    return made;
}

/* `said` NULL: no server could. */
static void answer_wait(struct dns *dns, struct dns_wait *wait, const uint8_t *said, size_t size)
{
    const struct dns_asked *asked = &wait->ask.asked;
    uint8_t to[DNS_MESSAGE_MAX];
    ssize_t made = said
                       ? make_answer(dns, &wait->ask, said, size, to, sizeof(to))
                       : dns_message_error(asked->query, asked->size, DNS_SERVFAIL, to, sizeof(to));

    if (made > 0)
        wait->on_answer(wait->owner, to, (size_t)made);
}

static void answer_all(struct job *job, const uint8_t *said, size_t size)
{
    while (!list_is_empty(&job->waits)) {
        struct dns_wait *wait = list_item(job->waits.next, struct dns_wait, node);
        list_remove(&wait->node);
        job->dns->waits--;
        answer_wait(job->dns, wait, said, size);
        free(wait);
    }
}

static void on_resolved(void *owner, int err, uint8_t *bytes, size_t size)
{
    struct job *job = owner;
    struct dns *dns = job->dns;
    struct dns_answer answer;

    job->query = NULL;
    job_close(job);
    if (err == 0)
        err = dns_message_parse_answer(bytes, size, &job->question, &answer);
    if (err < 0)
        dns->stats.failed++;
    else if (!answer.is_truncated)
        answer_cache_put(dns->cache, &job->question, bytes, size, answer.ttl_s,
                         loop_now_ms(dns->connector->loop));
    answer_all(job, err < 0 ? NULL : bytes, size);
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
    dns->policy.config = config;
    return 0;
}

/* --- the question ---------------------------------------------------------------------------- */

static int job_new(struct dns *dns, const struct dns_question *question, struct job **ret)
{
    uint8_t query[DNS_UDP_DEFAULT];
    ssize_t size = dns_message_forward(question, query, sizeof(query));
    struct job *job = size < 0 ? NULL : calloc(1, sizeof(*job));
    int err;

    if (!job)
        return size < 0 ? (int)size : -ENOMEM;
    job->dns = dns;
    job->question = *question;
    list_init(&job->waits);
    list_init(&job->in_all);
    err = resolver_start(dns->resolver, query, (size_t)size, on_resolved, job, &job->query);
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

static int find_or_make_job(struct dns *dns, const struct dns_question *question, struct job **ret)
{
    struct map_node *node = map_find(&dns->jobs, question_hash(question), question);

    if (!node)
        return job_new(dns, question, ret);
    *ret = map_item(node, struct job, node);
    return 0;
}

static int wait_new(struct dns *dns, const struct ask *ask, const struct dns_question *question,
                    const struct dns_asker *asker, struct dns_wait **ret)
{
    struct dns_wait *wait;
    struct job *job;
    int err;

    if (dns->waits >= DNS_WAITS_MAX) {
        dns->stats.refused_at_limit++;
        return ERR_LIMIT;
    }
    wait = malloc(sizeof(*wait) + ask->asked.size);
    if (!wait)
        return -ENOMEM;
    err = find_or_make_job(dns, question, &job);
    if (err < 0) {
        free(wait);
        return err;
    }
    wait->job = job;
    wait->on_answer = asker->on_answer;
    wait->owner = asker->owner;
    wait->ask = *ask;
    wait->ask.asked.query = wait->query;
    memcpy(wait->query, ask->asked.query, ask->asked.size);
    if (asker->client) {
        wait->client = *asker->client;
        wait->ask.asked.client = &wait->client;
    }
    list_append(&job->waits, &wait->node);
    dns->waits++;
    *ret = wait;
    return 0;
}

/* From the cache, or from a server. */
static ssize_t resolve(struct dns *dns, const struct ask *ask, const struct dns_asker *asker,
                       uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct dns_question target;
    const struct dns_question *question = &ask->asked.question;
    uint8_t said[DNS_MESSAGE_MAX];
    ssize_t size;

    if (ask->alias[0]) {
        target = *question;
        memcpy(target.name, ask->alias, sizeof(target.name));
        question = &target;
    }
    size = answer_cache_get(dns->cache, question, loop_now_ms(dns->connector->loop), said,
                            sizeof(said));
    if (size >= 0) {
        dns->stats.from_cache++;
        return make_answer(dns, ask, said, (size_t)size, to, capacity);
    }
    if (wait_new(dns, ask, question, asker, ret) < 0)
        return dns_message_error(ask->asked.query, ask->asked.size, DNS_SERVFAIL, to, capacity);
    return 0;
}

ssize_t dns_resolve(struct dns *dns, const void *query, size_t size,
                    const struct dns_question *question, const struct dns_asker *asker, uint8_t *to,
                    size_t capacity, struct dns_wait **ret)
{
    struct ask ask = {.asked = {query, size, *question, asker->client, asker->is_stream}};
    return resolve(dns, &ask, asker, to, capacity, ret);
}

static ssize_t ask_by_policy(struct dns *dns, struct ask *ask, const struct dns_asker *asker,
                             uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct dns_decision decision;

    dns_policy_decide(&dns->policy, &ask->asked, to, capacity, &decision);
    switch (decision.ruling) {
    case DNS_RULING_ANSWERED: return decision.size;
    case DNS_RULING_DROP: return -ENOMSG;
    case DNS_RULING_ALIAS: memcpy(ask->alias, decision.alias, sizeof(ask->alias)); break;
    case DNS_RULING_ASK: ask->is_listed = true; break;
    case DNS_RULING_ALLOWED: break;
    }
    return resolve(dns, ask, asker, to, capacity, ret);
}

ssize_t dns_ask(struct dns *dns, const void *query, size_t size, const struct dns_asker *asker,
                uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct ask ask = {
        .asked = {
            .query = query, .size = size, .client = asker->client, .is_stream = asker->is_stream}};
    int rcode = dns_message_parse_question(query, size, &ask.asked.question);

    dns->stats.questions++;
    if (rcode != 0)
        dns->stats.malformed++;
    if (rcode < 0)
        return rcode;
    if (rcode > 0)
        return dns_message_error(query, size, rcode, to, capacity);
    return ask_by_policy(dns, &ask, asker, to, capacity, ret);
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
