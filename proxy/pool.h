/* Which upstream next: rotation among the healthy, and what is known of each one's health. Picks
 * and reports only; it opens no connection and never calls back.
 *
 * Each member has a breaker. CLOSED: picked in turn. It trips to OPEN after 3 failures in a row,
 * when half of at least 10 dials within 10 s failed, at once when the server refuses connections or
 * has no route, and for 60 s when it does not accept our login. OPEN: passed over for a random time
 * of up to 1 s, doubling with each trip to 60 s, or 5 s for an only member ("full jitter", so that
 * many clients do not come back together). Then HALF_OPEN: one dial at a time may try it; 2 that
 * work close it again, one that fails opens it. A server that works and says no counts as failed
 * only after 10 in a row. */
#ifndef PROXY_POOL_H
#define PROXY_POOL_H

#include "proxy/upstream.h"

#include <stddef.h>
#include <stdint.h>

struct pool;

/* UNTRIED and HEALTHY: CLOSED; RESTING: OPEN or HALF_OPEN, not picked before retry_at_ms. */
enum pool_health { POOL_UNTRIED, POOL_HEALTHY, POOL_RESTING };

struct pool_member {
    struct upstream *upstream; /* borrowed */
    enum pool_health health;
    uint64_t retry_at_ms;
    unsigned failures_in_a_row;
    int last_err;
    uint64_t dials, failures; /* reported, and those of them that were charged to it */
};

struct pool *pool_new(void);
void pool_free(struct pool *pool); /* NULL is accepted */
/* Tests: what the jitter is drawn from; a pool is made with a random one. */
void pool_set_seed(struct pool *pool, uint64_t seed);
/* Replace the members; one that is the same as before keeps its object, addresses and health. 0 or
 * < 0 with the pool unchanged. */
int pool_set(struct pool *pool, const struct upstream_options *list, size_t count);

/* Choose the upstream for one attempt of a new conversation.
 *
 * needs_udp   only members that can carry UDP
 * tried, n    members this conversation has failed with already; they are passed over
 * now_ms      loop clock
 * ret         counted reference, release with upstream_unref()
 *
 * Returns 0; -ENOENT no member could ever do it (empty, or none has UDP, or all tried); -EAGAIN all
 * that could are resting. */
int pool_pick(struct pool *pool, bool needs_udp, struct upstream *const *tried, size_t n,
              uint64_t now_ms, struct upstream **ret);
/* The only way health changes. err 0: a dial through it worked (so did one that ended in the
 * target's own error, see err_is_target); other: it is charged to the upstream. */
void pool_report(struct pool *pool, const struct upstream *upstream, int err, uint64_t now_ms);
/* The network changed: those that rest may be tried now (not those that refused our login). */
void pool_forgive(struct pool *pool, uint64_t now_ms);

size_t pool_members(const struct pool *pool, struct pool_member *ret, size_t max);
/* Is there one that a new conversation could be given now? */
bool pool_is_available(const struct pool *pool, uint64_t now_ms);
/* When the first of the resting may be tried; UINT64_MAX if none rests. */
uint64_t pool_retry_at_ms(const struct pool *pool);

#endif
