#include "service/engine/dns.h"

#include "base/err.h"
#include "base/list.h"
#include "service/engine/dns_job.h"
#include "service/engine/dns_trace.h"
#include "service/engine/failure_cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Applications keep addresses longer than the TTL says, browsers for as long as a page is open. */
enum { NAME_KEPT_MS = 24 * 60 * 60 * 1000 };
/* Of an alias that a rule made. */
enum { ALIAS_TTL_S = 60 };
/* RFC 8767 sec. 5: how long an application waits before it gets what was kept beyond its time, and
 * how long servers that failed are left alone. */
enum { STALE_AFTER_MS = 1800, RECHECK_MS = 30000 };

struct dns {
    struct connector *connector;
    struct dns_policy policy;
    struct name_cache *names;
    struct answer_cache *cache;
    struct failure_cache failures;
    struct resolver *resolver;
    struct dns_jobs jobs;
    bool prefetches;
    size_t waits;
    struct dns_stats stats;
};

/* What decides how an answer is made from what a server said. */
struct ask {
    struct dns_asked asked;
    bool is_traced; /* an application's, not our own */
    uint64_t asked_at_ms;
    bool is_listed;                 /* the lists are asked about the answer */
    char alias[NAME_MAX_BYTES + 1]; /* what is asked for instead; "" for none */
};

struct dns_wait {
    struct list node;
    struct dns_job *job;
    dns_answer_fn *on_answer;
    void *owner;
    struct caller caller;
    struct ask ask;
    uint8_t query[];
};

static void on_job_done(void *owner, struct dns_job *job, int err, const uint8_t *said,
                        size_t size);
static void on_job_slow(void *owner, struct dns_job *job);

struct dns *dns_new(struct connector *connector, const struct config_dns *config,
                    struct decisions *decisions, struct name_cache *names)
{
    struct dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return NULL;
    dns->connector = connector;
    dns->policy.decisions = decisions;
    dns->names = names;
    dns_jobs_init(&dns->jobs, connector->loop);
    dns->jobs.on_done = on_job_done;
    dns->jobs.on_slow = on_job_slow;
    dns->jobs.owner = dns;
    if (dns_configure(dns, config) < 0) {
        dns_free(dns);
        return NULL;
    }
    return dns;
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    assert(dns->waits == 0);
    dns_jobs_done(&dns->jobs);
    resolver_free(dns->resolver);
    answer_cache_free(dns->cache);
    free(dns);
}

void dns_use_stand_ins(struct dns *dns, struct stand_ins *stand_ins)
{
    dns->policy.stand_ins = stand_ins;
}

struct dns_stats dns_stats(const struct dns *dns)
{
    struct dns_stats stats = dns->stats;
    stats.policy = dns->policy.stats;
    stats.cache = answer_cache_stats(dns->cache);
    stats.known_failures = dns->failures.hits;
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
    if (made > 0 && dns->policy.config->ech == CONFIG_ECH_STRIP)
        dns_message_hide_ech(whole, (size_t)made); /* one that cannot be read was judged broken */
    if (made > 0)
        made = dns_message_fit(whole, (size_t)made, asked->query, asked->size, &asked->question,
                               asked->is_stream ? DNS_MESSAGE_MAX : most);
    if (made < 0 || (size_t)made > capacity)
        return dns_message_error(asked->query, asked->size, DNS_SERVFAIL, to, capacity);
    memcpy(to, whole, (size_t)made);
    return made;
}

static void trace(struct dns *dns, const struct ask *ask, uint64_t told_before,
                  const uint8_t *answer, size_t size, const struct endpoint *server)
{
    if (ask->is_traced)
        dns_trace(dns->policy.decisions, &ask->asked, told_before, answer, size,
                  loop_now_ms(dns->connector->loop) - ask->asked_at_ms, server);
}

/* `said` NULL: no server could. */
static void answer_wait(struct dns *dns, struct dns_wait *wait, const uint8_t *said, size_t size)
{
    const struct dns_asked *asked = &wait->ask.asked;
    uint64_t told = dns->policy.decisions->told;
    uint8_t to[DNS_MESSAGE_MAX];
    ssize_t made = said
                       ? make_answer(dns, &wait->ask, said, size, to, sizeof(to))
                       : dns_message_error(asked->query, asked->size, DNS_SERVFAIL, to, sizeof(to));

    if (made > 0)
        trace(dns, &wait->ask, told, to, (size_t)made, wait->job->server);
    if (made > 0)
        wait->on_answer(wait->owner, to, (size_t)made);
}

/* Returns how many. */
static size_t answer_all(struct dns *dns, struct dns_job *job, const uint8_t *said, size_t size)
{
    struct list *first;
    size_t count = 0;

    for (; (first = list_take_first(&job->waits)); count++) {
        struct dns_wait *wait = list_item(first, struct dns_wait, node);
        dns->waits--;
        answer_wait(dns, wait, said, size);
        free(wait);
    }
    return count;
}

static ssize_t from_cache(struct dns *dns, const struct dns_question *question, uint8_t *to,
                          enum answer_state *ret_state)
{
    return answer_cache_get(dns->cache, question, loop_now_ms(dns->connector->loop), to,
                            DNS_MESSAGE_MAX, ret_state);
}

/* Answer with what was kept beyond its time, if there is any. */
static bool answer_stale(struct dns *dns, struct dns_job *job)
{
    uint8_t said[DNS_MESSAGE_MAX];
    enum answer_state state;
    ssize_t size = from_cache(dns, &job->question, said, &state);

    if (size < 0)
        return false;
    job->server = NULL; /* it is not what that one said, if any */
    dns->stats.stale += answer_all(dns, job, said, (size_t)size);
    return true;
}

static void on_job_slow(void *owner, struct dns_job *job)
{
    bool went_on = job->goes_on;

    job->goes_on = true; /* whatever those who are answered do now */
    if (!answer_stale(owner, job))
        job->goes_on = went_on;
}

/* Servers say SERVFAIL, REFUSED and the like of themselves, not of the name. */
static bool is_failure(const struct dns_answer *answer)
{
    return answer->is_truncated || (answer->rcode != DNS_NOERROR && answer->rcode != DNS_NXDOMAIN);
}

static void on_job_done(void *owner, struct dns_job *job, int err, const uint8_t *said, size_t size)
{
    struct dns *dns = owner;
    uint64_t now_ms = loop_now_ms(dns->connector->loop);
    struct dns_answer answer;

    if (err == 0)
        err = dns_message_parse_answer(said, size, &job->question, &answer);
    if (err == 0 && !is_failure(&answer)) {
        answer_cache_put(dns->cache, &job->question, said, size, answer.ttl_s, now_ms);
        failure_cache_drop(&dns->failures, &job->question);
        answer_all(dns, job, said, size);
        return;
    }
    dns->stats.failed++;
    if (err != -ECANCELED)
        failure_cache_put(&dns->failures, &job->question, err == 0, now_ms);
    answer_cache_hold(dns->cache, &job->question, now_ms + RECHECK_MS);
    if (!answer_stale(dns, job))
        answer_all(dns, job, err == 0 ? said : NULL, size);
}

/* Whatever is under way is answered with SERVFAIL: applications ask again. */
int dns_configure(struct dns *dns, const struct config_dns *config)
{
    struct answer_cache *cache =
        answer_cache_new(config->cache_entries, config->cache_bytes, config->stale_s);
    struct resolver *resolver = resolver_new(dns->connector, config);

    if (!cache || !resolver) {
        answer_cache_free(cache);
        resolver_free(resolver);
        return -ENOMEM;
    }
    dns_jobs_fail(&dns->jobs, -ECANCELED);
    answer_cache_free(dns->cache);
    resolver_free(dns->resolver);
    dns->cache = cache;
    dns->resolver = resolver;
    memset(&dns->failures, 0, sizeof(dns->failures)); /* other servers may know better */
    dns->policy.config = config;
    dns->prefetches = config->prefetches;
    return 0;
}

/* --- the question ---------------------------------------------------------------------------- */

static int start_job(struct dns *dns, const struct dns_question *question, struct dns_job **ret)
{
    size_t before = dns->jobs.map.count;
    int err = dns_job_start(&dns->jobs, dns->resolver, question, ret);

    dns->stats.forwarded += err == 0 && dns->jobs.map.count > before;
    return err;
}

/* Ask for what is popular before it has to be waited for. */
static void prefetch(struct dns *dns, const struct dns_question *question)
{
    struct dns_job *job;

    if (!dns->prefetches || start_job(dns, question, &job) < 0)
        return;
    job->goes_on = true;
    dns->stats.prefetched++;
}

static int wait_new(struct dns *dns, const struct ask *ask, const struct dns_question *question,
                    const struct dns_asker *asker, struct dns_wait **ret)
{
    struct dns_wait *wait;
    struct dns_job *job;
    int err;

    if (dns->waits >= DNS_WAITS_MAX) {
        dns->stats.refused_at_limit++;
        return ERR_LIMIT;
    }
    wait = malloc(sizeof(*wait) + ask->asked.size);
    if (!wait)
        return -ENOMEM;
    err = start_job(dns, question, &job);
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
    if (asker->caller) {
        wait->caller = *asker->caller;
        wait->ask.asked.caller = &wait->caller;
    }
    list_append(&job->waits, &wait->node);
    dns->waits++;
    *ret = wait;
    return 0;
}

/* Is what was kept, in this state, the answer? Otherwise a server is asked. */
static bool is_served(struct dns *dns, const struct dns_question *question, enum answer_state state)
{
    dns->stats.from_cache += state != ANSWER_STALE;
    dns->stats.stale += state == ANSWER_STALE_HELD;
    if (state == ANSWER_FRESH_DUE)
        prefetch(dns, question);
    return state != ANSWER_STALE;
}

/* From the cache, or from a server; what is kept beyond its time is the answer of those who would
 * have to wait too long otherwise (RFC 8767 sec. 5). */
static ssize_t resolve(struct dns *dns, const struct ask *ask, const struct dns_asker *asker,
                       uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct dns_question question = ask->asked.question;
    uint64_t now_ms = loop_now_ms(dns->connector->loop);
    uint8_t said[DNS_MESSAGE_MAX];
    enum answer_state state;
    ssize_t size;

    if (ask->alias[0])
        memcpy(question.name, ask->alias, sizeof(question.name));
    size = from_cache(dns, &question, said, &state);
    if (size >= 0 && is_served(dns, &question, state))
        return make_answer(dns, ask, said, (size_t)size, to, capacity);
    if (size < 0 && failure_cache_has(&dns->failures, &question, now_ms))
        return dns_message_error(ask->asked.query, ask->asked.size, DNS_SERVFAIL, to, capacity);
    if (wait_new(dns, ask, &question, asker, ret) < 0) {
        if (size < 0)
            return dns_message_error(ask->asked.query, ask->asked.size, DNS_SERVFAIL, to, capacity);
        dns->stats.stale++;
        return make_answer(dns, ask, said, (size_t)size, to, capacity);
    }
    if (size < 0)
        return 0;
    dns_job_watch((*ret)->job, STALE_AFTER_MS);
    if (!(*ret)->job->is_slow)
        return 0;
    dns->stats.stale++;
    dns_wait_cancel(*ret);
    *ret = NULL;
    return make_answer(dns, ask, said, (size_t)size, to, capacity);
}

static ssize_t ask_by_policy(struct dns *dns, struct ask *ask, bool is_listed,
                             const struct dns_asker *asker, uint8_t *to, size_t capacity,
                             struct dns_wait **ret)
{
    uint64_t told = dns->policy.decisions->told;
    struct dns_decision decision;

    dns_policy_decide(&dns->policy, &ask->asked, is_listed, to, capacity, &decision);
    ask->is_traced = ask->is_traced && dns->policy.decisions->told == told;
    switch (decision.ruling) {
    case DNS_RULING_ANSWERED: return decision.size;
    case DNS_RULING_DROP: return -ENOMSG;
    case DNS_RULING_ALIAS: memcpy(ask->alias, decision.alias, sizeof(ask->alias)); break;
    case DNS_RULING_ASK: ask->is_listed = true; break;
    case DNS_RULING_ALLOWED: break;
    }
    return resolve(dns, ask, asker, to, capacity, ret);
}

ssize_t dns_resolve(struct dns *dns, const void *query, size_t size,
                    const struct dns_question *question, const struct dns_asker *asker, uint8_t *to,
                    size_t capacity, struct dns_wait **ret)
{
    struct ask ask = {.asked = {query, size, *question, asker->caller, asker->is_stream}};
    return ask_by_policy(dns, &ask, false, asker, to, capacity, ret);
}

ssize_t dns_ask(struct dns *dns, const void *query, size_t size, const struct dns_asker *asker,
                uint8_t *to, size_t capacity, struct dns_wait **ret)
{
    struct ask ask = {
        .asked = {
            .query = query, .size = size, .caller = asker->caller, .is_stream = asker->is_stream}};
    int rcode = dns_message_parse_question(query, size, &ask.asked.question);

    dns->stats.questions++;
    if (rcode != 0)
        dns->stats.malformed++;
    if (rcode < 0)
        return rcode;
    if (rcode > 0)
        return dns_message_error(query, size, rcode, to, capacity);
    ask.is_traced = dns->policy.decisions->wants_passes;
    decisions_expect(dns->policy.decisions, asker->caller);
    ask.asked_at_ms = loop_now_ms(dns->connector->loop);
    uint64_t told = dns->policy.decisions->told;
    ssize_t made = ask_by_policy(dns, &ask, true, asker, to, capacity, ret);
    if (made > 0)
        trace(dns, &ask, told, to, (size_t)made, NULL);
    return made;
}

void dns_wait_set_owner(struct dns_wait *wait, void *owner)
{
    wait->owner = owner;
}

void dns_wait_cancel(struct dns_wait *wait)
{
    struct dns_job *job;

    if (!wait)
        return;
    job = wait->job;
    list_remove(&wait->node);
    ((struct dns *)job->jobs->owner)->waits--;
    free(wait);
    dns_job_leave(job);
}
