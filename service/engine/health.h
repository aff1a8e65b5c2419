/* How we stand towards the upstreams, in a word and a reason, for status and tray: connecting, on,
 * blocked (a person must act), failing (we keep trying). While it is not "on", it probes: one
 * connection to a DNS server, through whichever upstream the pool offers. While it is, traffic
 * tells; where there is none, a probe when somebody looks, and so nothing at all while nobody does.
 */
#ifndef SERVICE_ENGINE_HEALTH_H
#define SERVICE_ENGINE_HEALTH_H

#include "service/engine/connect.h"

#include <stdbool.h>
#include <stddef.h>

enum health_state { HEALTH_CONNECTING, HEALTH_ON, HEALTH_BLOCKED, HEALTH_FAILING };

enum { HEALTH_REASON_MAX = 256, HEALTH_TARGETS_MAX = 8 };

typedef void health_report_fn(void *owner, enum health_state state, const char *reason,
                              const char *upstream);

struct health {
    struct connector *connector;
    struct endpoint targets[HEALTH_TARGETS_MAX]; /* of the probes, in turn */
    size_t target_count, next_target;
    enum health_state state;
    char reason[HEALTH_REASON_MAX];
    char upstream[UPSTREAM_NAME_MAX + 1];
    bool is_running;
    struct connect *probe;
    struct timer retry;
    uint64_t retry_ms;
    uint64_t good_at_ms;  /* when a dial worked last */
    unsigned doubts_left; /* probes that may still fail before we leave it at "on" */
    health_report_fn *on_report;
    void *owner;
};

void health_init(struct health *health, struct connector *connector, health_report_fn *on_report,
                 void *owner);
/* Begin again from "connecting" and report. */
void health_start(struct health *health);
/* Addresses to probe, at least one; the first HEALTH_TARGETS_MAX are used. */
void health_set_targets(struct health *health, const struct endpoint *targets, size_t count);
void health_stop(struct health *health);

/* After every attempt to dial: 0 it worked, or what the upstream did wrong. */
void health_note(struct health *health, int err);
/* Something stands in the way that no dial can tell (a name that cannot be looked up). */
void health_complain(struct health *health, const char *upstream, int err);
/* Somebody wants to know: where it is "on" and nothing was heard for a while, find out. What comes
 * of it is reported, and seen by who looks again. */
void health_look(struct health *health);
/* A new chance: probe now. */
void health_retry(struct health *health);

#endif
