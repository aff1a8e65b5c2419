#include "service/engine/dns_job.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t question_hash(const struct dns_question *question)
{
    return map_hash(question->name, strlen(question->name)) ^ question->qtype;
}

static bool is_job_of(const struct map_node *node, const void *key)
{
    const struct dns_question *mine = &((const struct dns_job *)(const void *)node)->question;
    const struct dns_question *other = key;

    return mine->qtype == other->qtype && mine->qclass == other->qclass &&
           mine->checking_disabled == other->checking_disabled &&
           mine->wants_dnssec == other->wants_dnssec && strcmp(mine->name, other->name) == 0;
}

void dns_jobs_init(struct dns_jobs *jobs, struct loop *loop)
{
    map_init(&jobs->map, is_job_of);
    list_init(&jobs->all);
    jobs->loop = loop;
}

/* No new asker can join from now on. */
static void job_close(struct dns_job *job)
{
    if (list_is_empty(&job->in_all))
        return;
    list_remove(&job->in_all);
    map_remove(&job->jobs->map, &job->node);
}

static void job_free(struct dns_job *job)
{
    assert(list_is_empty(&job->waits));
    job_close(job);
    timer_stop(&job->slow);
    resolver_cancel(job->query);
    free(job);
}

void dns_jobs_done(struct dns_jobs *jobs)
{
    list_each(node, &jobs->all)
        job_free(list_item(node, struct dns_job, in_all));
    map_done(&jobs->map);
}

static void on_resolved(void *owner, int err, uint8_t *bytes, size_t size,
                        const struct endpoint *server)
{
    struct dns_job *job = owner;
    struct dns_jobs *jobs = job->jobs;

    job->query = NULL;
    job->server = server;
    timer_stop(&job->slow);
    job_close(job);
    jobs->on_done(jobs->owner, job, err, bytes, size);
    job_free(job);
}

void dns_jobs_fail(struct dns_jobs *jobs, int err)
{
    /* Not list_take_first: job_close asks whether it is still in the list. */
    while (!list_is_empty(&jobs->all)) {
        struct dns_job *job = list_item(jobs->all.next, struct dns_job, in_all);
        resolver_cancel(job->query);
        on_resolved(job, err, NULL, 0, NULL);
    }
}

static void on_slow(void *owner)
{
    struct dns_job *job = owner;

    job->is_slow = true;
    job->jobs->on_slow(job->jobs->owner, job);
}

static int job_new(struct dns_jobs *jobs, struct resolver *resolver,
                   const struct dns_question *question, struct dns_job **ret)
{
    uint8_t query[DNS_UDP_DEFAULT];
    ssize_t size = dns_message_forward(question, query, sizeof(query));
    struct dns_job *job = size < 0 ? NULL : calloc(1, sizeof(*job));
    int err;

    if (!job)
        return size < 0 ? (int)size : -ENOMEM;
    job->jobs = jobs;
    job->question = *question;
    list_init(&job->waits);
    list_init(&job->in_all);
    timer_init(&job->slow, jobs->loop, on_slow, job);
    err = resolver_start(resolver, query, (size_t)size, on_resolved, job, &job->query);
    if (err == 0)
        err = map_insert(&jobs->map, &job->node, question_hash(question));
    if (err < 0) {
        job_free(job);
        return err;
    }
    list_append(&jobs->all, &job->in_all);
    *ret = job;
    return 0;
}

int dns_job_start(struct dns_jobs *jobs, struct resolver *resolver,
                  const struct dns_question *question, struct dns_job **ret)
{
    struct map_node *node = map_find(&jobs->map, question_hash(question), question);

    if (!node)
        return jobs->map.count < DNS_JOBS_MAX ? job_new(jobs, resolver, question, ret) : ERR_LIMIT;
    *ret = map_item(node, struct dns_job, node);
    return 0;
}

void dns_job_watch(struct dns_job *job, uint32_t slow_ms)
{
    if (!job->is_slow && !timer_is_active(&job->slow))
        timer_start(&job->slow, slow_ms);
}

void dns_job_leave(struct dns_job *job)
{
    if (list_is_empty(&job->waits) && !job->goes_on && job->query) /* else it is ending just now */
        job_free(job);
}
