/* Questions on their way to a server. Alike ones are one job, for everybody who asks meanwhile; a
 * job may also go on for nobody, to bring what is kept up to date. */
#ifndef SERVICE_ENGINE_DNS_JOB_H
#define SERVICE_ENGINE_DNS_JOB_H

#include "adblock/dns_message.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "service/engine/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_JOBS_MAX = 4096 };

struct dns_job {
    struct map_node node;
    struct list in_all;
    struct dns_jobs *jobs;
    struct dns_question question;
    struct resolver_query *query;  /* NULL once it has been answered */
    const struct endpoint *server; /* who answered, for on_done; NULL: nobody */
    struct list waits;             /* the asker's */
    bool goes_on;                  /* also when nobody waits */
    bool is_slow;                  /* on_slow was called */
    struct timer slow;
};

/* Embedded in its owner, who sets the calls. */
struct dns_jobs {
    struct map map;  /* by question */
    struct list all; /* the same, in no order */
    struct loop *loop;
    /* The job's end: err 0 and an answer that is one to the question, or < 0. It is closed already
     * (nobody can join) and freed after the call. */
    void (*on_done)(void *owner, struct dns_job *job, int err, const uint8_t *answer, size_t size);
    /* See dns_job_watch. */
    void (*on_slow)(void *owner, struct dns_job *job);
    void *owner;
};

void dns_jobs_init(struct dns_jobs *jobs, struct loop *loop);
/* Jobs that go on for nobody end without a call; there may be no others. */
void dns_jobs_done(struct dns_jobs *jobs);
/* All jobs end with this error. */
void dns_jobs_fail(struct dns_jobs *jobs, int err);

/* The job that is under way for this question, or a new one. ERR_LIMIT: too many. */
int dns_job_start(struct dns_jobs *jobs, struct resolver *resolver,
                  const struct dns_question *question, struct dns_job **ret);
/* Have on_slow called when this job has taken that long, if it is not watched already. */
void dns_job_watch(struct dns_job *job, uint32_t slow_ms);
/* Somebody went away. Ends the job if it is for nobody any more. */
void dns_job_leave(struct dns_job *job);

#endif
